"""Reading a file costs what is looked at, not what it holds."""

from __future__ import annotations

import pickle
import tracemalloc

import h5py
import numpy as np
import pytest
import rasterio
import zarr

from csakd import io
from csakd.cubes import Cube
from csakd.io import matlab5, numpy_files, outgoing

SHAPE = (50, 3000, 3200)  # 1.9 GB of float32, of which the files below hold next to nothing


def huge_envi(folder):
    cube = Cube(np.ones((1, 1, 1), np.float32))
    path = io.write(cube, folder / "huge.bsq")
    header = path.with_suffix(".hdr")
    text = header.read_text()
    for name, length in zip(("bands", "lines", "samples"), SHAPE, strict=True):
        text = text.replace(f"{name} = 1", f"{name} = {length}")
    header.write_text(text)
    with path.open("r+b") as file:
        file.truncate(4 * np.prod(SHAPE))
    return path


def huge_geotiff(folder):
    profile = {"driver": "GTiff", "count": SHAPE[0], "height": SHAPE[1], "width": SHAPE[2], "dtype": "float32"}
    layout = {"tiled": True, "SPARSE_OK": True, "compress": "deflate", "interleave": "band", "BIGTIFF": "YES"}
    rasterio.open(folder / "huge.tif", "w", **profile, **layout, blockxsize=512, blockysize=512).close()
    return folder / "huge.tif"


def huge_matlab73(folder):
    with h5py.File(folder / "huge.mat", "w", userblock_size=512) as file:
        file.create_dataset("cube", shape=(SHAPE[0], SHAPE[2], SHAPE[1]), dtype="f4", chunks=(50, 64, 64))
    return folder / "huge.mat"


def huge_zarr(folder):
    zarr.create_array(folder / "huge.zarr", shape=SHAPE, chunks=(50, 64, 64), dtype="f4")
    return folder / "huge.zarr"


def huge_npy(folder):
    with (folder / "huge.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": SHAPE})
        file.truncate(file.tell() + 4 * np.prod(SHAPE))
    return folder / "huge.npy"


@pytest.mark.parametrize("make", [huge_envi, huge_geotiff, huge_matlab73, huge_zarr, huge_npy])
def test_a_window_of_a_large_scene_costs_a_window(tmp_path, make):
    path = make(tmp_path)
    tracemalloc.start()
    cube = io.read(path)
    window = cube.values[:, 1000:1010, 1200:1220]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert cube.values.shape == SHAPE
    assert window.shape == (50, 10, 20)
    assert peak < 20e6


@pytest.mark.parametrize(("name", "module"), [("scene.mat", matlab5), ("scene.npz", numpy_files)])
def test_formats_that_must_be_read_whole_are_read_at_the_first_slicing_and_once(
    tmp_path, make_cube, monkeypatch, name, module
):
    path = io.write(make_cube(), tmp_path / name)
    loaded = []
    load = module._load
    monkeypatch.setattr(module, "_load", lambda path, names: loaded.append(names) or load(path, names))
    values = io.read(path).values
    assert not any("cube" in names or "values" in names for names in loaded)
    loaded.clear()
    first = values[:1, :2, :2]
    first[:] = -1  # whoever writes into a window must not change what the next one holds
    assert not (values[:1, :2, :2] == -1).any()
    assert len(loaded) == 1


@pytest.mark.parametrize(
    ("name", "format"),
    [("s.img", None), ("s.tif", None), ("s.mat", None), ("s.mat", "matlab73"), ("s.npz", None), ("s.zarr", None)],
)
def test_lazy_cubes_pickle_without_their_pixels(tmp_path, make_cube, name, format):
    cube = make_cube(np.float32, values=np.random.default_rng(1).random((5, 190, 230), dtype=np.float32), valid=None)
    read = io.read(io.write(cube, tmp_path / name, format=format))
    read.values[:, :, :]
    sent = pickle.dumps(read)
    assert len(sent) < 10_000
    np.testing.assert_array_equal(pickle.loads(sent).values[:, 5:9, :], cube.values[:, 5:9, :])


class Watched:
    """Values that note which windows were asked for, and may break on the way."""

    def __init__(self, values, breaks_at=None):
        self.array, self.shape, self.dtype = values, values.shape, values.dtype
        self.breaks_at, self.heights = breaks_at, []

    def __getitem__(self, window):
        block = self.array[window]
        self.heights.append(block.shape[1])
        if self.breaks_at is not None and len(self.heights) > self.breaks_at:
            raise RuntimeError("the lazy cube broke")
        return block


@pytest.mark.parametrize(
    ("name", "format", "most"),
    [
        *[("s.img", None, 10), ("s.bil", None, 10), ("s.bip", None, 10), ("s.tif", None, 128), ("s.tif", "cog", 128)],
        *[("s.mat", "matlab73", 32), ("s.zarr", None, 64)],
    ],
)
def test_big_cubes_are_written_in_blocks_of_rows(tmp_path, monkeypatch, name, format, most):
    values = np.random.default_rng(1).random((2, 150, 70), dtype=np.float32)
    monkeypatch.setattr(outgoing, "BLOCK_BYTES", 2 * 10 * 70 * 4)
    watched = Watched(values)
    path = io.write(Cube(watched), tmp_path / name, format=format)
    assert max(watched.heights) == most
    np.testing.assert_array_equal(io.read(path).values[:, :, :], values)


def test_values_on_disk_behave_like_an_array(tmp_path):
    array = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    values = io.read(io.write(Cube(array), tmp_path / "cube.tif")).values
    for key in (0, -1, (1, 2), (slice(None), 1, 3), (0, slice(1, 3), 2), ..., (..., 1), [1, 0], array > 5):
        np.testing.assert_array_equal(values[key], array[key])
    np.testing.assert_array_equal(2 * values - 1, 2 * array - 1)
    assert values.mean() == array.mean()
    with pytest.raises(IndexError):
        values[2]
