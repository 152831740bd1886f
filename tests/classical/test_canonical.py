"""The canonical form: alike for one scene whatever its units, its bands' order and its position."""

import pytest
import torch

from csakd.classical import hyper_edge
from csakd.classical.canonical import DIRECTIONS, GUIDES, LOOKS, canonical
from csakd.data import synthetic_scene
from csakd.physics import Sensors, SpatialResponse, observe

BLUR = SpatialResponse(4)


def images(msi="tm4", size=(48, 64), **noise):
    hsi, high, _ = observe(synthetic_scene(size), msi, **noise).pair.filled()
    return torch.from_numpy(hsi)[None], torch.from_numpy(high)[None]


def same_but_for_signs(first, second, tolerance=2e-2):
    """Directions have no sign of their own; the strongest few are well separated."""
    for name in ("low", "guides"):
        ours, theirs = (getattr(form, name).abs() for form in (first, second))
        strong = slice(0, 3)
        torch.testing.assert_close(ours[:, strong], theirs[:, strong], rtol=tolerance, atol=tolerance)


def test_its_parts():
    hsi, msi = images()
    form = canonical(hsi, msi, BLUR)
    assert form.low.shape == (1, DIRECTIONS, 12, 16)
    assert form.guides.shape == (1, GUIDES, 48, 64)
    torch.testing.assert_close(form.estimate, hyper_edge(hsi, msi, Sensors(BLUR)))
    torch.testing.assert_close(form.axes[0].T @ form.axes[0], torch.eye(DIRECTIONS), atol=1e-4, rtol=0)
    assert (form.unit.diff(dim=1) <= 0).all()
    rms = (form.low.abs().expm1() ** 2).mean((-2, -1)).sqrt()
    torch.testing.assert_close(rms, (form.unit[..., 0, 0] > 0).float(), rtol=1e-3, atol=0)
    assert (form.unit > 0).sum() >= 6


def test_units_and_the_order_of_bands_make_no_difference():
    hsi, msi = images()
    plain = canonical(hsi, msi, BLUR)
    other = canonical(1e-4 * hsi.flip(1), 30 * msi.flip(1), BLUR)
    same_but_for_signs(plain, other)
    torch.testing.assert_close(other.unit[:, :3], 1e-4 * plain.unit[:, :3], rtol=1e-2, atol=0)
    torch.testing.assert_close(1e4 * other.estimate.flip(1), plain.estimate, rtol=1e-3, atol=1)


def test_a_turned_pair_has_a_turned_form():
    hsi, msi = images()
    turned = canonical(hsi.rot90(1, (-2, -1)), msi.rot90(1, (-2, -1)), BLUR)
    plain = canonical(hsi, msi, BLUR)
    same_but_for_signs(
        plain, turned._replace(low=turned.low.rot90(-1, (-2, -1)), guides=turned.guides.rot90(-1, (-2, -1)))
    )


@pytest.mark.parametrize(("bands", "msi_bands"), [(3, 1), (5, 4), (172, 1)])
def test_directions_that_are_missing_are_zeros(bands, msi_bands):
    hsi, msi = images()
    form = canonical(hsi[:, :bands], msi[:, :msi_bands], BLUR)
    assert all(part.isfinite().all() for part in (form.low, form.guides, form.estimate, form.axes, form.unit))
    there = min(bands, DIRECTIONS)
    assert not form.unit[:, there:].any()
    assert not form.low[:, there:].any()
    assert not form.axes[..., there:].any()
    assert not form.guides[:, msi_bands:LOOKS].any()
    by_direction = form.guides[:, LOOKS:].unflatten(1, (-1, DIRECTIONS))
    assert not by_direction[:, :, there:].any()


def test_noise_that_was_taken_out_is_shown_and_none_where_there_was_none():
    carried = slice(LOOKS + DIRECTIONS, LOOKS + 2 * DIRECTIONS)
    clean = canonical(*images(), BLUR).guides[:, carried]
    noisy = canonical(*images(snr=(30.0, 30.0)), BLUR).guides[:, carried]
    assert noisy.square().mean() > 100 * clean.square().mean()
