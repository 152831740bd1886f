"""From a pair of cubes to a fused cube: metadata, masks, models, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from rasterio.crs import CRS

import csakd
from csakd.classical import CLASSICAL, Classical
from csakd.cubes import Cube, Georeference, Pair
from csakd.data import sample_scene, synthetic_scene
from csakd.metrics import evaluate
from csakd.models import PRESETS, build, build_network
from csakd.models.weights import Card, TrainedModel, save, shipped
from csakd.physics import observe
from csakd.physics import psf as psfs

UTM = CRS.from_epsg(32616).to_wkt()
GROUND = Georeference(UTM, (20.0, 0.0, 5e5, 0.0, -20.0, 4.4e6))
every_form = pytest.mark.parametrize("name", CLASSICAL)
pytestmark = pytest.mark.usefixtures("few_rounds")


def pair(ratio=4, size=(24, 32), bands="aviris-172", msi="tm4", ground: Georeference | None = GROUND) -> Pair:
    return observe(replace(synthetic_scene(size, bands), georeference=ground), msi, ratio).pair


def spoiled(cube: Cube, *pixels: tuple[int, int], value=np.nan) -> Cube:
    values = cube.values.copy()
    for row, column in pixels:
        values[:, row, column] = value
    return replace(cube, values=values, valid=None)


def trained(given: Pair, seed=0, **card) -> TrainedModel:
    """A tiny network with random weights, its card as training writes it."""
    torch.manual_seed(seed)
    bands = given.hsi.bands, given.msi.bands
    network = build_network("mini-student", *bands, given.ratio, base="glp", width=4, growth=2, hsi=0, msi=0)
    centres = {
        f"{name}_wavelengths": None if cube.wavelengths is None else cube.wavelengths.tolist()
        for name, cube in (("hsi", given.hsi), ("msi", given.msi))
    }
    shape = vars(network.config).copy()
    return TrainedModel(network, Card("mini-student", shape, "glp", **{"scaling": "bands", **centres, **card}))


@every_form
@pytest.mark.parametrize("ratio", [2, 4])
def test_the_fused_cube_has_the_bands_of_one_and_the_place_of_the_other(name, ratio):
    given = pair(ratio)
    fused = csakd.fuse(given, name)
    assert fused.values.shape == (172, 24, 32)
    assert fused.values.dtype == np.float32
    assert np.isfinite(fused.values).all()
    assert fused.valid.all()
    np.testing.assert_array_equal(fused.wavelengths, given.hsi.wavelengths)
    np.testing.assert_array_equal(fused.fwhm, given.hsi.fwhm)
    assert fused.georeference == GROUND
    assert fused.units == "reflectance x10000"
    assert fused.source == "fused from synthetic scene, seed 0 and synthetic scene, seed 0"


def test_the_result_is_the_formula_on_the_pair_with_its_own_psf():
    lopsided = psfs.gaussian(4, variance=4.0, phase=0.0)
    given = observe(synthetic_scene((24, 32)), psf=lopsided).pair
    hsi, msi = (torch.from_numpy(cube.values)[None] for cube in (given.hsi, given.msi))
    np.testing.assert_array_equal(csakd.fuse(given, "hyper").values, Classical("hyper", 4, lopsided)(hsi, msi)[0][0])
    usual = csakd.fuse(replace(given, psf=None), "hyper").values  # so few pixels do not tell
    np.testing.assert_array_equal(usual, Classical("hyper", 4)(hsi, msi)[0][0])


def test_one_georeference_is_enough():
    given = pair()
    only_msi = Pair(replace(given.hsi, georeference=None), given.msi)
    only_hsi = Pair(given.hsi, replace(given.msi, georeference=None))
    for known in (only_msi, only_hsi):
        assert csakd.fuse(known, "bicubic").georeference == GROUND
    assert csakd.fuse(pair(ground=None), "bicubic").georeference is None


@every_form
def test_a_pixel_missing_in_either_image_is_missing_in_the_result(name):
    given = pair()
    fused = csakd.fuse(Pair(spoiled(given.hsi, (2, 3)), spoiled(given.msi, (0, 0), (23, 31), value=np.inf)), name)
    expected = np.ones((24, 32), bool)
    expected[8:12, 12:16] = expected[0, 0] = expected[23, 31] = False
    np.testing.assert_array_equal(fused.valid, expected)
    assert np.isnan(fused.values[:, ~expected]).all()
    assert np.isfinite(fused.values[:, expected]).all()


@every_form
def test_gaps_harm_no_other_pixel_much(name):
    """Gaps are filled before computing, the HSI's by what the MSI says; the rest of a scene scores nearly as well."""
    sample = observe(sample_scene().crop(slice(64), slice(64)), "tm4")
    border = [(row, column) for row in range(2) for column in range(16)]
    given = replace(
        sample.pair, hsi=spoiled(sample.pair.hsi, *border), msi=spoiled(sample.pair.msi, (30, 30), (31, 40))
    )
    with_gaps, whole = csakd.fuse(given, name), csakd.fuse(sample.pair, name)
    scored = [evaluate(cube, replace(sample.truth, valid=with_gaps.valid))["psnr"] for cube in (with_gaps, whole)]
    assert scored[0] > scored[1] - 0.3


