"""A cube in factors is the cube itself: every step against the same step on all bands."""

import pytest
import torch

from csakd.classical import back_project
from csakd.classical.factored import Factored
from csakd.physics import SpatialResponse, psf, upsample

SIZE = (24, 20)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(params=["gaussian", "ring"])
def blur(request):
    """A separable PSF and one of several terms."""
    if request.param == "gaussian":
        return SpatialResponse(4)
    ring = psf.gaussian(4)
    ring[len(ring) // 2] *= 0.5
    ring[:, len(ring) // 3] *= 1.5
    return SpatialResponse(4, ring / ring.sum())


@pytest.fixture
def cube():
    return Factored.of(random(2, 7, 6, 5), SIZE).plus(random(2, 7, 3, seed=1), random(2, 3, *SIZE, seed=2))


def test_of_an_image_it_is_the_image_interpolated():
    low = random(2, 7, 6, 5)
    torch.testing.assert_close(Factored.of(low, SIZE).image(), upsample(low, SIZE))


def test_detail_is_added(cube, blur):
    spectra, maps = random(2, 7, 4, seed=3), random(2, 4, *SIZE, seed=4)
    detail = maps - upsample(blur(maps), SIZE)
    expected = cube.image() + torch.einsum("blf,bfhw->blhw", spectra, detail)
    torch.testing.assert_close(cube.sharpened(spectra, maps, blur(maps)).image(), expected)


def test_other_directions(cube):
    axes = random(2, 7, 4, seed=3)
    torch.testing.assert_close(cube.along(axes).image(), torch.einsum("blk,blhw->bkhw", axes, cube.image()))


def test_what_the_sensor_sees(cube, blur):
    torch.testing.assert_close(cube.seen(blur), blur(cube.image()))


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_back_projection_on_the_low_grid_is_that_on_the_high_one(cube, blur, steps):
    hsi = random(2, 7, 6, 5, seed=5)
    torch.testing.assert_close(
        cube.back_projected(hsi, blur, steps).image(), back_project(cube.image(), hsi, blur, steps)
    )
