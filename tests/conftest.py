"""Under pytest every shape in a signature is checked at run time."""

import importlib
import os

import pytest
from jaxtyping import install_import_hook

# Threads that wait for each other in tiny operations cost more than they save, above all on busy machines.
os.environ.setdefault("OMP_NUM_THREADS", "1")
install_import_hook("csakd", "shape_checker.checked")


@pytest.fixture
def few_rounds(monkeypatch):
    """Laws hold after any number of rounds; few of them save minutes."""
    hysure, cnmf, edge = (
        importlib.import_module(f"csakd.classical.{name}") for name in ("hysure", "cnmf", "hyper_edge")
    )
    monkeypatch.setattr(hysure, "ROUNDS", 8)
    monkeypatch.setattr(cnmf, "UPDATES", 15)
    monkeypatch.setattr(edge, "THOROUGH", edge.THOROUGH._replace(steps=20))


@pytest.fixture
def less_thorough(monkeypatch):
    """The thorough base with fewer processes and steps: what it costs is no matter of what is tested."""
    from csakd.classical.canonical import FORMS, THOROUGHLY

    usual = FORMS[THOROUGHLY]
    monkeypatch.setitem(FORMS, THOROUGHLY, usual._replace(priors=usual.priors[:2], steps=20))
