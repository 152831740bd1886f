"""Files as others write them."""

from __future__ import annotations

import logging

import h5py
import numpy as np
import pytest
import rasterio
import scipy.io
import spectral
import zarr

from csakd import io

rng = np.random.default_rng(3)
HEADER = """ENVI
description = {{
  a scene = of mine}}
samples = 4
lines = 3
bands = 2
header offset = {offset}
file type = ENVI Standard
data type = {code}
interleave = {interleave}
byte order = {order}
{more}"""


def write_envi(folder, name, header_name, more="", dtype=">i2", code=2, interleave="bip", order=1, offset=5):
    values = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    axes = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}[interleave]
    (folder / name).write_bytes(b"x" * offset + values.transpose(axes).tobytes())
    text = HEADER.format(code=code, interleave=interleave, order=order, offset=offset, more=more)
    (folder / header_name).write_text(text)
    return values


@pytest.mark.parametrize(
    ("name", "header_name", "asked"),
    [
        ("s.img", "s.hdr", "s.img"),
        ("s.img", "s.hdr", "s.hdr"),
        ("s", "s.hdr", "s"),
        ("s", "s.hdr", "s.hdr"),
        ("s.dat", "s.dat.hdr", "s.dat"),
        ("s.dat", "s.dat.hdr", "s.dat.hdr"),
        ("s.a.rfl", "s.a.rfl.hdr", "s.a.rfl"),
        ("s.a.rfl", "s.a.hdr", "s.a.rfl"),
        ("s.raw", "s.HDR", "s.raw"),
    ],
)
@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_envi_is_found_by_either_file_and_big_endian_is_read(tmp_path, name, header_name, asked, interleave):
    values = write_envi(tmp_path, name, header_name, interleave=interleave)
    np.testing.assert_array_equal(io.read(tmp_path / asked).values[:, 1:, 2:], values[:, 1:, 2:])


@pytest.mark.parametrize(
    ("more", "expected", "fwhm"),
    [
        ("wavelength units = Nanometers\nwavelength = {412.3456789, 2500}\nfwhm = {10, 11.5}", [412.3456789, 2500], 10),
        (
            "wavelength units = Micrometers\nwavelength = {0.4123456789,\n 2.5}\nfwhm = {0.01, 0.02}",
            [412.3456789, 2500],
            10,
        ),
        ("wavelength = {0.4123456789, 2.5 }\nfwhm = {0.01, 0.02}", [412.3456789, 2500], 10),
        ("wavelength = { 412.3456789 , 2500,}", [412.3456789, 2500], None),
        ("Wavelength Units = Unknown\nWavelength = {412.3456789, 2500}", [412.3456789, 2500], None),
        ("wavelength units = Wavenumber\nwavelength = {4000, 5000}", None, None),
        ("", None, None),
    ],
)
def test_envi_wavelengths_come_in_nm(tmp_path, more, expected, fwhm):
    write_envi(tmp_path, "s.img", "s.hdr", more)
    cube = io.read(tmp_path / "s.img")
    if expected is None:
        assert cube.wavelengths is None
    else:
        np.testing.assert_allclose(cube.wavelengths, expected, rtol=0, atol=1e-6)
    assert (cube.fwhm is None) if fwhm is None else cube.fwhm[0] == pytest.approx(fwhm)


def test_envi_tells_place_units_marks_and_bad_bands(tmp_path):
    more = (
        "map info = {UTM, 1.5, 1.5, 500010, 3999980, 20, 40, 33, North, WGS-84, units=Meters}\n"
        "data ignore value = 7\nreflectance scale factor = 10000.000\nbbl = {1, 0}"
    )
    write_envi(tmp_path, "s.img", "s.hdr", more)
    cube = io.read(tmp_path / "s.img")
    assert cube.georeference.transform == (20, 0, 500000, 0, -40, 4000000)
    assert "UTM zone 33N" in cube.georeference.crs
    assert (cube.nodata, cube.units) == (7, "reflectance x10000")
    assert not cube.load().valid[1, 3]
    assert cube.source.endswith("bad bands (from 1) 2")


def test_a_mark_that_the_numbers_cannot_hold_marks_nothing(tmp_path):
    write_envi(tmp_path, "s.img", "s.hdr", "data ignore value = -9999", dtype=">u2", code=12)
    cube = io.read(tmp_path / "s.img")
    assert cube.nodata is None
    assert cube.load().valid.all()


