"""The periodic form of the spatial response, against the response itself, NumPy's padding and plain sampling."""

import numpy as np
import pytest
import torch

from csakd.physics import SpatialResponse
from csakd.physics import psf as psfs
from csakd.physics.fourier import cropped, folded, mirrored, reach, tiled, transfer

KERNELS = {
    "paper": psfs.gaussian,
    "wide": lambda ratio: psfs.gaussian(ratio, variance=2.0 * ratio**2),
    "phase": lambda ratio: psfs.gaussian(ratio, phase=0.0),
    "block": lambda ratio: np.full((ratio, ratio), ratio**-2.0),
    "lopsided": lambda ratio: psfs.place(np.random.default_rng(0).random((4 + ratio % 2, 6 + ratio % 2)), ratio),
}


@pytest.mark.parametrize("margin", [0, 3, 8, 23])
def test_mirrored_is_numpys_symmetric_padding_and_cropped_undoes_it(margin):
    image = torch.randn(2, 5, 8, dtype=torch.float64)
    wide = mirrored(image, margin)
    np.testing.assert_array_equal(wide, np.pad(image, ((0, 0), (margin, margin), (margin, margin)), mode="symmetric"))
    assert torch.equal(cropped(wide, margin), image)


@pytest.mark.parametrize("ratio", [2, 3, 4, 8])
@pytest.mark.parametrize("name", KERNELS)
def test_on_a_mirrored_scene_the_torus_sees_what_the_sensor_sees(ratio, name):
    """At every pixel, up to the border, whatever the PSF: blurring there is a product, sampling every r-th pixel."""
    blur = SpatialResponse(ratio, KERNELS[name](ratio))
    scene, margin = torch.randn(2, 3 * ratio, 5 * ratio, dtype=torch.float64), reach(blur)
    wide = mirrored(scene, margin * ratio)
    blurred = torch.fft.ifft2(transfer(blur, wide.shape[-2:], wide) * torch.fft.fft2(wide)).real
    low = cropped(blurred[:, ::ratio, ::ratio], margin)
    torch.testing.assert_close(low, blur(scene), rtol=0, atol=1e-12)


@pytest.mark.parametrize("ratio", [2, 3])
def test_folding_is_sampling_and_tiling_is_its_transpose(ratio):
    image, low = torch.randn(3, 4 * ratio, 5 * ratio, dtype=torch.float64), torch.randn(3, 4, 5, dtype=torch.float64)
    sampled = torch.fft.fft2(image[:, ::ratio, ::ratio])
    torch.testing.assert_close(folded(torch.fft.fft2(image), ratio), ratio**2 * sampled)
    among_zeros = torch.zeros_like(image)
    among_zeros[:, ::ratio, ::ratio] = low
    torch.testing.assert_close(tiled(torch.fft.fft2(low), ratio), torch.fft.fft2(among_zeros))
