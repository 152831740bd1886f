"""Every mistake is told in one line that names the file and what to do."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy.io

from csakd import io
from csakd.cubes import Cube, Georeference

cube = Cube(np.random.default_rng(2).random((3, 40, 50), dtype=np.float32), np.linspace(400, 700, 3))


def told(error, path, *words):
    """The error's text, after checking that it is one line with the path and these words."""
    text = str(error.value)
    assert "\n" not in text
    for word in (str(path), *words):
        assert word in text, text


@pytest.mark.parametrize("name", ["s.img", "s.tif", "s.mat", "s.npz", "s.npy", "s.zarr", "s.xyz"])
def test_no_such_file(tmp_path, name):
    with pytest.raises(FileNotFoundError) as error:
        io.read(tmp_path / name)
    told(error, tmp_path / name)


def test_unknown_suffixes_and_formats(tmp_path):
    (tmp_path / "s.xyz").touch()
    with pytest.raises(ValueError, match="suffix") as error:
        io.read(tmp_path / "s.xyz")
    told(error, tmp_path / "s.xyz", ".tif", ".mat", ".zarr", ".hdr")
    for name, format in (("s.xyz", None), ("s", None), ("s.tif", "jpeg"), ("s.npy", None)):
        with pytest.raises(ValueError, match="writes no") as error:
            io.write(cube, tmp_path / name, format=format)
        told(error, tmp_path / name, ".tif", "cog", "matlab73")


def test_writing_where_nothing_can_be_written(tmp_path):
    with pytest.raises(FileNotFoundError, match="create it first") as error:
        io.write(cube, tmp_path / "nowhere" / "s.tif")
    told(error, tmp_path / "nowhere" / "s.tif")
    (tmp_path / "s.tif").mkdir()
    with pytest.raises(IsADirectoryError) as error:
        io.write(cube, tmp_path / "s.tif")
    told(error, tmp_path / "s.tif")
    (tmp_path / "s.zarr").touch()
    with pytest.raises(OSError, match=r"s\.zarr"):
        io.write(cube, tmp_path / "s.zarr")


def test_cubes_that_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="real numbers"):
        io.write(Cube(np.ones((1, 2, 3), complex)), tmp_path / "s.tif")
    for name in ("s.tif", "s.img"):
        lost = Cube(np.ones((1, 2, 3)), georeference=Georeference("UTM somewhere", (1, 0, 0, 0, -1, 0)))
        with pytest.raises(ValueError, match="coordinate reference system"):
            io.write(lost, tmp_path / name)


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize(
    ("name", "format"),
    [("s.img", None), ("s.tif", None), ("s.tif", "cog"), ("s.mat", None), ("s.mat", "matlab73"), ("s.npz", None)],
)
def test_truncated_files_are_noticed_when_they_are_opened(tmp_path, name, format, part):
    path = io.write(cube, tmp_path / name, format=format)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(ValueError, match="truncated") as error:
        io.read(path)
    told(error, path, *([str(len(whole)), str(int(part * len(whole)))] if name == "s.img" else []))


