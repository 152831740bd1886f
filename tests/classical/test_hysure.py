"""HySure: what ADMM guarantees, and its optimum against a general-purpose optimiser.

ADMM does not lower its objective in every round. What is proved of it for a convex problem in two blocks: A·U − V and
the changes of V and G vanish, the objective tends to the optimum, and ‖ΔV‖² + ‖ΔG‖² never rises (He and Yuan 2015).
"""

import importlib
import itertools
from functools import cache

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from csakd.classical import hysure
from csakd.classical.hysure import TV_WEIGHT, Problem, Round, first_round, minimised, next_round, objective
from csakd.physics import Sensors, SpatialResponse, SpectralResponse
from csakd.physics import psf as psfs
from csakd.physics.fourier import transfer

hysure_module = importlib.import_module("csakd.classical.hysure")


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def problem(ratio: int = 2, low: tuple[int, int] = (6, 5), spectra: int = 3, msi: int = 2, psf=None) -> Problem:
    """A scene of blocks and a little noise, seen by both sensors."""
    size = (ratio * low[0], ratio * low[1])
    scene = 0.2 * random(spectra, 3, 3).repeat_interleave(5, 1).repeat_interleave(5, 2)[:, : size[0], : size[1]]
    scene = torch.nn.functional.interpolate(scene[None], size)[0] + 0.01 * random(spectra, *size, seed=1)
    passed = transfer(SpatialResponse(ratio, psf), size, scene)
    seen = torch.fft.ifft2(passed * torch.fft.fft2(scene)).real[:, ::ratio, ::ratio]
    own = random(msi, spectra, seed=2)
    return Problem(seen, torch.einsum("mk,khw->mhw", own, scene), own, passed, ratio)


PROBLEMS = {
    "ratio 2": lambda: problem(),
    "odd, off centre": lambda: problem(3, (3, 5), psf=psfs.gaussian(3, phase=0.0)),
    "no MSI band": lambda: problem(msi=0),
    "more bands than spectra": lambda: problem(4, (3, 4), msi=5),
}
every_problem = pytest.mark.parametrize("name", PROBLEMS)


@cache
def rounds(name: str) -> tuple[Problem, list[Round]]:
    """A problem, and 400 rounds on it from a bicubic guess, the guess first."""
    given = PROBLEMS[name]()
    start = torch.nn.functional.interpolate(given.low[None], given.high.shape[-2:], mode="bicubic")[0]
    run = itertools.accumulate(range(400), lambda now, _: next_round(given, now), initial=first_round(given, start))
    return given, list(run)


@every_problem
def test_the_copies_come_true_and_the_rounds_calm_down(name):
    _, run = rounds(name)
    missed = [float((now.applied - now.copies).norm() / now.copies.norm()) for now in run]
    moved = [
        float((now.copies - before.copies).square().sum() + (now.owed - before.owed).square().sum())
        for before, now in itertools.pairwise(run[1:])
    ]
    assert missed[0] == 0, "U, as given, and nothing owed"
    assert max(missed[1:11]) > 1e-3
    assert missed[-1] < 1e-5
    assert all(after <= before * (1 + 1e-9) + 1e-24 for before, after in itertools.pairwise(moved))


@every_problem
def test_the_objective_falls_to_its_least(name):
    """To less than a third of the start; no round before is below the last, and the last hundred gain nothing."""
    given, run = rounds(name)
    values = [float(objective(given, now.coefficients)) for now in run]
    least = np.minimum.accumulate(values)
    assert values[-1] < values[0] / 3
    assert all(least[later] < least[earlier] for earlier, later in itertools.pairwise((0, 20, 50, 100)))
    assert values[-1] <= least[-1] * (1 + 1e-6)
    assert least[-1] > least[-100] * (1 - 1e-4)


@pytest.mark.parametrize("name", ["ratio 2", "odd, off centre"])
def test_the_optimum_is_the_optimum(name):
    """Second source: L-BFGS on the objective written out anew, its total variation rounded off at 1e-5."""
    given, run = rounds(name)
    ratio, shape = given.ratio, run[0].coefficients.shape

    def written_out(flat: np.ndarray) -> tuple[float, np.ndarray]:
        scene = torch.from_numpy(flat.reshape(shape)).requires_grad_()
        blurred = torch.fft.ifft2(given.passed * torch.fft.fft2(scene)).real
        down, across = scene.diff(dim=1, append=scene[:, :1]), scene.diff(dim=2, append=scene[:, :, :1])
        fit = (given.low - blurred[:, ::ratio, ::ratio]).square().sum()
        fit = fit + (given.high - torch.tensordot(given.own, scene, 1)).square().sum()
        value = fit / 2 + TV_WEIGHT * (down.square() + across.square()).sum(0).add(1e-10).sqrt().sum()
        value.backward()
        return value.item(), scene.grad.numpy().ravel()

    options = {"maxiter": 20000, "maxfun": 40000, "ftol": 1e-15, "gtol": 1e-10}
    solved = minimize(written_out, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options)
    assert float(objective(given, run[-1].coefficients)) == pytest.approx(solved.fun, rel=1e-5)


def test_it_stops_when_it_has_converged(monkeypatch):
    """Not before both measures are within the tolerance, nor after the last round it may make."""
    given, run = rounds("ratio 2")
    scale = [float(now.copies.norm()) for now in run]
    off = [0.0] + [
        max(float((now.applied - now.copies).norm()), float((now.copies - before.copies).norm())) / size
        for (before, now), size in zip(itertools.pairwise(run), scale[1:], strict=True)
    ]
    for tolerance in (1e-2, 1e-3, 1e-4):
        monkeypatch.setattr(hysure_module, "TOLERANCE", tolerance)
        wanted = next((i for i in range(1, 201) if off[i] <= tolerance), 200)
        assert torch.equal(minimised(given, run[0].coefficients).coefficients, run[wanted].coefficients)


def test_a_scene_of_few_spectra_and_sharp_edges_is_recovered():
    """To 0.5 % of its contrast."""
    blocks = random(3, 4, 4, seed=3).abs().repeat_interleave(6, 1).repeat_interleave(6, 2)
    truth = torch.einsum("lk,khw->lhw", random(20, 3).abs(), blocks)[None]
    blur, response = SpatialResponse(4), SpectralResponse(np.eye(20)[2::5])
    fused = hysure(blur(truth), response(truth), Sensors(blur, response))
    assert (fused - truth).norm() < 0.01 * (truth - truth.mean((-2, -1), keepdim=True)).norm()
