"""What goes in comes out, in every format and whatever the cube."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from csakd import io
from csakd.cubes import Cube, Georeference

NORTH_UP = (30.0, 0.0, 500000.0, 0.0, -30.0, 4.1e6)
ROTATED = (29.544, 5.209, 500000.0, 5.209, -29.544, 4.1e6)
SHEARED = (29.5, 1.0, 500000.0, 5.2, -20.0, 4.1e6)
FORMATS = [
    *(("scene.img", None), ("scene.hdr", None), ("scene.bil", None), ("scene.bip", None), ("scene", "envi")),
    *(("scene.tif", None), ("scene.tif", "cog"), ("scene.mat", None), ("scene.mat", "matlab73")),
    *(("scene.npz", None), ("scene.zarr", None)),
]
every_format = pytest.mark.parametrize(("name", "format"), FORMATS, ids=lambda part: part or "")


def assert_same(read: Cube, written: Cube) -> None:
    loaded, truth = read.load(), written.load()
    np.testing.assert_array_equal(loaded.values, truth.values)
    np.testing.assert_array_equal(loaded.valid, truth.valid)
    for name in ("wavelengths", "fwhm"):
        given, expected = getattr(read, name), getattr(written, name)
        assert (given is None) == (expected is None), name
        if expected is not None:
            np.testing.assert_allclose(given, expected, rtol=0, atol=1e-6)
    assert read.units == written.units
    assert (read.georeference is None) == (written.georeference is None)
    if read.georeference is not None and written.georeference is not None:
        np.testing.assert_allclose(read.georeference.transform, written.georeference.transform, rtol=1e-12)
        assert bool(read.georeference.crs) == bool(written.georeference.crs)
        if read.georeference.crs:
            assert CRS.from_wkt(read.georeference.crs) == CRS.from_wkt(written.georeference.crs)


@every_format
@pytest.mark.parametrize(
    ("dtype", "transform", "stored"),
    [
        ("float32", NORTH_UP, "float32"),
        ("float64", ROTATED, "float32"),
        ("uint16", SHEARED, "float32"),  # its mask needs NaN
        ("int8", NORTH_UP, "float32"),
    ],
)
def test_a_masked_cube_survives(tmp_path, make_cube, name, format, dtype, transform, stored):
    cube = make_cube(dtype, transform)
    path = io.write(cube, tmp_path / name, format=format)
    read = io.read(path)
    assert read.values.dtype == stored
    assert_same(read, cube)


@every_format
@pytest.mark.parametrize("nodata", [None, -99.0])
@pytest.mark.parametrize("dtype", ["int16", "int64"])
def test_integers_stay_integers(tmp_path, make_cube, name, format, dtype, nodata):
    cube = make_cube(dtype, nodata=nodata)
    if nodata is None:
        cube = make_cube(dtype, valid=None)
    read = io.read(io.write(cube, tmp_path / name, format=format))
    assert read.values.dtype == dtype
    assert read.nodata == nodata
    assert_same(read, cube)


@every_format
def test_a_bare_image_of_one_band(tmp_path, name, format):
    cube = Cube(np.arange(12, dtype=np.uint8).reshape(1, 3, 4))
    assert_same(io.read(io.write(cube, tmp_path / name, format=format)), cube)


@every_format
def test_a_float_mark_becomes_nan_and_a_dead_band_stays_dead(tmp_path, make_cube, name, format):
    values = make_cube("float32").values.copy()
    values[2] = -9999  # dead
    values[:, 3, 4] = -9999  # a missing pixel
    cube = make_cube(values=values, valid=None, nodata=-9999.0)
    read = io.read(io.write(cube, tmp_path / name, format=format))
    assert np.isnan(read.values[:, 3:4, 4:5]).all()
    assert_same(read, cube)


@pytest.mark.parametrize("name", ["scene.img", "scene.tif", "scene.npz"])
@pytest.mark.parametrize("epsg", [4326, 3035, 3857, 3413, 26911, 2056, 32733])
def test_every_projection_survives(tmp_path, make_cube, name, epsg):
    wkt = CRS.from_epsg(epsg).to_wkt()
    cube = make_cube(georeference=Georeference(wkt, NORTH_UP))
    assert_same(io.read(io.write(cube, tmp_path / name)), cube)


@pytest.mark.parametrize("epsg", [4326, 3035, 32733])
def test_envi_keeps_the_projection_of_a_grid_that_map_info_cannot_tell(tmp_path, make_cube, epsg):
    cube = make_cube(georeference=Georeference(CRS.from_epsg(epsg).to_wkt(), SHEARED))
    assert_same(io.read(io.write(cube, tmp_path / "scene.img")), cube)


@every_format
def test_a_grid_without_projection_survives(tmp_path, make_cube, name, format):
    cube = make_cube(georeference=Georeference("", NORTH_UP))
    assert_same(io.read(io.write(cube, tmp_path / name, format=format)), cube)


@pytest.mark.parametrize("name", ["scene.img", "scene.bip", "scene.tif", "scene.npz", "scene.mat"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_numbers_survive(tmp_path, name, data):
    bands = data.draw(st.integers(1, 4))
    rows, columns = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    number = st.floats(width=32, allow_infinity=False)
    values = np.full((bands, rows, columns), data.draw(number), dtype=np.float32)
    values[:, data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))] = data.draw(number)
    centres = np.array(data.draw(st.lists(st.floats(1e2, 2e4), min_size=bands, max_size=bands)))
    cube = Cube(values, centres, centres / 7)
    assert_same(io.read(io.write(cube, tmp_path / name)), cube)


@every_format
def test_writing_a_file_over_itself(tmp_path, make_cube, name, format):
    cube = make_cube()
    path = io.write(cube, tmp_path / name, format=format)
    io.write(io.read(path), path, format=format)
    assert_same(io.read(path), cube)


@every_format
def test_windows_of_a_file_are_windows_of_the_cube(tmp_path, make_cube, name, format):
    cube = make_cube(valid=None)
    read = io.read(io.write(cube, tmp_path / name, format=format))
    assert read.values.shape == cube.values.shape
    for window in (np.s_[1:4, 2:9, 3:20], np.s_[-2:, ::3, 20:2:-2], np.s_[0:0, :, :], np.s_[:, 18:99, :1]):
        np.testing.assert_array_equal(read.values[window], cube.values[window])
    np.testing.assert_array_equal(np.asarray(read.values), cube.values)
    crop = read.crop(slice(4, 9), slice(5, 7))
    np.testing.assert_array_equal(crop.values, cube.crop(slice(4, 9), slice(5, 7)).values)
