"""The layout in which the paper's data are published, "csakd-aviris": a folder an image, and lists of them.

    FOLDER/train.txt, val.txt, test.txt     the images of each split, a name a line
    FOLDER/IMAGE/GT.npz.npy                 the truth; a plain .npy array in spite of its name
    FOLDER/IMAGE/hrmsi.npz, lrhsi.npz       the pair observed of it
    FOLDER/dataset.json                     see `csakd.benchmark.dataset.card`; only if csakd built the folder

Arrays are written (rows, columns, bands), and read in that order or (bands, rows, columns).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from csakd.benchmark.dataset.card import About, Card
from csakd.benchmark.dataset.flight_lines import KEPT
from csakd.cubes import Cube, Pair
from csakd.io.atomic import replacing
from csakd.io.damage import reading
from csakd.io.layout import Layout
from csakd.io.numpy_files import COMPLAINTS, NpyValues
from csakd.physics import band_list
from csakd.physics.sensors import MULTISPECTRAL

TRUTH, MSI, HSI = "GT.npz.npy", "hrmsi.npz", "lrhsi.npz"
USUAL_NAMES = ("data", "arr_0")  # of the array that is meant where a file has others of its shape


def write_image(
    folder: Path, truth: NDArray[np.generic], hsi: NDArray[np.generic], msi: Mapping[str, NDArray[np.generic]]
) -> None:
    """Makes the folder of an image, whole or not at all, from (bands, rows, columns) arrays; MSIs by name."""
    with replacing(folder) as draft:
        draft.mkdir()
        np.save(draft / TRUTH, _bands_last(truth), allow_pickle=False)
        np.savez(draft / HSI, lrhsi=_bands_last(hsi))
        np.savez(draft / MSI, **{name: _bands_last(image) for name, image in msi.items()})  # type: ignore[arg-type]


def read_truth(folder: Path, about: About) -> Cube:
    """The truth (L, H, W), its values left in the file.

    The bands are on the axis of length 172, and are the paper's; else on the axis that differs from two equal ones.

    Raises:
        ValueError: if the file is missing, damaged, or no such image.
    """
    path = folder / TRUTH
    if not path.is_file():
        raise ValueError(f"{folder} holds no {TRUTH}: every image of the lists needs one")
    with reading(path, "NumPy array", *COMPLAINTS):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    listed = band_list(KEPT)
    axis = _spectral_axis(array.shape, listed.wavelengths.size)
    if axis is None or array.dtype.kind not in "iuf":
        raise ValueError(f"{path} is no image but {array.dtype} {array.shape}: expected (rows, columns, bands)")
    known = array.shape[axis] == listed.wavelengths.size
    return Cube(
        NpyValues(path, Layout("GT", array.shape, axis), array.dtype),
        listed.wavelengths if known else None,
        listed.fwhm if known else None,
        georeference=about.georeference,
        units=about.units,
        source=str(path),
    )


def read_pair(folder: Path, truth: Cube, card: Card, msi: str = "tm4") -> Pair:
    """The pair that was published with an image, in memory.

    Its PSF and response are known only where `dataset.json` tells them: how the pixels of other published pairs lie
    on each other is not.

    Args:
        truth: as `read_truth` gives it.
        msi: which MSI, as in `csakd.physics.observe`.

    Raises:
        ValueError: if a file is missing or damaged, or leaves open which array is meant.
    """
    name, bands = msi_name(msi), band_list(msi) if msi in MULTISPECTRAL else None
    count = None if bands is None else bands.wavelengths.size
    low = _array(folder / HSI, truth.bands, None, ("lrhsi",))
    high = _array(folder / MSI, count, truth.size, (name, f"hrmsi{count}"))
    where = truth.georeference
    hsi = Cube(
        low,
        truth.wavelengths,
        truth.fwhm,
        georeference=where and where.scaled(max(1, round(truth.size[0] / low.shape[1]))),
        units=truth.units,
        source=str(folder / HSI),
    )
    high_cube = Cube(
        high,
        None if bands is None else bands.wavelengths,
        None if bands is None else bands.fwhm,
        georeference=where,
        units=truth.units,
        source=str(folder / MSI),
    )
    return Pair(hsi, high_cube, card.psf, card.response(name))


def msi_name(msi: str) -> str:
    """What an MSI is called in files: "tm4", or the stem of a file of curves."""
    return msi if msi in MULTISPECTRAL else Path(msi).stem


def _bands_last(image: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.ascontiguousarray(image.transpose(1, 2, 0))


def _spectral_axis(shape: Sequence[int], bands: int) -> int | None:
    if len(shape) != 3 or 0 in shape:
        return None
    of_length = [axis for axis in (2, 0, 1) if shape[axis] == bands]
    alone = [axis for axis in (2, 0) if len({*shape[:axis], *shape[axis + 1 :]}) == 1]
    return next(iter(of_length or alone), None)


def _array(path: Path, bands: int | None, size: tuple[int, int] | None, names: Sequence[str]) -> NDArray[np.float32]:
    """The one image (bands, rows, columns) in an archive with so many bands and of that size, where they are given."""
    if not path.is_file():
        raise ValueError(f"{path} is missing: half of the image's pair; observe one from its truth")
    with reading(path, "NumPy archive", *COMPLAINTS), np.load(path, allow_pickle=False) as archive:
        stored: dict[str, NDArray[np.generic]] = {name: archive[name] for name in archive.files}
    found = {}
    for name, array in stored.items():
        if array.ndim == 3 and array.dtype.kind in "iuf":
            images = (np.moveaxis(array, axis, 0) for axis in (2, 0, 1) if bands in (None, array.shape[axis]))
            fitting = next((image for image in images if size in (None, image.shape[1:])), None)
            if fitting is not None:
                found[name] = fitting
    chosen = next(iter(found)) if len(found) == 1 else next((n for n in (*names, *USUAL_NAMES) if n in found), None)
    if chosen is None:
        listing = ", ".join(f"{name} {array.shape}" for name, array in stored.items()) or "nothing"
        wanted = f"{bands or 'any number of'} bands" + (f" of {size[0]}x{size[1]} pixels" if size else "")
        which = "leaves open which array is" if found else "does not hold"
        raise ValueError(f"{path} {which} the image with {wanted}; it has {listing}")
    return np.ascontiguousarray(found[chosen], dtype=np.float32)
