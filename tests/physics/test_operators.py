"""Laws of the sensor operators, over every ratio, PSF and size that matters."""

import numpy as np
import pytest
import torch

from csakd.physics import SpatialResponse, SpectralResponse, band_list, upsample
from csakd.physics import psf as psfs

RATIOS = [2, 3, 4, 6, 8]
SIZES = [(48, 48), (49, 53)]


def kernels(ratio: int) -> dict[str, np.ndarray]:
    side = 5 if ratio % 2 else 6
    lopsided = np.random.default_rng(0).random((side, side + 2))
    return {
        "paper": psfs.gaussian(ratio),
        "fwhm": psfs.gaussian(ratio, fwhm=ratio),
        "mtf": psfs.gaussian(ratio, mtf=0.25),
        "phase": psfs.gaussian(ratio, phase=0.0),
        "user": psfs.place(lopsided, ratio),
    }


CASES = [(ratio, name) for ratio in RATIOS for name in kernels(ratio)]


@pytest.mark.parametrize(("ratio", "name"), CASES)
@pytest.mark.parametrize("size", SIZES)
def test_adjoint(ratio, name, size):
    blur = SpatialResponse(ratio, kernels(ratio)[name])
    high = torch.randn(2, 3, *size, dtype=torch.float64)
    low = torch.randn_like(blur(high))
    assert low.shape[-2:] == (size[0] // ratio, size[1] // ratio)
    torch.testing.assert_close((blur(high) * low).sum(), (high * blur.adjoint(low, size)).sum(), rtol=1e-10, atol=0)


@pytest.mark.parametrize(("ratio", "name"), CASES)
def test_energy_is_preserved(ratio, name):
    blur = SpatialResponse(ratio, kernels(ratio)[name])
    size = (8 * ratio + 1, 7 * ratio)
    torch.testing.assert_close(blur(torch.ones(size, dtype=torch.float64)), torch.ones(8, 7, dtype=torch.float64))
    low = torch.randn(3, 8, 7, dtype=torch.float64)
    torch.testing.assert_close(blur.adjoint(low, size).sum((1, 2)), low.sum((1, 2)))


@pytest.mark.parametrize(("ratio", "name"), CASES)
def test_r_high_pixels_are_one_low_pixel(ratio, name):
    blur = SpatialResponse(ratio, kernels(ratio)[name])
    scene = torch.randn(20 * ratio, 20 * ratio, dtype=torch.float64)
    border = 9  # of low pixels, where mirrors reach
    inner = slice(border, -border)
    shifted = blur(scene.roll((ratio, -ratio), (0, 1)))
    torch.testing.assert_close(shifted[inner, inner], blur(scene).roll((1, -1), (0, 1))[inner, inner])


@pytest.mark.parametrize("ratio", RATIOS)
def test_against_a_direct_sum(ratio):
    """Second source: the definition, pixel by pixel, for a kernel that is not separable."""
    psf = kernels(ratio)["user"]
    margin = (len(psf) - ratio) // 2
    scene = np.random.default_rng(1).random((6 * ratio, 6 * ratio))
    padded = np.pad(scene, margin, mode="symmetric")
    direct = np.array(
        [[(padded[ratio * i :, ratio * j :][: len(psf), : len(psf)] * psf).sum() for j in range(6)] for i in range(6)]
    )
    np.testing.assert_allclose(SpatialResponse(ratio, psf)(torch.from_numpy(scene)).numpy(), direct, rtol=1e-12)


@pytest.mark.parametrize("ratio", RATIOS)
def test_grid_convention_has_no_shift(ratio):
    """A ramp in ground coordinates, observed and interpolated, stays the same ramp away from the border."""
    centres = torch.arange(16 * ratio, dtype=torch.float64) + 0.5
    ramp = centres[:, None] + 2 * centres[None, :]
    low = SpatialResponse(ratio)(ramp)
    low_centres = ratio * (torch.arange(16, dtype=torch.float64) + 0.5)
    inner, outer = slice(4, -4), slice(6 * ratio, -6 * ratio)
    torch.testing.assert_close(low[inner, inner], (low_centres[:, None] + 2 * low_centres[None, :])[inner, inner])
    torch.testing.assert_close(upsample(low, (16 * ratio, 16 * ratio))[outer, outer], ramp[outer, outer])


@pytest.mark.parametrize("size", [(20, 28), (19, 33)])
def test_upsample_is_keys_bicubic(size):
    low = torch.randn(2, 3, 7, 9, dtype=torch.float64)
    expected = torch.nn.functional.interpolate(low, size=size, mode="bicubic", align_corners=False, antialias=True)
    torch.testing.assert_close(upsample(low, size), expected)


def test_operators_are_differentiable():
    blur, response = SpatialResponse(3), SpectralResponse(np.random.default_rng(0).random((2, 4)))
    scene = torch.randn(1, 4, 9, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: (blur(x), response(x), upsample(x, (18, 18))), scene)


def test_widths_of_the_gaussian():
    """Each way of giving the width, against the moments and the Fourier transform of the kernel."""
    for ratio in RATIOS:
        taps = np.arange(len(psfs.gaussian(ratio, variance=3.0))) - (len(psfs.gaussian(ratio, variance=3.0)) - 1) / 2
        profile = psfs.gaussian(ratio, variance=3.0).sum(axis=0)
        assert (profile * taps**2).sum() == pytest.approx(3.0, rel=2e-3)
        np.testing.assert_allclose(
            psfs.gaussian(ratio, fwhm=4.0), psfs.gaussian(ratio, variance=16 / (8 * np.log(2))), rtol=1e-12
        )
        profile = psfs.gaussian(ratio, mtf=0.2).sum(axis=0)
        taps = np.arange(profile.size) - (profile.size - 1) / 2
        assert (profile * np.cos(np.pi * taps / ratio)).sum() == pytest.approx(0.2, rel=0.01)
    np.testing.assert_array_equal(psfs.gaussian(4), psfs.gaussian(4, variance=3.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SpatialResponse(17), "from 2 to 16"),
        (lambda: SpatialResponse(4, np.ones((5, 5))), "does not lie on the grid"),
        (lambda: SpatialResponse(8)(torch.zeros(7, 9)), "smaller than one low pixel"),
        (lambda: psfs.gaussian(4, variance=-1), "must be positive"),
        (lambda: psfs.gaussian(4, variance=1, fwhm=2), "one width"),
        (lambda: psfs.gaussian(4, fwhm=1000), "8 low pixels"),
        (lambda: psfs.gaussian(4, mtf=1.5), "between 0 and 1"),
        (lambda: psfs.place(np.ones((5, 5)), 4), "must be even"),
        (lambda: psfs.place(np.zeros((4, 4)), 4), "positive sum"),
        (lambda: psfs.parse("fwhm:wide", 4), "a number after fwhm:"),
        (lambda: psfs.parse("nowhere.txt", 4), "neither a file nor one of"),
    ],
)
def test_bad_settings_say_what_would_do(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


class TestSpectralResponse:
    wavelengths = band_list("aviris-172").wavelengths

    def responses(self):
        grid = np.linspace(400, 2500, 300)
        curves = np.stack(
            [grid, np.exp(-(((grid - 560) / 40) ** 2)), np.maximum(0, 1 - abs(grid - 1650) / 100)], axis=1
        )
        return {
            "box": SpectralResponse.box([(450, 520), (2090, 2350)], self.wavelengths),
            "gaussian": SpectralResponse.gaussian([560, 1650], [40, 90], self.wavelengths),
            "curves": SpectralResponse.curves(curves, self.wavelengths),
        }

    @pytest.mark.parametrize("name", ["box", "gaussian", "curves"])
    def test_rows_sum_to_one_and_adjoint(self, name):
        response = self.responses()[name]
        np.testing.assert_allclose(response.matrix.sum(axis=1), 1)
        spectra = torch.randn(2, 172, 5, 6, dtype=torch.float64)
        bands = torch.randn(2, 2, 5, 6, dtype=torch.float64)
        torch.testing.assert_close((response(spectra) * bands).sum(), (spectra * response.adjoint(bands)).sum())

    def test_box_is_the_plain_mean_of_the_bands_inside(self):
        scene = torch.arange(172.0, dtype=torch.float64)[:, None, None].expand(172, 2, 2)
        inside = np.flatnonzero((self.wavelengths >= 450) & (self.wavelengths < 520))
        mean = SpectralResponse.box([(450, 520)], self.wavelengths)(scene)
        torch.testing.assert_close(mean, torch.full((1, 2, 2), float(inside.mean()), dtype=torch.float64))

    def test_a_gaussian_curve_and_a_gaussian_band_agree(self):
        grid = np.linspace(400, 900, 5001)
        table = np.stack([grid, np.exp(-4 * np.log(2) * ((grid - 650) / 60) ** 2)], axis=1)
        curves = SpectralResponse.curves(table, self.wavelengths)
        gaussian = SpectralResponse.gaussian([650], [60], self.wavelengths)
        np.testing.assert_allclose(curves.matrix, gaussian.matrix, atol=1e-6)
        assert curves.centres == pytest.approx([650], abs=0.1)

    def test_a_band_outside_the_scene_is_refused(self):
        with pytest.raises(ValueError, match=r"MSI band 2 .* holds no HSI band"):
            SpectralResponse.box([(450, 520), (3000, 3100)], self.wavelengths)
