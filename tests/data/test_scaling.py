"""Laws of scaling: undone without a trace, robust, and angles kept where promised."""

import pytest
import torch

from csakd.data import Scaling
from csakd.metrics import spectral_cosine

every_kind = pytest.mark.parametrize("name", ["maximum", "bands", "fixed:10000", "fixed:0.5"])


def image(scenes: int = 2) -> torch.Tensor:
    levels = torch.tensor([0.0, 3000.0, 500.0, 1e-3]).view(1, 4, 1, 1)  # the first band is dead
    return levels * (1 + 0.3 * torch.rand(scenes, 4, 9, 8, generator=torch.Generator().manual_seed(0)))


@every_kind
def test_what_is_applied_can_be_undone(name):
    units = Scaling(name).of(image())
    torch.testing.assert_close(units.undo(units.apply(image())), image(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(units.apply(units.undo(image())), image(), rtol=1e-5, atol=1e-5)
    assert all(part.shape[0] == 2 and part.shape[2:] == (1, 1) for part in units)


@every_kind
@pytest.mark.parametrize("dull", [torch.zeros(1, 4, 9, 8), torch.full((1, 4, 9, 8), 7.0)], ids=["zeros", "constant"])
def test_an_image_without_contrast_stays_finite(name, dull):
    units = Scaling(name).of(dull)
    assert units.apply(dull).isfinite().all()
    torch.testing.assert_close(units.undo(units.apply(dull)), dull)


@every_kind
def test_scenes_of_a_batch_are_scaled_one_by_one(name):
    scenes = image() * torch.tensor([1.0, 20.0]).view(2, 1, 1, 1)
    together = Scaling(name).of(scenes)
    for i in range(2):
        for part, single in zip(together, Scaling(name).of(scenes[i : i + 1]), strict=True):
            torch.testing.assert_close(part[i : i + 1], single)


def test_maximum_keeps_angles_and_shrugs_off_a_hot_pixel():
    flat = torch.rand(1, 5, 30, 30)
    units = Scaling("maximum").of(flat)
    torch.testing.assert_close(spectral_cosine(units.apply(flat), flat), torch.ones(1, 30, 30), rtol=1e-5, atol=0)
    assert (flat > units.scale).float().mean() == pytest.approx(0.001, abs=3e-4)
    hot = flat.clone()
    hot[0, 2, 3, 4] = 1e6
    assert Scaling("maximum").of(hot).scale == pytest.approx(units.scale, rel=1e-2)


def test_bands_makes_them_weigh_alike():
    scaled = Scaling("bands").of(image()).apply(image())
    assert scaled.mean((-2, -1)).abs().max() < 1e-4
    deviation = scaled.std((-2, -1), correction=0)
    torch.testing.assert_close(deviation[:, 1:], torch.ones(2, 3), rtol=1e-4, atol=0)
    assert deviation[:, 0].max() == 0, "a dead band is not blown up"


def test_fixed_is_the_number_it_names():
    torch.testing.assert_close(Scaling("fixed:10000").of(image()).apply(image()), image() / 1e4)


@pytest.mark.parametrize(
    "name", ["", "max", "fixed", "fixed:", "fixed:many", "fixed:0", "fixed:-1", "fixed:nan", "fixed:inf"]
)
def test_another_name_is_refused(name):
    with pytest.raises(ValueError, match=f"scaling '{name}': choose maximum, bands, or fixed:V with V above zero"):
        Scaling(name)
