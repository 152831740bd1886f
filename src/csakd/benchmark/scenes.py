"""The scenes of a benchmark, from a folder in one of two layouts.

A *catalogue* is a folder with `scenes.json`, {"scenes": [...]}, each of which has

- name, split ("train", "validation", "test", or another), group (what must not be split; "" if it is alone);
- file, variable: a MATLAB, NumPy or Zarr file in the folder, and the array in it;
- layout: "HWB", or "BN, N = RxC column-major": spectra side by side, pixel n in row n % R and column n // R;
- sensor, bands: the channels that were kept, numbers from 1 among the 224 of AVIRIS, or among its 220 of 1992 where
  the sensor's name has "1992"; null if they are not known. Scenes of other sensors have no wavelengths;
- quantity (optional): what is measured; "…, DN = 1000 + 500 L" for numbers that become radiance L when read.

A folder with `train.txt`, `val.txt` and `test.txt` holds an image a folder:
`csakd.benchmark.dataset.image_folders`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csakd.benchmark.dataset.card import CARD, LISTS, Card
from csakd.benchmark.dataset.image_folders import read_pair, read_truth
from csakd.cubes import Cube, Pair
from csakd.io import read
from csakd.io.damage import reading
from csakd.io.layout import Arranged
from csakd.physics import band_list
from csakd.physics.sensors import BandList

CATALOGUE = "scenes.json"
KEYS = ("name", "split", "group", "file", "variable", "layout", "sensor", "bands")
UNROLLED = re.compile(r"BN, N = (\d+)x(\d+) column-major")
DIGITAL_NUMBERS = re.compile(r"DN = ([\d.]+) \+ ([\d.]+) L")


@dataclass(frozen=True)
class Scene:
    """One scene, still on disk.

    Attributes:
        name: unique in its benchmark.
        split: "train", "validation", "test", or another.
        group: scenes of a group share a split; "" for a scene that is alone.
        has_wavelengths: whether it is known where its bands lie.
        load: reads it: (L, H, W), in memory as float32 from a catalogue, lazy from folders of images.
        pair: reads the pair published with it, with the MSI of that name ("tm4"); None if it has none.
    """

    name: str
    split: str
    group: str
    has_wavelengths: bool
    load: Callable[[], Cube]
    pair: Callable[[str], Pair] | None = None


def scenes_in(folder: str | Path) -> list[Scene]:
    """Every scene in a folder, in the order in which the folder lists them.

    Raises:
        ValueError: if the folder has neither layout, a file is missing or damaged, a name or an image stands twice,
            or a group is in more than one split.
    """
    folder = Path(folder)
    if (folder / CATALOGUE).is_file():
        scenes = _catalogued(folder)
    elif any((folder / name).is_file() for name in LISTS.values()):
        scenes = _listed(folder)
    elif (folder / CARD).is_file():
        raise ValueError(f"{folder} is an unfinished data set: run the command that builds it again")
    else:
        raise ValueError(f"{folder} holds no scenes: expected {CATALOGUE}, or {', '.join(LISTS.values())}")
    if not scenes:
        raise ValueError(f"{folder} lists no scene")
    _refuse_repeated(folder, [scene.name for scene in scenes])
    splits: dict[str, str] = {}
    for scene in scenes:
        other = splits.setdefault(scene.group, scene.split) if scene.group else scene.split
        if other != scene.split:
            raise ValueError(
                f"{folder}: group {scene.group!r} is in both {other} and {scene.split}: split by scene and group"
            )
    return scenes


@dataclass(frozen=True, eq=False)
class _Stored:
    """Where a catalogued scene lies and how it is read. `grid` is (R, C) of unrolled pixels, else None."""

    path: Path
    variable: str
    grid: tuple[int, int] | None
    bands: BandList | None
    quantity: str

    def load(self) -> Cube:
        """
        Raises:
            ValueError: if the file is damaged, or not what the catalogue says.
        """
        cube = read(self.path, variable=self.variable)
        assert isinstance(cube.values, Arranged)  # so are the values of every file with variables
        stored = cube.values.take(tuple(slice(0, length) for length in cube.values.layout.shape))
        values = self._arranged(stored).astype(np.float32)
        if self.bands is not None and self.bands.wavelengths.size != len(values):
            told = self.bands.wavelengths.size
            raise ValueError(f"{self.path} has {len(values)} bands, {CATALOGUE} lists {told} for it; correct the list")
        numbers, units = DIGITAL_NUMBERS.search(self.quantity), self.quantity
        if numbers is not None:
            values, units = (values - float(numbers[1])) / float(numbers[2]), "W/(m2 sr um)"
        return Cube(
            values,
            None if self.bands is None else self.bands.wavelengths,
            None if self.bands is None else self.bands.fwhm,
            units=units,
            source=cube.source,
        ).load()

    def _arranged(self, stored: NDArray[np.generic]) -> NDArray[np.generic]:
        """(L, H, W) of the array as the file has it."""
        if self.grid is None and stored.ndim == 3:
            return np.moveaxis(stored, 2, 0)
        if self.grid is not None and stored.ndim == 2 and stored.shape[1] == self.grid[0] * self.grid[1]:
            return stored.reshape(len(stored), self.grid[1], self.grid[0]).swapaxes(1, 2)
        told = "HWB" if self.grid is None else f"BN of {self.grid[0]}x{self.grid[1]} pixels"
        raise ValueError(f"{self.path}: {self.variable} has shape {stored.shape}, which is not {told}")


def _catalogued(folder: Path) -> list[Scene]:
    path = folder / CATALOGUE
    with reading(path, "list of scenes", ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
    entries = content.get("scenes") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ValueError(f'{path} lacks "scenes", a list')
    scenes, places = [], []
    for number, entry in enumerate(entries, 1):
        known = entry if isinstance(entry, dict) else {}
        missing = [key for key in KEYS if key not in known]
        if missing:
            raise ValueError(f"{path}: scene {known.get('name', number)} lacks {', '.join(missing)}")
        stored = _stored(folder, entry)
        places.append(f"{entry['file']} {entry['variable']}")
        scenes.append(Scene(entry["name"], entry["split"], entry["group"], stored.bands is not None, stored.load))
    _refuse_repeated(folder, places)
    return scenes


def _stored(folder: Path, entry: Mapping[str, Any]) -> _Stored:
    where, file = f"{folder / CATALOGUE}: scene {entry['name']}", folder / entry["file"]
    unrolled = UNROLLED.fullmatch(entry["layout"])
    if entry["layout"] != "HWB" and unrolled is None:
        raise ValueError(f'{where} has layout {entry["layout"]!r}: known are "HWB" and "BN, N = RxC column-major"')
    if not file.exists():
        raise ValueError(f"{where} is in {entry['file']}, which is missing")
    grid = None if unrolled is None else (int(unrolled[1]), int(unrolled[2]))
    return _Stored(file, entry["variable"], grid, _kept(entry, where), entry.get("quantity", ""))


def _kept(entry: Mapping[str, Any], where: str) -> BandList | None:
    """The centres of the kept channels, where they and the sensor's table are known."""
    if entry["bands"] is None or "AVIRIS" not in entry["sensor"]:
        return None
    table = band_list("aviris-1992-220" if "1992" in entry["sensor"] else "aviris-224")
    count = table.wavelengths.size
    if not all(isinstance(channel, int) and 1 <= channel <= count for channel in entry["bands"]):
        raise ValueError(f"{where} keeps channels that {entry['sensor']} does not have: they are 1 to {count}")
    kept = np.array(entry["bands"]) - 1
    return BandList(table.wavelengths[kept], None if table.fwhm is None else table.fwhm[kept])


