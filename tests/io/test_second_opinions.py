"""Other people's software opens our files and finds the same cube."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import rasterio
import scipy.io
import spectral
import zarr

from csakd import io
from csakd.io import matlab


@pytest.mark.parametrize("name", ["scene.img", "scene.bil", "scene.bip", "scene.tif"])
@pytest.mark.parametrize(
    "transform", [(30.0, 0.0, 5e5, 0.0, -30.0, 4.1e6), (29.544, 5.209, 5e5, 5.209, -29.544, 4.1e6)]
)
def test_rasterio_sees_pixels_place_and_missing_pixels(tmp_path, make_cube, name, transform):
    cube = make_cube(transform=transform)
    with rasterio.open(io.write(cube, tmp_path / name)) as source:
        np.testing.assert_array_equal(source.read(), cube.load().values)
        np.testing.assert_allclose(source.transform[:6], transform, rtol=1e-12)
        assert source.crs.to_epsg() == 32633
        assert np.isnan(source.nodata)
        np.testing.assert_array_equal(source.dataset_mask() > 0, cube.valid)


@pytest.mark.parametrize("name", ["scene.img", "scene.bil", "scene.bip"])
def test_spectral_python_opens_our_envi(tmp_path, make_cube, name):
    cube = make_cube(valid=None)
    path = io.write(cube, tmp_path / name)
    image = spectral.envi.open(str(path.with_suffix(".hdr")), str(path))
    np.testing.assert_array_equal(np.asarray(image.load()).transpose(2, 0, 1), cube.values)
    np.testing.assert_allclose(image.bands.centers, cube.wavelengths, rtol=0, atol=1e-6)
    np.testing.assert_allclose(image.bands.bandwidths, cube.fwhm, rtol=0, atol=1e-6)
    assert image.bands.band_unit == "Nanometers"
    assert image.metadata["map info"][:5] == ["UTM", "1", "1", "500000.0", "4100000.0"]


@pytest.mark.parametrize("format", ["geotiff", "cog"])
def test_geotiff_says_where_others_look(tmp_path, make_cube, format):
    cube = make_cube()
    with rasterio.open(io.write(cube, tmp_path / "scene.tif", format=format)) as source:
        tags = source.tags(3, ns="IMAGERY")
        assert float(tags["CENTRAL_WAVELENGTH_UM"]) * 1e3 == pytest.approx(cube.wavelengths[2], abs=1e-6)
        assert float(tags["FWHM_UM"]) * 1e3 == pytest.approx(cube.fwhm[2], abs=1e-6)
        assert source.units == (cube.units,) * cube.bands
        assert source.profile["tiled"]
        assert source.compression.name == "deflate"
        assert source.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == ("COG" if format == "cog" else None)


def test_matlab_5_and_73_hold_the_same_variables(tmp_path, make_cube):
    cube = make_cube()
    old = scipy.io.loadmat(io.write(cube, tmp_path / "old.mat"))
    np.testing.assert_array_equal(old["cube"], cube.load().values.transpose(1, 2, 0))
    assert old["units"][0] == cube.units
    new = io.write(cube, tmp_path / "new.mat", format="matlab73")
    assert scipy.io.matlab.matfile_version(str(new)) == (2, 0)  # it says of itself what it is
    with h5py.File(new) as file:
        assert file.userblock_size == 512
        for name in ("cube", "wavelengths", "fwhm", "valid", "transform"):
            np.testing.assert_array_equal(file[name][()].T, old[name])
        classes = {name: file[name].attrs["MATLAB_class"] for name in file}
        assert classes["cube"] == b"single"
        assert classes["valid"] == b"logical"
        assert classes["crs"] == b"char"
        assert file["units"][()].tobytes().decode("utf-16") == cube.units


def test_cubes_too_large_for_matlab_5_become_73(tmp_path, make_cube, monkeypatch):
    monkeypatch.setattr(matlab, "V5_LIMIT", 1000)
    assert h5py.is_hdf5(io.write(make_cube(), tmp_path / "scene.mat"))


def test_numpy_and_zarr_open_our_files(tmp_path, make_cube):
    cube = make_cube()
    with np.load(io.write(cube, tmp_path / "scene.npz"), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["values"], cube.load().values)
        assert str(arrays["crs"]) == cube.georeference.crs
    group = zarr.open_group(io.write(cube, tmp_path / "scene.zarr"), mode="r")
    np.testing.assert_array_equal(group["values"][:], cube.load().values)
    assert group["values"].metadata.dimension_names == ("band", "y", "x")
    assert group["values"].chunks == cube.values.shape
    assert group.attrs["units"] == cube.units
