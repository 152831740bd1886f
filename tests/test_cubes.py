"""Laws of the nouns: what counts as measured, what a crop keeps, what fits together."""

import numpy as np
import pytest

from csakd.cubes import Cube, Georeference, Pair

GAP = (2, 3)  # the pixel that these tests take away


def values(dtype=np.float32, bands: int = 3) -> np.ndarray:
    return np.random.default_rng(0).uniform(1, 200, (bands, 6, 7)).astype(dtype)


def with_gap(marker: float, dtype=np.float32, band: int = 1) -> np.ndarray:
    array = values(dtype)
    array[band, *GAP] = marker
    return array


class Reader:
    """A lazy image that notes which windows were asked of it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype, self.asked = array, array.shape, array.dtype, []

    def __getitem__(self, window):
        self.asked.append(window)
        return self.array[window]


@pytest.mark.parametrize(
    ("marker", "dtype", "nodata"),
    [
        (np.nan, np.float32, None),
        (np.inf, np.float64, None),
        (-np.inf, np.float32, 0.0),
        (np.nan, np.float32, np.nan),
        (-9999, np.int16, -9999.0),
        (65535, np.uint16, 65535),
        (255, np.uint8, np.float64(255)),
        (4095, ">u2", 4095),
        (-9999, np.float32, -9999.0),
        (0.1, np.float32, 0.1),  # 0.1 is another number in float32
        (0.1, np.float16, np.float64(0.1)),
        (-1.797e308, np.float64, -1.797e308),
        (-3.4028234663852886e38, np.float32, -3.4028234663852886e38),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_missing_value_takes_its_whole_pixel(marker, dtype, nodata):
    cube = Cube(with_gap(marker, dtype), nodata=nodata).load()
    expected = np.ones((6, 7), bool)
    expected[GAP] = False
    np.testing.assert_array_equal(cube.valid, expected)
    assert np.isnan(cube.values[:, *GAP]).all()
    assert cube.values.dtype == np.float32
    assert cube.nodata is None
    np.testing.assert_array_equal(cube.values[:, expected], values(dtype).astype(np.float32)[:, expected])


@pytest.mark.parametrize(
    ("dtype", "nodata", "lookalike"),
    [(np.uint16, -9999, 55537), (np.uint8, 256, 0), (np.int16, 0.5, 0), (np.float32, -1.797e308, 0)],
)
@pytest.mark.filterwarnings("error")
def test_a_nodata_value_that_the_type_cannot_hold_marks_nothing(dtype, nodata, lookalike):
    """-9999 wraps to 55537 among 16 unsigned bits, which is a measurement all the same."""
    assert Cube(with_gap(lookalike, dtype), nodata=nodata).load().valid.all()


@pytest.mark.parametrize(("fill", "nodata"), [(np.nan, None), (np.inf, None), (-1.0, -1.0)])
def test_a_dead_band_is_zeros_and_masks_no_pixel(fill, nodata):
    array = values()
    array[2] = fill
    cube = Cube(array, nodata=nodata).load()
    assert cube.valid.all()
    assert not cube.values[2].any()
    np.testing.assert_array_equal(cube.values[:2], values()[:2])


@pytest.mark.parametrize(("fill", "nodata"), [(np.nan, None), (-1.0, -1.0)])
def test_where_every_band_is_dead_no_pixel_is_valid(fill, nodata):
    cube = Cube(np.full((3, 4, 5), fill), nodata=nodata, source="scene.tif")
    assert not cube.load().valid.any()
    assert np.isnan(cube.load().values).all()
    with pytest.raises(ValueError, match=r"no valid pixel in scene\.tif"):
        cube.filled()


def test_a_mask_given_is_kept_and_loading_twice_changes_nothing():
    mask = np.ones((6, 7), bool)
    mask[0] = False
    original = with_gap(np.nan)
    once = Cube(original, valid=mask).load()
    twice = once.load()
    assert once.valid.sum() == 5 * 7 - 1
    np.testing.assert_array_equal(once.valid, twice.valid)
    np.testing.assert_array_equal(once.values, twice.values)
    assert np.isfinite(original[:, 0]).all(), "what was given is left as it was"


def test_filled_takes_the_nearest_valid_pixel():
    array = values()
    array[:, 1:3, 2:6] = np.nan
    filled = Cube(array).filled()
    valid = np.argwhere(np.isfinite(array[0]))
    for pixel in np.argwhere(np.isnan(array[0])):
        distance = np.hypot(*(valid - pixel).T)
        nearest = [tuple(array[:, *place]) for place in valid[distance == distance.min()]]
        assert tuple(filled[:, *pixel]) in nearest
    np.testing.assert_array_equal(filled[np.isfinite(array)], array[np.isfinite(array)])


@pytest.mark.parametrize(
    "transform",
    [(20.0, 0.0, 5e5, 0.0, -20.0, 4e6), (17.0, 3.0, 1e3, -3.0, -17.0, 2e3), (0.0, 5.0, 7.0, 5.0, 0.0, 9.0)],
    ids=["north up", "rotated", "transposed"],
)
def test_a_crop_lies_where_it_lay(transform):
    """A pixel has the same ground coordinates in the crop as in the scene, also on rotated grids."""

    def ground(cube, row, column):
        a, b, c, d, e, f = cube.georeference.transform
        return a * column + b * row + c, d * column + e * row + f

    mask = np.random.default_rng(1).random((6, 7)) > 0.5
    scene = Cube(values(), np.arange(3.0), valid=mask, georeference=Georeference("", transform), units="DN")
    crop = scene.crop(slice(2, -1), slice(3, None))
    assert crop.size == (3, 4)
    np.testing.assert_array_equal(crop.values, scene.values[:, 2:5, 3:])
    np.testing.assert_array_equal(crop.valid, mask[2:5, 3:])
    for row, column in ((0, 0), (3, 4), (1.5, 0.5)):
        assert ground(crop, row, column) == pytest.approx(ground(scene, row + 2, column + 3))
    assert (crop.units, crop.source) == (scene.units, scene.source)
    assert Cube(values()).crop(slice(1, 3), slice(1, 3)).georeference is None


def test_coarser_pixels_cover_the_same_ground():
    fine = Georeference("", (17.0, 3.0, 1e3, -3.0, -17.0, 2e3))
    assert fine.scaled(4).moved(1, 2) == fine.moved(4, 8).scaled(4)


def test_lazy_values_are_read_by_window_only():
    reader = Reader(values())
    cube = Cube(reader)
    assert (cube.bands, cube.size, reader.asked) == (3, (6, 7), [])
    crop = cube.crop(slice(1, 4), slice(-2, None))
    assert reader.asked == [(slice(None), slice(1, 4), slice(5, 7))]
    np.testing.assert_array_equal(crop.load().values, values()[:, 1:4, 5:])
    assert len(reader.asked) == 1


def test_a_pair_knows_its_ratio():
    for ratio in (1, 2, 3, 16):
        assert Pair(Cube(np.ones((2, 4, 5))), Cube(np.ones((1, 4 * ratio, 5 * ratio)))).ratio == ratio


def test_the_gaps_of_a_pair_are_filled_alike():
    """Where the HSI saw nothing the MSI is filled as well; the mask tells where both measured."""
    hsi, msi = np.ones((2, 3, 4)), np.arange(96.0).reshape(2, 6, 8)
    hsi[:, 1, 2], msi[:, 0, 0] = np.nan, np.inf
    low, high, valid = Pair(Cube(hsi), Cube(msi)).filled()
    expected = np.ones((6, 8), bool)
    expected[2:4, 4:6] = expected[0, 0] = False
    np.testing.assert_array_equal(valid, expected)
    np.testing.assert_array_equal(high[:, expected], msi[:, expected])
    assert not np.isin(high[0, ~expected], msi[0, ~expected]).any(), "from the neighbours, not what lay there"
    assert (low == 1).all()


@pytest.mark.parametrize("msi", [(1, 16, 21), (1, 17, 20), (1, 8, 20), (1, 2, 3)])
def test_a_pair_that_does_not_nest_says_what_would(msi):
    with pytest.raises(ValueError, match=r"no whole multiple of the HSI \(4x5\).* crop or resample") as error:
        Pair(Cube(np.ones((2, 4, 5))), Cube(np.ones(msi)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"values": np.ones((4, 5))}, r"shape \(bands, rows, columns\), not \(4, 5\)"),
        ({"values": np.ones((2, 0, 5))}, r"not \(2, 0, 5\)"),
        ({"wavelengths": np.arange(3.0)}, "3 wavelengths for 2 bands"),
        ({"fwhm": np.arange(1.0)}, "1 fwhm for 2 bands"),
        ({"valid": np.ones((5, 4), bool)}, r"the valid mask is \(5, 4\), the image \(4, 5\)"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        Cube(**{"values": np.ones((2, 4, 5)), **parts})