def test_integers_with_nodata_are_taken_as_they_are():
    given = pair(ground=None)
    numbers = replace(given.hsi, values=given.hsi.values.astype(np.uint16), nodata=0.0)
    numbers.values[:, 1, 1] = 0
    fused = csakd.fuse(Pair(replace(numbers, valid=None), given.msi))
    assert not fused.valid[4:8, 4:8].any()
    assert fused.valid.sum() == 24 * 32 - 16
    assert fused.nodata is None


@every_form
@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_dead_band_is_zeros_in_the_result(name, value):
    given = pair()
    given.hsi.values[7] = value
    fused = csakd.fuse(Pair(replace(given.hsi, valid=None), given.msi), name)
    assert fused.valid.all()
    assert np.abs(fused.values[7]).max() < 1e-3


def test_gaps_that_leave_nothing_in_common():
    given = pair(size=(8, 8))
    left, right = [(0, 0), (1, 0)], [(row, column) for row in range(8) for column in range(4, 8)]
    with pytest.raises(ValueError, match="no pixel is valid in both images"):
        csakd.fuse(Pair(spoiled(given.hsi, *left), spoiled(given.msi, *right)))


def test_an_image_without_a_measurement_is_refused():
    given = pair()
    with pytest.raises(ValueError, match=r"no valid pixel in synthetic scene, seed 0: every one is NaN"):
        csakd.fuse(Pair(replace(given.hsi, values=np.full_like(given.hsi.values, np.nan)), given.msi))


class TestModels:
    def test_a_folder_a_loaded_model_and_the_module_agree(self, tmp_path):
        given = pair()
        folder = save(trained(given), tmp_path / "student")
        loaded = csakd.load(folder)
        hsi, msi = (torch.from_numpy(cube.values)[None] for cube in (given.hsi, given.msi))
        with torch.inference_mode():
            expected = loaded(hsi, msi)[0][0].numpy()
        for model in (folder, str(folder), loaded):
            np.testing.assert_array_equal(csakd.fuse(given, model).values, expected)

    def test_an_untrained_network_may_be_tried(self):
        given = pair()
        network = build("mini-student", 172, 4, 4, base="hyper", width=4, growth=2)
        assert np.isfinite(csakd.fuse(given, network).values).all()

    @pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
    def test_where_to_compute(self, device):
        given = pair()
        np.testing.assert_array_equal(csakd.fuse(given, device=device).values, csakd.fuse(given).values)

    @every_form
    def test_loading_a_method_by_name(self, name):
        given = pair(2)
        unknown = replace(given, response=None)  # a method loaded by name knows no pair's response
        np.testing.assert_array_equal(
            csakd.fuse(given, csakd.load(name, ratio=2)).values, csakd.fuse(unknown, name).values
        )

    def test_any_psf_and_mask_leave_the_model_its_own(self):
        """A trained model keeps the PSF that it was trained for, whatever the pair says."""
        given = pair()
        model = trained(given)
        np.testing.assert_array_equal(
            csakd.fuse(given, model).values, csakd.fuse(replace(given, psf=psfs.gaussian(4, fwhm=2)), model).values
        )


def moved(cube: Cube, row=0.0, column=0.0) -> Cube:
    return replace(cube, georeference=cube.georeference.moved(row, column))


def shifted(cube: Cube, by: float, band: int) -> Cube:
    centres = cube.wavelengths.copy()
    centres[band] += by
    return replace(cube, wavelengths=centres)


