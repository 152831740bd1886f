"""The bundled scene is the published one; synthetic scenes look like scenes."""

import hashlib
from importlib.resources import files

import numpy as np
import pytest

from csakd.data import sample_scene, synthetic_scene
from csakd.physics import observe


def test_the_bundled_scene_is_the_published_one():
    """Its digital numbers, 1000 + 500 · radiance, are whole and have this checksum."""
    scene = sample_scene()
    assert scene.values.shape == (200, 128, 128)
    assert scene.values.dtype == np.float32
    numbers = 500 * scene.values + 1000
    np.testing.assert_array_equal(numbers, np.round(numbers))
    checksum = hashlib.sha256(np.round(numbers).astype("<u2").tobytes()).hexdigest()
    assert checksum == "99322a5c8a6e5a1fa96edd79ab8dcba7956af13543986ba544fd6eeb6ebb649f"


def test_the_bundled_scene_knows_its_bands():
    """400 to 2500 nm, upwards but for two steps back where spectrometers overlap."""
    scene = sample_scene()
    steps = np.diff(scene.wavelengths)
    assert (scene.wavelengths[0], scene.wavelengths[-1]) == pytest.approx((400, 2500), abs=15)
    assert np.flatnonzero(steps < 0).tolist() == [30, 93]
    assert steps.min() > -10
    assert (scene.fwhm > 8).all()
    assert "W/" in scene.units
    assert "AVIRIS" in scene.source
    assert observe(scene, "tm6").pair.msi.bands == 6


def test_the_bundled_scene_says_where_it_comes_from_and_is_small():
    folder = files("csakd.data").joinpath("sample")
    assert "10.4231/R7RX991C" in folder.joinpath("PROVENANCE.md").read_text()
    assert len(folder.joinpath("indian_pines_128.npz").read_bytes()) < 4e6


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


@pytest.mark.parametrize("seed", range(3))
def test_a_synthetic_scene_is_believable(seed):
    scene = synthetic_scene((48, 40), seed=seed)
    assert (scene.bands, scene.size, scene.units) == (172, (48, 40), "reflectance x10000")
    assert scene.values.min() >= 0
    assert scene.values.max() <= 1.2e4
    assert min(correlation(*scene.values[band : band + 2]) for band in range(0, 171, 10)) > 0.9, "smooth spectra"
    assert correlation(scene.values[:, 1:], scene.values[:, :-1]) > 0.85, "neighbours are alike down the columns"
    assert correlation(scene.values[..., 1:], scene.values[..., :-1]) > 0.85, "and along the rows"
    spectra = scene.values.reshape(172, -1)
    strength = np.linalg.svd(spectra - spectra.mean(1, keepdims=True), compute_uv=False)
    assert 3 <= (strength > 0.01 * strength[0]).sum() <= 40, "mixed of a few materials"


def test_the_same_seed_gives_the_same_scene():
    first, again, other = (synthetic_scene((12, 9), seed=seed).values for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(("size", "bands"), [((1, 1), "aviris-172"), ((5, 3), "tm6"), ((7, 8), "aviris-224")])
def test_any_size_and_band_list(size, bands):
    scene = synthetic_scene(size, bands, materials=1)
    assert scene.size == size
    assert np.isfinite(scene.values).all()
