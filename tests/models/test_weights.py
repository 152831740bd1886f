"""The model folder: what is saved comes back to the bit, and what was damaged is refused in one line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import csakd
from csakd.io import atomic
from csakd.models import build_network, weights
from csakd.models.weights import CONFIG, WEIGHTS, Card, TrainedModel, load_folder, save
from fingerprint import weights_digest


def trained(base="hyper", seed=0, **card) -> TrainedModel:
    """A tiny model of 5 HSI and 3 MSI bands at ratio 2, its weights as random as a trained one's."""
    torch.manual_seed(seed)
    psf = None if card.get("psf") is None else np.array(card["psf"])
    network = build_network("mini-student", 5, 3, 2, base=base, psf=psf, width=4, growth=2, hsi=0, msi=0)
    for parameter in network.parameters():
        parameter.data += 0.01 * torch.randn_like(parameter)
    return TrainedModel(network, Card("mini-student", vars(network.config).copy(), base, **card))


@pytest.fixture
def folder(tmp_path) -> Path:
    return save(trained(), tmp_path / "run" / "student")


def edit(folder: Path, **changes) -> None:
    path = folder / CONFIG
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, **changes}))


@pytest.mark.parametrize("base", ["none", "glp", "hyper"])
def test_round_trip_to_the_bit(base, tmp_path):
    card = {
        "scaling": "bands",
        "psf": [[0.25, 0.25], [0.25, 0.25]],
        "hsi_wavelengths": [400.1, 500.2, 600.3, 700.4, 800.5],
        "msi_wavelengths": [450.0, 550.0, 650.0],
        "recipe": {"epochs": 3, "snr": None, "losses": {"l1": 0.1}},
        "scores": {"student/psnr": 1 / 3},
        "version": "0.1.0 @ abc",
    }
    model = trained(base, **card).eval()
    back = load_folder(save(model, tmp_path / "model"))
    assert weights_digest(back) == weights_digest(model)
    assert back.card == model.card
    assert not back.training
    hsi, msi = torch.rand(1, 5, 6, 7), torch.rand(1, 3, 12, 14)
    with torch.inference_mode():
        assert all(map(torch.equal, back(hsi, msi), model(hsi, msi)))
    if base != "none":
        assert back.network.classical.blur.psf.tolist() == card["psf"]


def test_a_trained_model_takes_and_gives_data_units():
    """A model at reflectance × 10000 is the same model at reflectance."""
    model = trained(scaling="bands").double()
    hsi, msi = torch.rand(1, 5, 6, 7).double(), torch.rand(1, 3, 12, 14).double()
    torch.testing.assert_close(model(1e4 * hsi, 1e4 * msi + 7)[0], 1e4 * model(hsi, msi)[0])


def test_a_folder_holds_two_files_and_no_code(folder):
    assert sorted(path.name for path in folder.iterdir()) == [CONFIG, WEIGHTS]
    assert [path.name for path in folder.parent.iterdir()] == ["student"], "nothing temporary is left"
    dangerous = re.compile(r"^\s*(import|from) (pickle|dill|joblib)\b|torch\.load\(|allow_pickle=True", re.MULTILINE)
    for source in Path(csakd.__file__).parent.rglob("*.py"):
        assert not dangerous.search(source.read_text()), source


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(ValueError, match=f"student is no model folder: {name} is missing"):
        load_folder(folder)


@pytest.mark.parametrize("place", [0, 200, -1], ids=["length", "header", "last weight"])
def test_one_byte_altered(folder, place):
    path = folder / WEIGHTS
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged or was altered"):
        load_folder(folder)


@pytest.mark.parametrize("length", [0, 7, 300, -1])
def test_truncated(folder, length):
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match="is damaged or was altered"):
        load_folder(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"null", b'"model"', b"{}", b"\xff\xfe", b'{"name": "x"}'])
def test_a_config_that_is_none(folder, content):
    (folder / CONFIG).write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.json describes no model of this version") as error:
        load_folder(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": "adam"},
        {"network": {"width": 8}},
        {"network": {**trained().card.network, "attention": "flash"}},
        {"network": {**trained().card.network, "width": "wide"}},
        {"network": {**trained().card.network, "width": 10**8, "growth": 10**8}},
        {"network": {**trained().card.network, "width": 10**30}},
        {"network": {**trained().card.network, "fusion": "max"}},
        {"network": {**trained().card.network, "ratio": 1}},
        {"network": {**trained().card.network, "width": 8}},
        {"network": {**trained().card.network, "hsi_bands": 6}},
        {"network": None},
        {"base": "none"},
        {"base": "pca"},
        {"base": ["hyper"]},
        {"scaling": "log"},
        {"scaling": 3},
        {"psf": [[1, 2]]},
        {"psf": "wide"},
        {"weights_sha256": None},
    ],
    ids=str,
)
def test_a_config_that_does_not_fit(folder, changes):
    edit(folder, **changes)
    with pytest.raises(ValueError, match=r"config\.json|model\.safetensors") as error:
        load_folder(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("moment", ["while writing", "while moving"])
def test_a_failed_save_leaves_the_older_model(folder, moment, monkeypatch):
    before = weights_digest(load_folder(folder))
    move = os.rename

    def fail(*_, **__):
        raise OSError("no space left on device")

    def fail_once(source, target):
        if Path(target) == folder and not folder.exists():
            monkeypatch.setattr(atomic.os, "rename", move)
            fail()
        move(source, target)

    if moment == "while writing":
        monkeypatch.setattr(weights.json, "dumps", fail)
    else:
        monkeypatch.setattr(atomic.os, "rename", fail_once)
    with pytest.raises(OSError, match="no space"):
        save(trained(seed=1), folder)
    monkeypatch.undo()
    assert weights_digest(load_folder(folder)) == before
    assert [path.name for path in folder.parent.iterdir()] == ["student"]


def test_loading_draws_no_random_number(folder):
    torch.manual_seed(5)
    expected = torch.rand(())
    torch.manual_seed(5)
    load_folder(folder)
    assert torch.rand(()) == expected


def test_a_loaded_model_can_be_trained_on(folder):
    model = load_folder(folder)
    model(torch.rand(1, 5, 6, 7), torch.rand(1, 3, 12, 14))[0].sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    with torch.no_grad():
        next(model.parameters()).add_(1)


def test_saving_again_replaces(folder):
    newer = trained(seed=1)
    assert weights_digest(load_folder(save(newer, folder))) == weights_digest(newer)
    assert weights_digest(newer) != weights_digest(trained())


def test_loading_does_not_load_a_compiler():
    code = "import sys, csakd; csakd.load('csakd-student'); sys.exit('torch._dynamo' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
