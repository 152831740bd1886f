"""Fitting a network for any sensor to one pair: what is learnt, what is checked, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import csakd
from csakd.budget import Budget
from csakd.data import synthetic_scene
from csakd.models import build_network
from csakd.models.weights import Card, TrainedModel
from csakd.physics import observe
from csakd.training import adaptation
from csakd.training.adaptation import adapt
from fingerprint import weights_digest

PAIR = observe(synthetic_scene((96, 96))).pair
pytestmark = pytest.mark.usefixtures("less_thorough")


@pytest.fixture
def small():
    torch.manual_seed(0)
    network = build_network("csakd-student", 0, 0, 4, width=8, growth=4)
    network.network.damp(40)  # random corrections as large as the errors: there is something to unlearn
    return on(network, "canonical-thorough")


def on(network, base):
    card = Card("csakd-student", vars(network.config).copy(), base, "fixed:1")
    return TrainedModel(network.on(base), card).eval()


def test_what_helps_on_ground_it_did_not_learn_from_is_kept(small, monkeypatch):
    monkeypatch.setattr(adaptation, "RATE", 3e-3)
    before = weights_digest(small)
    adapted, _, gain = adapt(small, PAIR, Budget(steps=40))
    assert gain >= adaptation.LEAST
    assert adapted.card.recipe["adapted"] == {"steps": 40, "seed": 0}
    _, unknown = adaptation._lessons(adaptation._views(PAIR), adapted.card.base)
    left, at_first = (adaptation._error(model, unknown) for model in (adapted, small))
    assert 10 * np.log10(at_first / left) == pytest.approx(gain)
    assert weights_digest(small) == before != weights_digest(adapted)
    assert csakd.fuse(PAIR, adapted).values.shape == (172, 96, 96)


def test_what_does_not_help_there_is_thrown_away(small, monkeypatch):
    monkeypatch.setattr(adaptation, "RATE", 1.0)
    assert adapt(small, PAIR, Budget(steps=20)) == (small, False, 0)


@pytest.mark.parametrize("doubt", [-100.0, 100.0])
def test_the_thorough_base_is_taken_unless_the_pair_from_afar_is_worse_for_it(small, monkeypatch, doubt):
    monkeypatch.setattr(adaptation, "DOUBT", doubt)
    adapted, moved, gain = adapt(on(small.network, "canonical"), PAIR, Budget(steps=1))
    assert (moved, gain) == (doubt > 0, 0)
    assert weights_digest(adapted) == weights_digest(small)
    assert adapted.card.base == adapted.network.base == ("canonical-thorough" if moved else "canonical")


def test_what_stands_on_the_thorough_base_stays_there(small):
    assert not adapt(small, PAIR, Budget(steps=1)).moved


def test_the_same_seed_the_same_weights(small, monkeypatch):
    monkeypatch.setattr(adaptation, "RATE", 3e-3)
    monkeypatch.setattr(adaptation, "LEAST", -1.0)
    monkeypatch.setattr(adaptation, "CHECKS", 5)
    first, second, other = (adapt(small, PAIR, Budget(steps=5), seed=seed).model for seed in (0, 0, 1))
    assert weights_digest(first) == weights_digest(second) != weights_digest(other)


def test_what_is_learnt_from_and_what_decides_do_not_overlap():
    known, unknown = adaptation._lessons(adaptation._views(PAIR), "canonical")
    for ratio, learnt, judged in zip(adaptation.RATIOS[:2], known, unknown, strict=True):
        assert learnt.error.shape[-2] == judged.error.shape[-2] == 24 // ratio * ratio
        assert learnt.error.shape[-1] + judged.error.shape[-1] == 24 // ratio * ratio


def test_what_cannot_be_adapted(small):
    with pytest.raises(ValueError, match="an HSI of 8x8 pixels is too small to adapt to: 16x16"):
        adapt(small, observe(synthetic_scene((32, 32))).pair)
    network = build_network("mini-student", 172, 4, 4, width=4, growth=2)
    with pytest.raises(ValueError, match="mini-student was trained for one sensor"):
        adapt(TrainedModel(network, Card("mini-student", vars(network.config).copy())), replace(PAIR))