@pytest.mark.parametrize("name", ["s.tif", "s.mat", "s.npz", "s.npy", "s.zarr"])
def test_files_of_another_kind(tmp_path, name):
    if name == "s.zarr":
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text("This is a letter to my aunt, and no image of any kind. " * 9)
    with pytest.raises(ValueError, match="damaged or truncated, or no") as error:
        io.read(tmp_path / name)
    told(error, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "format"), [("s.tif", None), ("s.mat", None), ("s.mat", "matlab73"), ("s.npz", None), ("s.zarr", None)]
)
def test_pixels_overwritten_with_rubbish_are_noticed_when_they_are_read(tmp_path, name, format):
    big = Cube(np.random.default_rng(2).integers(0, 99, (3, 90, 140), dtype=np.int16))
    path = io.write(big, tmp_path / name, format=format)
    victim = next((path / "values" / "c").rglob("1")) if path.is_dir() else path
    victim = next(file for file in victim.rglob("*") if file.is_file()) if victim.is_dir() else victim
    data = bytearray(victim.read_bytes())
    data[len(data) // 3 : -len(data) // 3] = b"\xab" * len(data[len(data) // 3 : -len(data) // 3])
    victim.write_bytes(data)
    with pytest.raises(ValueError, match="damaged or truncated") as error:
        io.read(path).values[:, :, :]
    told(error, path)


def test_what_is_wrong_with_an_envi_header(tmp_path):
    path = io.write(cube, tmp_path / "s.img")
    header = path.with_suffix(".hdr")
    text = header.read_text()
    for wrong, words in (
        (text.replace("ENVI\n", "NVI\n"), "no ENVI header"),
        (text.replace("lines = 40", "lines = many"), "`lines`"),
        (text.replace("lines = 40\n", ""), "`lines`"),
        (text.replace("lines = 40", "lines = 0"), "empty image"),
        (text.replace("data type = 4", "data type = 6"), "data type 6"),
        (text.replace("bands = 3", "bands = 2"), "3 wavelengths for 2 bands"),
        (text.replace("{\n 400.0", "{\n 4oo.0"), "`wavelength`"),
    ):
        header.write_text(wrong)
        with pytest.raises(ValueError, match=r"ENVI|lines|image|type|wavelength") as error:
            io.read(path)
        told(error, header, words)
    header.unlink()
    with pytest.raises(FileNotFoundError, match=r"expected s\.hdr"):
        io.read(path)
    header.write_text(text)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"expected s\.img"):
        io.read(header)


def test_files_without_a_cube_say_what_they_hold(tmp_path):
    scipy.io.savemat(tmp_path / "s.mat", {"name": "x", "cell": np.array([1, "a"], dtype=object), "k": np.arange(5)})
    with pytest.raises(ValueError, match="holds no cube") as error:
        io.read(tmp_path / "s.mat")
    told(error, tmp_path / "s.mat", "k (1, 5)")
    for variable in ("nope", "name"):
        with pytest.raises(ValueError, match=f"no image '{variable}'") as error:
            io.read(tmp_path / "s.mat", variable=variable)
        told(error, tmp_path / "s.mat", "k (1, 5)")
    for name in ("s.npz", "t.zarr"):
        path = tmp_path / name
        if name == "s.npz":
            np.savez(path, a=np.ones((2, 3, 4)), b=np.ones((2, 3, 4)))
        else:
            import zarr

            group = zarr.open_group(path, mode="w")
            group.create_array("a", data=np.ones((2, 3, 4)))
            group.create_array("b", data=np.ones((2, 3, 4)))
        with pytest.raises(ValueError, match="variable=") as error:
            io.read(path)
        told(error, path, "a (2, 3, 4)", "b (2, 3, 4)")
        assert io.read(path, variable="b").bands == 2
    with pytest.raises(ValueError, match="leave out"):
        io.read(io.write(cube, tmp_path / "s.tif"), variable="b")


def test_python_objects_are_never_unpickled(tmp_path):
    objects = np.array([{"a": 1}] * 8, dtype=object).reshape(2, 2, 2)
    np.save(tmp_path / "s.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "s.npz", allow_pickle=True, values=objects, units=objects)
    for name in ("s.npy", "s.npz"):
        with pytest.raises(ValueError, match=name):
            io.read(tmp_path / name)


def test_complex_numbers_are_refused(tmp_path):
    scipy.io.savemat(tmp_path / "s.mat", {"d": np.full((2, 3, 4), 1j)})
    with pytest.raises(ValueError, match="complex"):
        io.read(tmp_path / "s.mat").values[:, :, :]


def test_importing_costs_little():
    heavy = ("rasterio", "h5py", "zarr", "scipy.io")
    code = f"import sys, csakd.io; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
