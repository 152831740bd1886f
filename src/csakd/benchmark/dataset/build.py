"""The paper's data set, built from AVIRIS flight lines (paper Sec. IV-A).

Of 224 bands 172 are kept; flight lines are cut into sub-images of 259x259 pixels without overlap, of which the top
left 256x256 are the truth; the pairs are `csakd.observe`d. `csakd.benchmark.dataset.image_folders` has the layout.

Two things differ from the paper: whole flight lines go to one split, as sub-images beside each other look alike (the
paper splits image by image, as `split="image"` does), and a sub-image with a missing pixel is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csakd.benchmark.dataset.card import BY_IMAGE, BY_LINE, claim, finish
from csakd.benchmark.dataset.flight_lines import KEPT, FlightLine, open_all
from csakd.benchmark.dataset.image_folders import msi_name, write_image
from csakd.benchmark.dataset.splits import SPLITS, split_groups
from csakd.cubes import Cube
from csakd.physics import band_list, observe, spectral_response
from csakd.physics import psf as psfs
from csakd.physics.operators import SpectralResponse, check_ratio

PAPER_COUNTS = (1678, 200, 200)
THERE, MADE, MISSING = "there", "made", "missing"  # what became of a sub-image

Place = tuple[FlightLine, tuple[int, int]]


@dataclass(frozen=True)
class Built:
    """What a build came to.

    Attributes:
        folder: of the data set.
        counts: images in each split.
        left_out: sub-images that have missing pixels.
        made: images made now; the others were there.
    """

    folder: Path
    counts: dict[str, int]
    left_out: int
    made: int


@dataclass(frozen=True, eq=False)
class Observation:
    """How images are cut and observed.

    Attributes:
        tile, crop: high pixels of a sub-image's side, and of its truth's.
        psf: (S, S) weights.
        responses: of each MSI, by the name it has in the files.
    """

    tile: int
    crop: int
    ratio: int
    psf: NDArray[np.float64]
    responses: dict[str, SpectralResponse]

    @classmethod
    def of(cls, msi: Sequence[str], ratio: int, psf: str | None, tile: int, crop: int) -> Observation:
        """
        Raises:
            ValueError: if an argument is out of range.
        """
        check_ratio(ratio)
        if not 0 < crop <= tile or crop % ratio:
            raise ValueError(f"crop {crop}: it must be a multiple of the ratio {ratio}, and at most the tile, {tile}")
        centres = band_list(KEPT).wavelengths
        responses = {msi_name(name): spectral_response(name, centres.size, centres) for name in msi}
        if not msi or len(responses) < len(msi):
            raise ValueError(f"MSI {', '.join(msi) or 'missing'}: name at least one, and none twice")
        return cls(tile, crop, ratio, psfs.gaussian(ratio) if psf is None else psfs.parse(psf, ratio), responses)

    def settings(self) -> dict[str, Any]:
        """Everything that the images depend on but their flight lines."""
        return {
            "bands": KEPT,
            "tile": self.tile,
            "crop": self.crop,
            "ratio": self.ratio,
            "psf": self.psf.tolist(),
            "responses": {name: response.matrix.tolist() for name, response in self.responses.items()},
        }

    def write(self, folder: Path, sub_image: NDArray[np.generic]) -> None:
        """Makes the folder of one image. Its truth has the flight line's type if that is an integer, else float32."""
        truth = sub_image[:, : self.crop, : self.crop]
        if truth.dtype.kind == "f":
            truth = truth.astype(np.float32)
        scene = Cube(truth, band_list(KEPT).wavelengths)
        pairs = {name: observe(scene, msi, self.ratio, self.psf).pair for name, msi in self.responses.items()}
        low = next(iter(pairs.values())).hsi.values[:, :, :]
        write_image(folder, truth, low, {name: pair.msi.values[:, :, :] for name, pair in pairs.items()})


