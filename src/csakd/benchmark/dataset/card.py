"""`dataset.json`: how the images of a folder were made, and where each was cut.

layout, csakd          "csakd-aviris", and the versions that made images
settings               everything the images depend on but their flight lines, PSF and responses as numbers
split, counts          how the lists were made, and how many images each has
flight_lines           by name: file, sha256 of its header, shape, units, coordinate reference system, …
images                 by name: flight line, first row and column there, six numbers of its affine map
left_out               sub-images with missing pixels
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from csakd.benchmark.dataset.flight_lines import FlightLine
from csakd.cubes import Georeference
from csakd.io.atomic import replacing
from csakd.io.damage import reading
from csakd.version import version

CARD, LAYOUT = "dataset.json", "csakd-aviris"
LISTS = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}
BY_LINE, BY_IMAGE = "flight-line", "image"
DRAFT = re.compile(r"\..+\.[0-9a-f]{8}(\..*)?")  # what `replacing` leaves if the process is killed


class About(NamedTuple):
    """What is known of an image besides its pixels.

    Attributes:
        group: what it shares with images that must not be split from it: its flight line, else its own name.
    """

    group: str
    georeference: Georeference | None = None
    units: str = ""


@dataclass(frozen=True)
class Card:
    """The content of `dataset.json`; empty where there is none, or one that csakd did not write."""

    content: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Card:
        """
        Raises:
            ValueError: if the file is damaged.
        """
        path = folder / CARD
        if not path.is_file():
            return cls()
        with reading(path, "description of a data set", ValueError, TypeError):
            content = dict(json.loads(path.read_text(encoding="utf-8")))
        return cls(content if content.get("layout") == LAYOUT else {})

    def about(self, image: str) -> About:
        if image not in self.content.get("images", ()):
            return About(image)
        told = self.content["images"][image]
        line = self.content["flight_lines"][told["flight_line"]]
        where = Georeference(line["crs"], tuple(told["transform"])) if told["transform"] else None
        return About(told["flight_line"] if self.content["split"]["by"] == BY_LINE else image, where, line["units"])

    @property
    def psf(self) -> NDArray[np.float64] | None:
        return np.array(self.content["settings"]["psf"]) if self.content else None

    def response(self, msi: str) -> NDArray[np.float64] | None:
        weights = self.content["settings"]["responses"].get(msi) if self.content else None
        return None if weights is None else np.array(weights)

    def write(self, folder: Path) -> None:
        """Indented, but numbers in a list side by side."""
        text = json.dumps(self.content, indent=1)
        text = re.sub(r"\[\n[-+.,e\d\s]*\]", lambda numbers: "".join(numbers[0].split()), text)
        with replacing(folder / CARD) as draft:
            draft.write_text(text + "\n", encoding="utf-8")


def claim(folder: Path, settings: Mapping[str, Any], split: Mapping[str, Any], lines: Sequence[FlightLine]) -> Card:
    """Makes the folder that of a build, or makes sure that it is; its card so far.

    Raises:
        ValueError: if it holds anything else, or a data set that would come out differently.
    """
    described = {line.name: _described(line) for line in lines}
    mine = {"layout": LAYOUT, "settings": settings, "split": split, "flight_lines": described}
    mine = json.loads(json.dumps(mine))  # as it reads back
    folder.mkdir(parents=True, exist_ok=True)
    former, found = dict(Card.of(folder).content), list(folder.iterdir())
    drafts = [path for path in found if DRAFT.fullmatch(path.name)]
    if former:
        _refuse_changes(folder, former, mine)
    elif len(found) > len(drafts):
        raise ValueError(f"{folder} holds something else: choose a folder that is empty or not there yet")
    for path in drafts:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    # A finished data set stays described while its images are gone through again.
    card = Card({**former, **mine, "csakd": sorted({*former.get("csakd", ()), version()})})
    card.write(folder)
    return card


def finish(
    folder: Path, card: Card, images: Mapping[str, Any], lists: Mapping[str, Sequence[str]], left_out: int
) -> None:
    """Writes the card and then the lists, which make the folder a data set."""
    counts = {name: len(members) for name, members in lists.items()}
    Card({**card.content, "counts": counts, "left_out": left_out, "images": images}).write(folder)
    for name, file in LISTS.items():
        with replacing(folder / file) as draft:
            draft.write_text("".join(f"{image}\n" for image in lists[name]), encoding="utf-8")


def _described(line: FlightLine) -> dict[str, Any]:
    cube, where = line.cube, line.cube.georeference
    return {
        "file": str(line.file),
        "sha256": line.sha256,
        "shape": list(cube.values.shape),
        "dtype": cube.values.dtype.name,
        "nodata": None if cube.nodata is None else str(cube.nodata),  # JSON has no NaN
        "nm_off": line.deviation,
        "units": cube.units,
        "crs": "" if where is None else where.crs,
    }


def _refuse_changes(folder: Path, former: Mapping[str, Any], mine: Mapping[str, Any]) -> None:
    for part, remedy in (("settings", ""), ("flight_lines", ""), ("split", ", or remove its lists to split it anew")):
        if part == "split" and not any((folder / name).exists() for name in LISTS.values()):
            continue  # nothing has been split yet
        before, now = (_without_files(content[part]) for content in (former, mine))
        changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        if changed:
            raise ValueError(
                f"{folder} holds a data set with other {part.replace('_', ' ')} ({', '.join(changed[:3])}): "
                f"give the same, or choose another folder{remedy}"
            )


def _without_files(part: Mapping[str, Any]) -> dict[str, Any]:
    """Flight lines may have been moved since."""
    return {
        name: {key: fact for key, fact in value.items() if key != "file"} if isinstance(value, dict) else value
        for name, value in part.items()
    }