def _listed(folder: Path) -> list[Scene]:
    card, scenes = Card.of(folder), []
    for split, name in LISTS.items():
        if not (folder / name).is_file():
            raise ValueError(f"{folder} lacks {name}: a data set has {', '.join(LISTS.values())}")
        lines = (line.strip() for line in (folder / name).read_text(encoding="utf-8").splitlines())
        scenes += [_published(folder, _image(folder, line, name), split, card) for line in lines if line]
    return scenes


def _published(folder: Path, image: Path, split: str, card: Card) -> Scene:
    name = image.relative_to(folder).as_posix()
    about = card.about(name)
    truth = read_truth(image, about)
    pair = partial(read_pair, image, truth, card)
    return Scene(name, split, about.group, truth.wavelengths is not None, lambda: truth, pair)


def _image(folder: Path, line: str, name: str) -> Path:
    """The folder that a line names; lists written elsewhere may have parts before it that are not here."""
    parts = [part for part in PurePosixPath(line.replace("\\", "/")).parts if part not in ("/", "..")]
    for first in range(len(parts)):
        if (folder / Path(*parts[first:])).is_dir():
            return folder / Path(*parts[first:])
    raise ValueError(f"{folder / name} names {line}, which is no folder here")


def _refuse_repeated(folder: Path, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{folder} lists {', '.join(twice[:3])} more than once: a scene is in one split only")
