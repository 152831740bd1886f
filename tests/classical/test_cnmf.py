"""CNMF: its updates never raise their error, its endmembers are corners, and a mixed scene comes out."""

import itertools

import numpy as np
import pytest
import torch

from csakd.classical import bicubic, cnmf
from csakd.classical.cnmf import (
    ENDMEMBERS,
    Mixture,
    abundances_updated,
    endmembers_updated,
    first_mixture,
    squared_error,
    unmixed,
    vertices,
)
from csakd.physics import Sensors, SpatialResponse, SpectralResponse


def uniform(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cases() -> dict[str, tuple[torch.Tensor, Mixture]]:
    """Images and first guesses: tall, wide, with zeros in image or factors, dead bands, an exact fit."""
    image, mixture = uniform(7, 40), Mixture(uniform(7, 3, seed=1), uniform(3, 40, seed=2))
    holes = Mixture(
        mixture.endmembers * (uniform(7, 3, seed=3) > 0.3), mixture.abundances * (uniform(3, 40, seed=4) > 0.3)
    )
    dead = image * (torch.arange(7) != 2)[:, None]
    return {
        "plain": (image, mixture),
        "few bands": (image[:2], Mixture(mixture.endmembers[:2], mixture.abundances)),
        "zeros": (image * (image > 0.5), holes),
        "dead band": (dead, mixture),
        "no light": (torch.zeros_like(image), mixture),
        "no band": (image[:0], Mixture(mixture.endmembers[:0], mixture.abundances)),
        "exact": (mixture.endmembers @ mixture.abundances, mixture),
    }


@pytest.mark.parametrize("name", cases())
@pytest.mark.parametrize("update", [abundances_updated, endmembers_updated])
def test_no_update_raises_its_error(name, update):
    image, mixture = cases()[name]
    errors = []
    for _ in range(50):
        residual = image.numpy() - mixture.endmembers.numpy() @ mixture.abundances.numpy()
        errors.append(float((residual**2).sum()))
        assert float(squared_error(image, mixture)) == pytest.approx(errors[-1], abs=1e-12)
        mixture = update(image, mixture)
        assert all(factor.isfinite().all() and (factor >= 0).all() for factor in mixture)
    assert all(after <= before * (1 + 1e-12) + 1e-20 for before, after in itertools.pairwise(errors))
    if name in ("plain", "few bands", "zeros", "dead band"):
        assert errors[-1] < 0.9 * errors[0]


@pytest.mark.parametrize("move", ["both", "abundances", "endmembers"])
@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_no_run_raises_its_error_and_longer_runs_end_lower(move, weight):
    """The error with the wish that abundances sum to 1, written out."""
    image, start = cases()["plain"]

    def error(mixture: Mixture) -> float:
        off = 1 - mixture.abundances.sum(0)
        return float(squared_error(image, mixture) + weight**2 * off.square().sum())

    errors = [error(start)] + [error(unmixed(image, start, weight, updates, move)) for updates in (1, 2, 4, 8, 30, 100)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.8 * errors[0]
    moved = unmixed(image, start, weight, 5, move)
    assert torch.equal(moved.endmembers, start.endmembers) == (move == "abundances")
    assert torch.equal(moved.abundances, start.abundances) == (move == "endmembers")


def test_the_wish_for_sums_is_heeded():
    image, start = cases()["plain"]
    off = [
        float((1 - unmixed(image, start, weight, 200, "abundances").abundances.sum(0)).abs().max())
        for weight in (0.0, 1.0, 30.0)
    ]
    assert off[0] > off[1] > off[2]
    assert off[2] < 0.01


def test_a_run_ends_when_there_is_nothing_left_to_gain():
    image, start = cases()["plain"]
    ended = unmixed(image, start, 0, 5000, "abundances")
    assert torch.equal(unmixed(image, start, 0, 50000, "abundances").abundances, ended.abundances)
    assert not torch.equal(unmixed(image, start, 0, 50, "abundances").abundances, ended.abundances)


@pytest.mark.parametrize("corners", [2, 5, 8])
def test_vertices_are_the_pure_pixels(corners):
    """In a scene of mixtures under uneven light, each endmember once by itself."""
    spectra, mixed = uniform(30, corners), uniform(corners, 200, seed=1)
    pure = torch.randperm(200, generator=torch.Generator().manual_seed(2))[:corners]
    mixed = mixed / mixed.sum(0)
    mixed[:, pure] = torch.eye(corners, dtype=torch.float64)
    scene = spectra @ (mixed * (0.5 + uniform(200, seed=3)))
    assert sorted(vertices(scene, corners)) == sorted(pure.tolist())


def test_endmembers_are_as_many_as_can_be():
    assert len(vertices(uniform(200, 100), ENDMEMBERS)) == ENDMEMBERS == 30
    assert len(vertices(uniform(200, 7), ENDMEMBERS)) == 7
    assert len(vertices(uniform(4, 100), ENDMEMBERS)) == 4
    for empty in (torch.zeros(5, 6), torch.ones(5, 6)):
        assert first_mixture(empty.double(), 0.1).abundances.isfinite().all()


def mixed_scene() -> tuple[torch.Tensor, SpectralResponse]:
    """Four materials, 48×40, with pure patches and mixtures between; six MSI bands."""
    fields = torch.nn.functional.interpolate(uniform(1, 4, 8, 7), (48, 40), mode="bicubic")[0]
    abundances = torch.softmax(25 * fields, 0)
    return torch.einsum("lk,khw->lhw", uniform(30, 4, seed=1), abundances)[None], SpectralResponse(np.eye(30)[1::5])


@pytest.mark.parametrize("known", [True, False])
def test_a_mixed_scene_comes_out(known):
    truth, response = mixed_scene()
    blur = SpatialResponse(4)
    hsi, msi = blur(truth), response(truth)
    fused = cnmf(hsi, msi, Sensors(blur, response if known else None))
    assert (fused - truth).norm() < (0.05 if known else 0.1) * (bicubic(hsi, msi, Sensors(blur)) - truth).norm()


def test_negative_values_count_as_nothing():
    truth, response = mixed_scene()
    truth = truth[..., :16, :12]
    sensors = Sensors(SpatialResponse(4), response)
    hsi, msi = sensors.blur(truth) - 0.2, response(truth) - 0.2
    fused = cnmf(hsi, msi, sensors)
    assert (fused >= 0).all()
    assert torch.equal(fused, cnmf(hsi.clamp_min(0), msi.clamp_min(0), sensors))
    assert torch.equal(cnmf(-1 - hsi.abs(), msi, sensors), torch.zeros_like(truth))
