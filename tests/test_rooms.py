"""Data flows one way: a room imports only rooms above it, and every room says what it is."""

import ast
from pathlib import Path

import pytest

import csakd

ORDER = ["version", "budget", "cubes", "physics", "io", "metrics", "losses", "classical", "data", "models", "inference"]
# Between training and all above it stands a model folder, no import.
ORDER += ["report", "training", "benchmark", "demo", "cli", "__main__"]
HOUSE = Path(csakd.__file__).parent
ROOMS = sorted(path.stem for path in HOUSE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists())


def imported(room: str) -> set[str]:
    """The rooms a room imports, wherever in its files the import stands; the front door counts as "__init__"."""
    files = [HOUSE / f"{room}.py"] if (HOUSE / f"{room}.py").exists() else (HOUSE / room).rglob("*.py")
    names: set[str] = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {f"{alias.name}.__init__" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("csakd.")} - {room}


def test_every_room_has_its_place():
    assert {"__init__", *ORDER} >= set(ROOMS)
    assert not {"utils", "common", "helpers", "misc", "core"} & {path.stem for path in HOUSE.rglob("*")}


@pytest.mark.parametrize("room", [room for room in ORDER if room in ROOMS])
def test_a_room_imports_only_rooms_above_it(room):
    front_door = {"__init__"} if room in ("demo", "cli") else set()
    assert imported(room) <= {*ORDER[: ORDER.index(room)], *front_door}


def test_the_front_door_opens_on_inference_and_above():
    assert imported("__init__") <= set(ORDER[: ORDER.index("inference") + 1])


def test_losses_borrow_their_formulas_from_metrics():
    assert imported("losses") == {"metrics"}


def test_nobody_imports_the_command_line():
    assert [room for room in ROOMS if "cli" in imported(room)] == ["__main__"]
