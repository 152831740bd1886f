"""What `import csakd` promises: the names, and that they cost nothing until they are used."""

import subprocess
import sys

import pytest
import torch

import csakd
from csakd.classical import CLASSICAL, Classical
from csakd.models import NETWORKS, ONE_PAIR


def test_importing_is_cheap():
    """A fresh interpreter has loaded none of the heavy packages after `import csakd`."""
    heavy = {"torch", "lightning", "matplotlib", "h5py", "zarr", "rasterio", "scipy", "rich"}
    code = f"import sys, csakd; print(*sys.modules.keys() & {heavy})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


@pytest.mark.parametrize("name", csakd.__all__)
def test_every_public_name_resolves(name):
    assert getattr(csakd, name) is not None
    assert name in dir(csakd)


def test_other_names_do_not():
    with pytest.raises(AttributeError, match="no attribute 'fuze'"):
        csakd.fuze  # noqa: B018


@pytest.mark.parametrize("name", csakd.MODELS)
def test_every_listed_model_builds(name):
    with torch.device("meta"):
        model = csakd.build(name)
    assert isinstance(model, Classical) == (name in CLASSICAL)


def test_the_list_of_models_is_complete():
    assert set(csakd.MODELS) == {*CLASSICAL, *ONE_PAIR, *NETWORKS}


@pytest.mark.parametrize("ask", [csakd.build, csakd.load])
def test_an_unknown_model_names_those_there_are(ask):
    with pytest.raises(ValueError, match=r"no model 'hyperx': .*bicubic, .*hyper, .*") as error:
        ask("hyperx")
    assert "\n" not in str(error.value)
