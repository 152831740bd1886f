"""Under pytest every shape in a signature is checked at run time."""

import os

import pytest
from jaxtyping import install_import_hook

# Threads that wait for each other in tiny operations cost more than they save, above all on busy machines.
os.environ.setdefault("OMP_NUM_THREADS", "1")
install_import_hook("csakd", "shape_checker.checked")


@pytest.fixture
def less_thorough(monkeypatch):
    """The thorough base with fewer processes and steps: what it costs is no matter of what is tested."""
    from csakd.classical.canonical import FORMS, THOROUGHLY

    usual = FORMS[THOROUGHLY]
    monkeypatch.setitem(FORMS, THOROUGHLY, usual._replace(priors=usual.priors[:2], steps=20))