def test_envi_written_by_spectral_python(tmp_path):
    values = rng.random((3, 4, 2), dtype=np.float32)
    spectral.envi.save_image(str(tmp_path / "s.hdr"), values, metadata={"wavelength": [500.25, 600]}, interleave="bil")
    cube = io.read(tmp_path / "s.hdr")
    np.testing.assert_array_equal(cube.values[:, :, :], values.transpose(2, 0, 1))
    np.testing.assert_array_equal(cube.wavelengths, [500.25, 600])


@pytest.mark.parametrize(
    ("tags", "descriptions", "expected"),
    [
        ([{"wavelength": "0.5", "wavelength_units": "Micrometers"}, {"wavelength": "2.2"}], None, [500, 2200]),
        ([{"WAVELENGTH": "500.25 nm"}, {"WAVELENGTH": "2200 nm"}], None, [500.25, 2200]),
        ([{"wavelength_nm": "500.25"}, {"wavelength_nm": "2200"}], None, [500.25, 2200]),
        (None, ["Band 1 (0.50025 Micrometers)", "Band 2 (2.2 Micrometers)"], [500.25, 2200]),
        (None, ["500.25 nm", "B12: 2200nm"], [500.25, 2200]),
        (None, ["Blue", "Red"], None),
        ([{"wavelength": "0.5"}, {}], None, None),
    ],
)
def test_geotiff_wavelengths_of_other_conventions(tmp_path, tags, descriptions, expected):
    profile = {"driver": "GTiff", "width": 4, "height": 3, "count": 2, "dtype": "uint16"}
    with rasterio.open(tmp_path / "s.tif", "w", **profile) as target:
        target.write(np.ones((2, 3, 4), np.uint16))
        for band in (1, 2):
            if tags:
                target.update_tags(band, **tags[band - 1])
            if descriptions:
                target.set_band_description(band, descriptions[band - 1])
    wavelengths = io.read(tmp_path / "s.tif").wavelengths
    assert wavelengths is None if expected is None else np.allclose(wavelengths, expected, rtol=0, atol=1e-6)


def test_a_mask_inside_a_geotiff_is_the_valid_mask(tmp_path):
    profile = {"driver": "GTiff", "width": 4, "height": 3, "count": 2, "dtype": "uint8"}
    mask = rng.random((3, 4)) > 0.5
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(tmp_path / "s.tif", "w", **profile) as target:
        target.write(np.ones((2, 3, 4), np.uint8))
        target.write_mask(mask)
    np.testing.assert_array_equal(io.read(tmp_path / "s.tif").valid, mask)


# MATLAB: (variables, variable asked for, what becomes (L, H, W), words in `source`)
image = rng.random((6, 7, 5))
spectra = image.reshape(42, 5, order="F").T  # (bands, pixels), column after column
square = rng.random((9, 9, 3))
grid = {"nRow": 6.0, "nCol": 7.0}
MATLAB = {
    "rows, columns, bands": ({"data": image, "map": np.ones((6, 7))}, None, image.transpose(2, 0, 1)),
    "the largest of several": ({"MSI": image[:, :, :2], "HSI": image}, None, image.transpose(2, 0, 1)),
    "the one asked for": ({"MSI": image[:, :, :2], "HSI": image}, "MSI", image[:, :, :2].transpose(2, 0, 1)),
    "wavelengths fix the axis": ({"d": image, "wl": np.arange(400.0, 406)}, None, image),
    "several axes fit, the usual wins": ({"d": square.T, "lambda": np.arange(9.0)}, None, square.T.transpose(2, 0, 1)),
    "the grid fixes the axis": ({"d": image, "rows": 7.0, "cols": 5.0}, None, image),
    "the number of bands fixes it": ({"d": image, "nBand": 7.0}, None, image.transpose(1, 0, 2)),
    "unrolled with a grid": ({"Y": spectra, **grid}, None, image.transpose(2, 0, 1)),
    "unrolled, pixels first": ({"Y": spectra.T, **grid}, None, image.transpose(2, 0, 1)),
    "unrolled beside smaller cubes": (
        {"H": 6.0, "W": 7.0, "Y": spectra, "A": image[:, :, :2]},
        None,
        image.transpose(2, 0, 1),
    ),
    "unrolled without a grid": ({"V": square.reshape(81, 3, order="F").T}, None, square.transpose(2, 0, 1)),
    "one band": ({"HSI": image, "PAN": image[:, :, 0]}, "PAN", image[None, :, :, 0]),
    "only one band": ({"PAN": image[:, :, 0], "name": "x", "k": 3.0}, None, image[None, :, :, 0]),
    "a square image": ({"HSI": square, "map": square[:, :, 0]}, "map", square[None, :, :, 0]),
}


