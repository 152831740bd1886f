"""A write that fails changes nothing."""

from __future__ import annotations

import resource

import numpy as np
import pytest

from csakd import io
from csakd.cubes import Cube
from csakd.io import outgoing

FORMATS = [
    *[("s.img", None), ("s.hdr", None), ("s.bil", None), ("s.tif", None), ("s.tif", "cog")],
    *[("s.mat", None), ("s.mat", "matlab73"), ("s.npz", None), ("s.zarr", None)],
]
every_format = pytest.mark.parametrize(("name", "format"), FORMATS, ids=lambda part: part or "")


class Breaking:
    """Values that cannot be read to the end."""

    shape, dtype = (3, 200, 90), np.dtype(np.float32)

    def __getitem__(self, window):
        if window[1] == slice(None) or window[1].start > 0:
            raise RuntimeError("the scene went away")
        return np.random.default_rng(1).random(self.shape, dtype=np.float32)[window]


@pytest.fixture
def small_disk():
    """From the call on, no file can grow beyond so many bytes."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@every_format
@pytest.mark.parametrize("previous", [True, False])
def test_a_cube_that_breaks_while_it_is_written(tmp_path, monkeypatch, name, format, previous):
    monkeypatch.setattr(outgoing, "BLOCK_BYTES", 1)
    if previous:
        io.write(Cube(np.ones((2, 3, 4), np.float32)), tmp_path / name, format=format)
    before = contents(tmp_path)
    with pytest.raises(RuntimeError, match="went away"):
        io.write(Cube(Breaking()), tmp_path / name, format=format)
    assert contents(tmp_path) == before
    assert previous or not list(tmp_path.iterdir())


@every_format
@pytest.mark.parametrize("limit", [500, 20_000])
def test_a_disk_that_is_full(tmp_path, small_disk, name, format, limit):
    io.write(Cube(np.ones((1, 1, 1), np.float32)), tmp_path / name, format=format)
    before = contents(tmp_path)
    small_disk(limit)
    with pytest.raises(OSError, match="could not be written") as caught:
        io.write(Cube(np.random.default_rng(1).random((4, 40, 90), dtype=np.float32)), tmp_path / name, format=format)
    assert contents(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == len({path.parts[0] for path in before})
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_gdal_kept_beside_the_former_image_goes_with_it(tmp_path):
    for suffix in (".aux.xml", ".ovr", ".msk"):
        (tmp_path / f"s.tif{suffix}").write_text("old")
    io.write(Cube(np.ones((1, 2, 2), np.float32)), tmp_path / "s.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["s.tif"]


def test_a_folder_of_something_else_is_not_replaced_by_a_store(tmp_path):
    (tmp_path / "s.zarr").mkdir()
    (tmp_path / "s.zarr" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="other contents"):
        io.write(Cube(np.ones((1, 2, 2), np.float32)), tmp_path / "s.zarr")
    assert (tmp_path / "s.zarr" / "thesis.txt").exists()
