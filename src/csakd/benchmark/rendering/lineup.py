"""Who stands in tables and figures: order, names as printed, kinds, colours and markers; the same everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from csakd.benchmark.methods import ADAPTED, Name

# Okabe and Ito's palette, safe for the colour-blind, less its yellow (faint on white); then two of Paul Tol's.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#7F7F7F"
WINE, OLIVE = "#882255", "#999933"
COLOURS = (BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, GREY, WINE, OLIVE)
MARKERS = "os^vD<>Pphd"

KINDS = {
    "classical": "Classical",
    "one-pair": "Learnt from the one pair that is fused",
    "supervised": "Supervised",
    "shipped": "CSAKD (ours), as it comes with the package",
    "repeated": "The same, trained again by their recipe",
    "ours": "CSAKD (ours)",
    "other": "Other",
}


@dataclass(frozen=True)
class Entrant:
    """What is printed and drawn of a model.

    Attributes:
        label: its name for readers.
        kind: a key of `KINDS`.
        colour, marker: its own in every figure; colours repeat, pairs do not.
    """

    label: str
    kind: str
    colour: str
    marker: str


# In the order of the tables. A row for every method of the benchmark; what is not here comes last, under its own name.
LINEUP: dict[str, Entrant] = {
    "bicubic": Entrant("bicubic", "classical", GREY, "o"),
    "gsa": Entrant("GSA-HS", "classical", SKY, "s"),
    "sfim": Entrant("SFIM-HS", "classical", OLIVE, "s"),
    "glp": Entrant("GLP-HS", "classical", BLACK, "s"),
    "glp-hpm": Entrant("GLP-HS-HPM", "classical", GREY, "s"),
    "rfuse": Entrant("R-FUSE", "classical", GREEN, "s"),
    "rfuse-blind": Entrant("R-FUSE, blind", "classical", ORANGE, "s"),
    "cnmf": Entrant("CNMF", "classical", PURPLE, "s"),
    "hysure": Entrant("HySure", "classical", WINE, "s"),
    "hyper": Entrant("hyper", "classical", BLUE, "D"),
    "hyper-edge": Entrant("hyper-edge", "classical", ORANGE, "D"),
    "hyper-edge-thorough": Entrant("hyper-edge, thorough", "classical", VERMILION, "D"),
    "cucanet": Entrant("CUCaNet", "one-pair", ORANGE, "v"),
    "usdn": Entrant("uSDN", "one-pair", GREEN, "v"),
    "u2mdn": Entrant("u2-MDN", "one-pair", PURPLE, "v"),
    "pzresnet": Entrant("PZRes-Net", "supervised", ORANGE, "^"),
    "mssjfl": Entrant("MSSJFL", "supervised", GREEN, "<"),
    "dual-unet": Entrant("Dual-UNet", "supervised", SKY, "P"),
    "dhif-net": Entrant("DHIF-Net", "supervised", PURPLE, ">"),
    "ssrnet": Entrant("SSRNET", "supervised", OLIVE, "p"),
    "csakd-student": Entrant("CSAKD student", "shipped", VERMILION, "P"),
    "csakd-teacher": Entrant("CSAKD teacher", "shipped", BLACK, "P"),
    "universal-teacher": Entrant("CSAKD teacher, retrained", "repeated", BLACK, "D"),
    "universal-student": Entrant("CSAKD student, retrained", "repeated", VERMILION, "p"),
    "universal-alone": Entrant("CSAKD student, undistilled", "repeated", BLUE, "d"),
    "teacher": Entrant("Teacher", "ours", BLACK, "h"),
    "student": Entrant("Student", "ours", VERMILION, "o"),
    "student-alone": Entrant("Student, undistilled", "ours", VERMILION, "d"),
    "teacher-l": Entrant("Teacher-L", "ours", BLACK, "^"),
    "student-l": Entrant("Student-L", "ours", VERMILION, "^"),
    "teacher-l-ext": Entrant("Teacher-L-Ext", "ours", BLACK, "v"),
    "student-l-ext": Entrant("Student-L-Ext", "ours", VERMILION, "v"),
    "mini-teacher": Entrant("mini Teacher", "ours", BLUE, "h"),
    "mini-student": Entrant("mini Student", "ours", WINE, "h"),
}


def entrant(model: str) -> Entrant:
    """Of `LINEUP`; a model that is not in it has a colour and a marker drawn by its name."""
    if model in LINEUP:
        return LINEUP[model]
    drawn = int.from_bytes(hashlib.sha256(model.encode()).digest()[:8])
    colour, marker = COLOURS[drawn % len(COLOURS)], MARKERS[drawn // len(COLOURS) % len(MARKERS)]
    return Entrant(model, "other", colour, marker)


def label(method: str, hidden: Collection[str] = ()) -> str:
    """As printed, without the changes that all share and without saying that a change is one of options."""
    name = Name.parse(method)
    shown = ", ".join(change.removeprefix("options.") for change in name.changes if change not in hidden)
    base = ", adapted" if name.base == ADAPTED else f" on {entrant(name.base).label}" if name.base else ""
    stem = entrant(name.model).label + base
    return f"{stem} ({shown})" if shown else stem


def place(method: str) -> tuple[int, int, str]:
    """Sorts methods: by kind, then as in `LINEUP`, then by name."""
    name = Name.parse(method)
    known = list(LINEUP)
    position = known.index(name.model) if name.model in LINEUP else len(known)
    return list(KINDS).index(entrant(name.model).kind), position, method


def shared_changes(methods: Iterable[str]) -> tuple[str, ...]:
    """The changes that every trained network among `methods` has: for the caption, not for each row."""
    names = [Name.parse(method) for method in methods]
    trained = [
        name for name in names if entrant(name.model).kind not in ("classical", "shipped", "repeated", "one-pair")
    ]
    first = trained[0].changes if trained else ()
    return tuple(change for change in first if all(change in name.changes for name in trained))