class TestFitting:
    """What does not fit together is refused in one line that says what would."""

    @pytest.mark.parametrize(
        "change",
        [
            lambda g: Pair(g.hsi, moved(g.msi, 0.3, -0.4)),
            lambda g: Pair(replace(g.hsi, georeference=replace(g.hsi.georeference, crs="")), g.msi),
            lambda g: Pair(replace(g.hsi, georeference=replace(g.hsi.georeference, crs=_respelt(UTM))), g.msi),
        ],
        ids=["half a pixel", "one CRS unknown", "same CRS, other words"],
    )
    def test_what_is_near_enough(self, change):
        assert csakd.fuse(change(pair()), "bicubic").valid.all()

    def test_rotated_grids_fit_too(self):
        given = pair(ground=Georeference(UTM, (17.0, 3.0, 1e3, 3.0, -17.0, 2e3)))
        assert csakd.fuse(given, "bicubic").georeference == given.msi.georeference
        with pytest.raises(ValueError, match="do not cover the same ground"):
            csakd.fuse(Pair(given.hsi, replace(given.msi, georeference=GROUND)), "bicubic")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda g: Pair(g.msi, g.msi), r"no finer than the HSI \(ratio 1\): there is nothing to sharpen"),
            (lambda g: Pair(Cube(np.ones((2, 1, 1))), Cube(np.ones((1, 17, 17)))), "ratio 17: .* from 2 to 16"),
            (
                lambda g: Pair(moved(g.hsi, 0.2, 0), g.msi),
                r"the HSI spans rows 0\.8 to 24\.8 and columns 0\.0 to 32\.0",
            ),
            (lambda g: Pair(moved(g.hsi, 1e3, 0), g.msi), "crop or resample both to their common ground"),
            (lambda g: Pair(replace(g.hsi, georeference=g.msi.georeference), g.msi), "do not cover the same ground"),
            (
                lambda g: Pair(g.hsi, replace(g.msi, georeference=replace(GROUND, crs=CRS.from_epsg(4326).to_wkt()))),
                "different coordinate systems: reproject one",
            ),
        ],
    )
    def test_images_that_do_not_fit_each_other(self, change, message):
        with pytest.raises(ValueError, match=message) as error:
            csakd.fuse(change(pair()))
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (lambda g: pair(2), "the pair has ratio 2, the model was trained for 4"),
            (
                lambda g: pair(bands="aviris-200"),
                r"the HSI has 200 bands, the model was trained on 172 \(468-2408 nm\)",
            ),
            (lambda g: pair(msi="tm6"), r"the MSI has 6 bands, the model was trained on 4 \(485-835 nm\)"),
            (lambda g: Pair(replace(g.hsi, wavelengths=None), g.msi), "the HSI has no wavelengths.* --hsi-bands"),
            (lambda g: Pair(g.hsi, replace(g.msi, wavelengths=None)), "the MSI has no wavelengths.* --msi-bands"),
            (lambda g: Pair(shifted(g.hsi, 6, 9), g.msi), r"band 10 of the HSI lies at \d+ nm, .* trained on \d+ nm"),
            (lambda g: Pair(g.hsi, shifted(g.msi, -40, 3)), "band 4 of the MSI lies at 795 nm, .* trained on 835 nm"),
            (lambda g: Pair(shifted(g.hsi, np.nan, 9), g.msi), "band 10 of the HSI"),
            (
                lambda g: Pair(g.hsi, replace(g.msi, wavelengths=g.msi.wavelengths[::-1])),
                "bring the bands into the model's order",
            ),
        ],
    )
    def test_a_pair_that_does_not_fit_the_model(self, given, message):
        reference = pair()
        with pytest.raises(ValueError, match=message) as error:
            csakd.fuse(given(reference), trained(reference))
        assert "\n" not in str(error.value)

    def test_bands_may_lie_a_little_apart(self):
        given = pair()
        model = trained(given)
        near = Pair(shifted(given.hsi, 4.9, 9), shifted(given.msi, 29, 1))
        assert csakd.fuse(near, model).valid.all()

    def test_a_model_that_knows_no_wavelengths_asks_for_none(self):
        given = pair()
        model = trained(given, hsi_wavelengths=None, msi_wavelengths=None)
        bare = Pair(*(replace(cube, wavelengths=None) for cube in (given.hsi, given.msi)))
        assert csakd.fuse(bare, model).wavelengths is None

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            (
                "hyperion",
                "no model 'hyperion': it is neither a model folder nor one of csakd-student, .*bicubic, .*hyper",
            ),
            *((name, f"'{name}' is a network that needs training first") for name in PRESETS if name not in shipped()),
            (".", r"\. is no model folder: config\.json is missing"),
            (Classical("glp", 2), "at ratio 2 an HSI of 6x8 pixels goes with an MSI of 12x16, not 24x32"),
        ],
        ids=str,
    )
    def test_a_model_that_is_none(self, model, message):
        with pytest.raises(ValueError, match=message) as error:
            csakd.fuse(pair(), model)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("device", ["cuda:99", "abacus"])
    def test_a_device_that_is_not_here(self, device):
        with pytest.raises(ValueError, match=f"cannot compute on device '{device}' .*: choose another, such as cpu"):
            csakd.fuse(pair(), device=device)


def _respelt(wkt: str) -> str:
    """The same coordinate system as GDAL's other flavour of WKT writes it."""
    return CRS.from_wkt(wkt).to_wkt(version="WKT2_2019")


def test_a_result_that_is_no_number_is_not_passed_on():
    given = pair()
    model = trained(given)
    model.network.network.reconstruct[-1].weight.data.fill_(np.nan)
    with pytest.raises(ValueError, match="not finite"):
        csakd.fuse(given, model)