def build_dataset(
    flightlines: Sequence[str | Path],
    output: str | Path,
    *,
    msi: Sequence[str] = ("tm4", "tm6"),
    ratio: int = 4,
    psf: str | None = None,
    split: str = BY_LINE,
    counts: Sequence[int] = PAPER_COUNTS,
    seed: int = 0,
    tile: int = 259,
    crop: int = 256,
    tolerance: float = 15.0,
    progress: bool = True,
) -> Built:
    """Builds a data set in a folder, from flight lines read a sub-image at a time.

    A build that was interrupted goes on where it stopped when called again. The lists, which make the folder a data
    set, are written last; until then the split may still be changed.

    Args:
        flightlines: files that `csakd.read` reads, of AVIRIS's 224 bands or the 172 kept ones.
        output: the folder; empty, not there yet, or of the same build.
        msi, ratio, psf: how the pairs are observed, see `csakd.observe`; no noise.
        split: "flight-line" (whole flight lines) or "image" (the paper's).
        counts: shares of train, validation and test, met as nearly as the split allows.
        seed: of the split.
        tile, crop: high pixels of a sub-image's side, and of its truth's.
        tolerance: nm by which a file's band centres may be off those of `aviris-224` (lines since 2006 are up to 11 nm
            off at its long end). Every image is taken to have the table's, so that one spectral response holds for all.
        progress: whether to show a bar on stderr.

    Raises:
        FileNotFoundError: if a flight line is missing.
        ValueError: if an argument is out of range, the folder holds anything else or a build with other settings, or
            there are too few flight lines or images to split.
    """
    observation = Observation.of(msi, ratio, psf, tile, crop)
    _check_split(split, counts)
    lines = open_all(flightlines, tolerance)
    if split == BY_LINE:
        _check_enough(len(lines), "flight lines")
    folder = Path(output)
    card = claim(folder, observation.settings(), {"by": split, "counts": list(counts), "seed": seed}, lines)
    images, states = _make_images(folder, observation, lines, progress)
    if not images:
        raise ValueError(f"no image: all {states[MISSING]} sub-images of {tile}x{tile} pixels have missing ones")
    groups = {name: image["flight_line"] if split == BY_LINE else name for name, image in images.items()}
    sizes = Counter(groups.values())
    _check_enough(len(sizes), "flight lines with images" if split == BY_LINE else "images")
    chosen = split_groups(sizes, counts, seed)
    lists = {one: [name for name, group in groups.items() if chosen[group] == one] for one in SPLITS}
    finish(folder, card, images, lists, states[MISSING])
    return Built(folder, {one: len(members) for one, members in lists.items()}, states[MISSING], states[MADE])


def _check_split(split: str, counts: Sequence[int]) -> None:
    if split not in (BY_LINE, BY_IMAGE):
        raise ValueError(f"no split {split!r}: choose {BY_LINE} or {BY_IMAGE}")
    if len(counts) != len(SPLITS) or min(counts) < 1:
        raise ValueError(f"counts {', '.join(map(str, counts))}: give three above zero, for {', '.join(SPLITS)}")


def _check_enough(count: int, what: str) -> None:
    if count < len(SPLITS):
        raise ValueError(
            f"{count} {what} for {', '.join(SPLITS)}, which need one each: give more, or split by image (--split image)"
        )


def _make_images(
    folder: Path, observation: Observation, lines: Sequence[FlightLine], progress: bool
) -> tuple[dict[str, dict[str, Any]], Counter[str]]:
    """Where the images of the data set were cut, by name, and how many sub-images came to which state."""
    images: dict[str, dict[str, Any]] = {}
    states: Counter[str] = Counter()
    places = [(line, corner) for line in lines for corner in line.corners(observation.tile)]
    for source, (row, column) in _shown(places, progress):
        name = f"{source.name}_{row:05d}_{column:05d}"
        state = _provide(folder / name, observation, source, (row, column))
        states[state] += 1
        if state != MISSING:
            transform = source.transform((row, column))
            images[name] = {"flight_line": source.name, "row": row, "column": column, "transform": transform}
    return images, states


def _provide(folder: Path, observation: Observation, source: FlightLine, corner: tuple[int, int]) -> str:
    """Makes the image unless it is there, or pixels of it are missing; says which."""
    if folder.is_dir():
        return THERE
    sub_image = source.sub_image(corner, observation.tile)
    if sub_image is None:
        return MISSING
    observation.write(folder, sub_image)
    return MADE


def _shown(places: Sequence[Place], progress: bool) -> Iterable[Place]:
    from rich.console import Console
    from rich.progress import track

    return track(places, "sub-images", console=Console(stderr=True), disable=not progress)