def save_matlab(path, variables, version):
    if version == 5:
        scipy.io.savemat(path, variables)
        return
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            if isinstance(value, str):
                file[name] = np.array([[ord(letter)] for letter in value], dtype=np.uint16)
                file[name].attrs["MATLAB_class"] = np.bytes_("char")
            else:
                file[name] = np.atleast_2d(value).T if np.ndim(value) < 2 else value.T
        file["nothing"] = np.zeros(2, dtype=np.uint64)
        file["nothing"].attrs["MATLAB_empty"] = 1


@pytest.mark.parametrize("version", [5, 7])
@pytest.mark.parametrize(("variables", "asked", "expected"), MATLAB.values(), ids=MATLAB.keys())
def test_matlab_layouts(tmp_path, caplog, version, variables, asked, expected):
    save_matlab(tmp_path / "s.mat", variables, version)
    with caplog.at_level(logging.INFO, "csakd"):
        cube = io.read(tmp_path / "s.mat", variable=asked)
    np.testing.assert_array_equal(cube.values[:, :, :], expected)
    window = np.s_[:1, 1:4, 2:5]
    np.testing.assert_array_equal(cube.values[window], expected[window])
    assert "read as (" in cube.source
    assert cube.source in caplog.text


@pytest.mark.parametrize("version", [5, 7])
def test_matlab_wavelengths_of_others(tmp_path, version):
    save_matlab(
        tmp_path / "s.mat", {"d": image, "Wavelength": np.linspace(0.4, 2.5, 5), "fwhm": np.full(5, 0.01)}, version
    )
    cube = io.read(tmp_path / "s.mat")
    np.testing.assert_allclose(cube.wavelengths, np.linspace(400, 2500, 5))
    np.testing.assert_allclose(cube.fwhm, 10)


def test_integers_that_matlab_saved_as_doubles_are_doubles(tmp_path):
    scipy.io.savemat(tmp_path / "s.mat", {"d": np.arange(24.0).reshape(2, 3, 4)})
    values = io.read(tmp_path / "s.mat").values
    assert values.dtype == values[:, :, :].dtype == np.float64


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"x": image}, image),
        ({"x": square}, square.transpose(2, 0, 1)),  # two equal axes before the spectrum
        ({"x": image, "wavelengths": np.arange(5.0)}, image.transpose(2, 0, 1)),
        ({"values": square, "other": image}, square),  # our own names mean our own order
    ],
)
def test_numpy_archives_of_others(tmp_path, arrays, expected):
    np.savez(tmp_path / "s.npz", **arrays)
    np.testing.assert_array_equal(io.read(tmp_path / "s.npz").values[:, :, :], expected)


@pytest.mark.parametrize(("array", "expected"), [(image, image), (image[0], image[:1])])
def test_a_bare_numpy_array(tmp_path, array, expected):
    np.save(tmp_path / "s.npy", array)
    np.testing.assert_array_equal(io.read(tmp_path / "s.npy").values[:, 1:, 2:4], expected[:, 1:, 2:4])


def test_zarr_of_others(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=image, zarr_format=2)
    np.testing.assert_array_equal(io.read(tmp_path / "a.zarr").values[:, :, :], image)
    group = zarr.open_group(tmp_path / "b.zarr", mode="w")
    group.create_array("radiance", data=image, dimension_names=("y", "x", "wavelength"))
    group.create_array("wavelength", data=np.linspace(0.4, 2.5, 5))
    cube = io.read(tmp_path / "b.zarr")
    np.testing.assert_array_equal(cube.values[1:3, 1:, 2:], image.transpose(2, 0, 1)[1:3, 1:, 2:])
    np.testing.assert_allclose(cube.wavelengths, np.linspace(400, 2500, 5))
