"""Wald's protocol on cubes: sizes, noise, masks, georeference, sensor tables."""

import numpy as np
import pytest
import torch

from csakd.cubes import Cube, Georeference
from csakd.physics import band_list, hyperspectral_names, noise_like, observe


def scene(bands: str = "aviris-172", size: tuple[int, int] = (25, 31), **parts) -> Cube:
    wavelengths = band_list(bands).wavelengths
    values = np.random.default_rng(0).uniform(50, 1000, (wavelengths.size, *size)).astype(np.float32)
    return Cube(values, wavelengths, **parts)


def test_a_scene_becomes_a_nested_pair_and_its_cropped_truth():
    sample = observe(scene(), "tm6", ratio=4)
    assert sample.truth.values.shape == (172, 24, 28)
    assert sample.pair.hsi.values.shape == (172, 6, 7)
    assert sample.pair.msi.values.shape == (6, 24, 28)
    assert sample.pair.ratio == 4
    np.testing.assert_array_equal(sample.truth.values, scene().values[:, :24, :28])
    np.testing.assert_allclose(sample.pair.msi.wavelengths, [485, 560, 660, 835, 1650, 2220])


@pytest.mark.parametrize("ratio", [2, 3, 5, 8, 16])
def test_any_ratio(ratio):
    sample = observe(scene(size=(50, 37)), "tm4", ratio)
    assert sample.pair.hsi.size == (50 // ratio, 37 // ratio)


def test_noise_has_the_snr_asked_for_and_follows_the_seed():
    cube = scene(size=(64, 64))
    clean = observe(cube).pair
    noisy = observe(cube, snr=(30, 20), seed=1).pair
    for name, snr in (("hsi", 30), ("msi", 20)):
        signal, seen = getattr(clean, name).values, getattr(noisy, name).values
        measured = 10 * np.log10((signal**2).mean() / ((seen - signal) ** 2).mean())
        assert measured == pytest.approx(snr, abs=0.1)
    np.testing.assert_array_equal(observe(cube, snr=(30, 20), seed=1).pair.msi.values, noisy.msi.values)
    assert (observe(cube, snr=(30, 20), seed=2).pair.msi.values != noisy.msi.values).any()
    only_hsi = observe(cube, snr=30, seed=1).pair
    np.testing.assert_array_equal(only_hsi.msi.values, clean.msi.values)


def test_noise_by_hand():
    """mean(X²) = 100 and 20 dB: the noise power is 1."""
    noise = noise_like(torch.full((400, 400), 10.0), 20.0, torch.Generator().manual_seed(0))
    assert noise.std().item() == pytest.approx(1.0, rel=0.01)


def test_missing_pixels_stay_missing():
    cube = scene(size=(32, 32))
    cube.values[3, 13, 14] = np.nan
    sample = observe(cube)
    assert not sample.truth.valid[13, 14]
    assert sample.truth.valid.sum() == 32 * 32 - 1
    assert np.isnan(sample.pair.msi.values[:, 13, 14]).all()
    assert not sample.pair.hsi.valid[3, 3]  # the low pixel over it
    assert sample.pair.hsi.valid[0, 0]
    assert sample.pair.hsi.valid[7, 7]
    assert np.isfinite(sample.pair.hsi.values[:, sample.pair.hsi.valid]).all()


def test_the_pair_lies_where_the_scene_lies():
    ground = Georeference("", (17.0, 3.0, 1000.0, -3.0, -17.0, 2000.0))
    sample = observe(scene(georeference=ground))
    assert sample.truth.georeference == sample.pair.msi.georeference == ground
    assert sample.pair.hsi.georeference.transform == (68.0, 12.0, 1000.0, -12.0, -68.0, 2000.0)


def test_band_lists():
    counts = {name: band_list(name).wavelengths.size for name in hyperspectral_names()}
    assert counts == {name: int(name.split("-")[-1]) for name in counts}
    first, last = band_list("aviris-172").wavelengths[[0, -1]]
    assert (first, last) == (468.18, 2408.49)
    assert band_list("aviris-200").fwhm[0] == 9.78


def test_band_list_from_a_file(tmp_path):
    path = tmp_path / "bands.csv"
    path.write_text("centre,fwhm\n450,10\n460.5,11\n")
    np.testing.assert_array_equal(band_list(str(path)).wavelengths, [450, 460.5])
    np.testing.assert_array_equal(band_list(str(path)).fwhm, [10, 11])
    path.write_text("centre\nred\n")
    with pytest.raises(ValueError, match="rows of numbers"):
        band_list(str(path))


def test_curves_from_a_file(tmp_path):
    path = tmp_path / "msi.csv"
    path.write_text("nm,red,nir\n600,0,0\n650,1,0\n700,0,0\n800,0,1\n900,0,0\n")
    msi = observe(scene(), str(path)).pair.msi
    assert msi.bands == 2
    np.testing.assert_allclose(msi.wavelengths, [650, 800])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratio": 1}, "from 2 to 16"),
        ({"ratio": 26}, "from 2 to 16"),
        ({"ratio": 16, "cube": scene(size=(15, 40))}, "smaller than one low pixel"),
        ({"msi": "tm9"}, "neither a file nor one of tm4, tm6"),
        ({"msi": np.ones((3, 5))}, "5 bands on a scene of 172"),
        ({"snr": float("nan")}, "finite number of dB"),
        ({"cube": Cube(np.ones((4, 8, 8), np.float32))}, "no wavelengths"),
    ],
)
def test_bad_requests(options, message):
    with pytest.raises(ValueError, match=message) as error:
        observe(**{"cube": scene(), **options})
    assert "\n" not in str(error.value)
