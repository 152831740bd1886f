"""Scenes come from a folder as its list says, and no scene or group is in two splits."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from csakd.benchmark import scenes as module
from csakd.benchmark.scenes import scenes_in
from csakd.data import synthetic_scene
from csakd.physics import band_list, observe

ROWS, COLUMNS, BANDS = 12, 20, 6
rng = np.random.default_rng(7)


def smooth(rows=ROWS, columns=COLUMNS, bands=BANDS) -> np.ndarray:
    """(L, H, W) in which neighbours are alike: a plane with a little noise."""
    row, column = np.mgrid[:rows, :columns]
    plane = np.stack([100 + band * 50 + 3 * row + 7 * column for band in range(bands)])
    return plane + rng.uniform(0, 0.5, plane.shape)


def entry(name="one", **changes) -> dict:
    usual = {
        "name": name, "file": f"{name}.mat", "variable": "data", "layout": "HWB", "sensor": "AVIRIS",
        "quantity": "reflectance x10000", "bands": [4, 5, 6, 100, 101, 224], "split": "train",
        "group": f"{name}'s place",
    }  # fmt: skip
    return usual | changes


def catalogue(folder: Path, *entries: dict, **arrays: np.ndarray) -> Path:
    """A folder of MATLAB files, (H, W, B) unless another array is given, and their list."""
    for one in entries:
        values = arrays.get(one["name"], smooth().transpose(1, 2, 0))
        scipy.io.savemat(folder / one["file"], {one["variable"]: values, "name": "x"})
    (folder / "scenes.json").write_text(json.dumps({"scenes": list(entries), "pairs": []}))
    return folder


def only(folder: Path):
    (scene,) = scenes_in(folder)
    return scene


class TestCatalogue:
    def test_a_scene_is_as_the_list_says(self, tmp_path):
        values = smooth().astype(np.int16)
        scene = only(catalogue(tmp_path, entry(), one=values.transpose(1, 2, 0)))
        assert (scene.name, scene.split, scene.group, scene.has_wavelengths) == ("one", "train", "one's place", True)
        assert scene.pair is None
        cube = scene.load()
        assert cube.values.dtype == np.float32
        np.testing.assert_array_equal(cube.values, values)
        np.testing.assert_array_equal(cube.wavelengths, band_list("aviris-224").wavelengths[[3, 4, 5, 99, 100, 223]])
        assert cube.units == "reflectance x10000"
        assert cube.valid.all()

    def test_unrolled_pixels_stand_column_by_column(self, tmp_path):
        """MATLAB's reshape(cube, N, B).': pixel n is row n % R, column n // R; else neighbours were not alike."""
        values = smooth()
        unrolled = np.stack([band.ravel(order="F") for band in values])
        scene = only(catalogue(tmp_path, entry(layout="BN, N = 12x20 column-major"), one=unrolled))
        found = scene.load().values
        np.testing.assert_allclose(found, values, rtol=1e-6)
        assert np.abs(np.diff(found, axis=1)).max() < 4
        assert np.abs(np.diff(found, axis=2)).max() < 8

    @pytest.mark.parametrize("side", [20, 40])
    def test_the_list_knows_better_than_a_guess_at_the_grid(self, tmp_path, side):
        """400 and 1600 pixels could be square, and are read so where nobody says otherwise."""
        values = smooth(side // 2, side * 2)
        unrolled = np.stack([band.ravel(order="F") for band in values])
        layout = f"BN, N = {side // 2}x{side * 2} column-major"
        scene = only(catalogue(tmp_path, entry(layout=layout), one=unrolled))
        np.testing.assert_allclose(scene.load().values, values, rtol=1e-6)

    def test_the_list_knows_better_than_a_guess_at_the_axis(self, tmp_path):
        """A file with as many wavelengths as the image has rows would be taken for (bands, rows, columns)."""
        folder = catalogue(tmp_path, entry())
        values = smooth()
        wavelengths = np.linspace(400, 2500, ROWS)
        scipy.io.savemat(folder / "one.mat", {"data": values.transpose(1, 2, 0), "wavelengths": wavelengths})
        np.testing.assert_allclose(only(folder).load().values, values, rtol=1e-6)

    def test_digital_numbers_become_radiance(self, tmp_path):
        quantity, bands = "radiance, DN = 1000 + 500 L", [1, 2, 3, 4, 110, 220]
        listed = entry(sensor="AVIRIS 1992 (220 bands)", quantity=quantity, bands=bands)
        numbers = np.full((3, 4, 6), 3500, np.uint16)
        numbers[0, 1, 2] = 950
        cube = only(catalogue(tmp_path, listed, one=numbers)).load()
        assert cube.values[0, 0, 0] == 5
        assert cube.values[2, 0, 1] == np.float32(-0.1)
        assert cube.units == "W/(m2 sr um)"
        table = band_list("aviris-1992-220")
        np.testing.assert_array_equal(cube.wavelengths, table.wavelengths[[0, 1, 2, 3, 109, 219]])
        np.testing.assert_array_equal(cube.fwhm, table.fwhm[[0, 1, 2, 3, 109, 219]])

    @pytest.mark.parametrize("changes", [{"bands": None}, {"sensor": "HYDICE"}])
    def test_bands_that_nobody_knows_have_no_wavelengths(self, tmp_path, changes):
        scene = only(catalogue(tmp_path, entry(**changes)))
        assert not scene.has_wavelengths
        assert scene.load().wavelengths is None

    def test_missing_pixels_are_known(self, tmp_path):
        values = smooth().transpose(1, 2, 0)
        values[2, 3, 4] = np.nan
        cube = only(catalogue(tmp_path, entry(), one=values)).load()
        assert np.argwhere(~cube.valid).tolist() == [[2, 3]]

    def test_nothing_is_read_before_it_is_needed(self, tmp_path, monkeypatch):
        folder = catalogue(tmp_path, entry("a"), entry("b", split="test"))
        monkeypatch.setattr(module, "read", lambda *_, **__: pytest.fail("read too early"))
        assert [(scene.name, scene.split) for scene in scenes_in(str(folder))] == [("a", "train"), ("b", "test")]

    def test_scenes_of_a_group_or_alone(self, tmp_path):
        alone = [entry(name, group="", split=split) for name, split in (("x", "other-sensor"), ("y", "test"))]
        together = [entry("a", group="LA"), entry("b", group="LA")]
        assert Counter(s.group for s in scenes_in(catalogue(tmp_path, *alone, *together))) == {"": 2, "LA": 2}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([entry("a"), entry("b", group="a's place", split="test")], 'group "a\'s place" is in both train and test: '),
        ([entry("a"), entry("b", group="a's place", split="validation")], "split by scene and group"),
        ([entry("a"), entry("a", file="b.mat")], "lists a more than once"),
        ([entry("a"), entry("b", file="a.mat", split="test")], "lists a.mat data more than once: a scene is in one"),
        ([], "lists no scene"),
        ([entry(layout="BSQ")], "scene one has layout 'BSQ': known are"),
        ([entry(layout="BN, N = 3x? column-major")], "known are"),
        ([entry(bands=[0, 1])], "scene one keeps channels that AVIRIS does not have: they are 1 to 224"),
        ([entry(bands=[1, 221], sensor="AVIRIS 1992")], "they are 1 to 220"),
        ([entry(bands=[1.5])], "keeps channels"),
        ([{key: value for key, value in entry().items() if key not in ("split", "group")}], "one lacks split, group"),
        ([{"variable": "data"} | {"file": "a.mat", "name": "one"}], "scene one lacks split, group, layout"),
    ],
)
def test_a_bad_list_is_refused(tmp_path, entries, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        scenes_in(catalogue(tmp_path, *entries))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "scenes.json is damaged"),
        ("[1]", 'lacks "scenes", a list'),
        ('{"scenes": {}}', 'lacks "scenes", a list'),
        ('{"scenes": ["a.mat"]}', "scene 1 lacks name, split"),
        (json.dumps({"scenes": [entry()]}), "scene one is in one.mat, which is missing"),
    ],
)
def test_a_damaged_list_is_refused(tmp_path, text, message):
    (tmp_path / "scenes.json").write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)):
        scenes_in(tmp_path)


@pytest.mark.parametrize(
    ("changes", "array", "message"),
    [
        ({"bands": [1, 2]}, smooth().transpose(1, 2, 0), "has 6 bands, scenes.json lists 2 for it; correct the list"),
        ({"layout": "BN, N = 4x5 column-major"}, np.ones((6, 21)), "data has shape (6, 21), which is not BN of 4x5"),
        ({}, np.ones((6, 21)), "data has shape (6, 21), which is not HWB"),
        ({"layout": "BN, N = 3x4 column-major"}, np.ones((3, 4, 6)), "which is not BN of 3x4 pixels"),
    ],
)
def test_a_file_that_is_not_what_the_list_says(tmp_path, changes, array, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        only(catalogue(tmp_path, entry(**changes), one=array)).load()


def test_folders_without_scenes(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ValueError, match=re.escape("holds no scenes: expected scenes.json, or train.txt, val.txt")):
            scenes_in(folder)


SIZE = 16
TRUTH = synthetic_scene((SIZE, SIZE))
SAMPLES = {msi: observe(TRUTH, msi) for msi in ("tm4", "tm6")}
LOW, FOUR, SIX = SAMPLES["tm4"].pair.hsi.values, *(SAMPLES[msi].pair.msi.values for msi in ("tm4", "tm6"))


def last(image: np.ndarray) -> np.ndarray:
    return image.transpose(1, 2, 0)


def image(folder: Path, truth=None, hsi=None, msi=None) -> None:
    folder.mkdir(parents=True)
    np.save(folder / "GT.npz.npy", last(TRUTH.values) if truth is None else truth)
    np.savez(folder / "lrhsi.npz", **(hsi or {"arr_0": last(LOW)}))
    np.savez(folder / "hrmsi.npz", **(msi or {"arr_0": last(FOUR)}))


def published(folder: Path, train="a\nb\n", val="c\n", test="d\n", names="abcd") -> Path:
    for name in names:
        image(folder / name)
    for file, text in (("train", train), ("val", val), ("test", test)):
        (folder / f"{file}.txt").write_text(text)
    return folder


class TestPublishedImages:
    def test_the_lists_name_the_images(self, tmp_path):
        found = scenes_in(published(tmp_path))
        expected = [("a", "train"), ("b", "train"), ("c", "validation"), ("d", "test")]
        assert [(scene.name, scene.split) for scene in found] == expected
        assert all(scene.has_wavelengths and scene.group == scene.name for scene in found)

    @pytest.mark.parametrize("stored", [TRUTH.values, last(TRUTH.values)], ids=["CHW", "HWC"])
    def test_bands_are_found_on_either_axis(self, tmp_path, stored):
        image(tmp_path / "a", stored)
        cube = scenes_in(published(tmp_path, train="a", names="cd"))[0].load()
        np.testing.assert_array_equal(cube.values[:, 3:5, :], TRUTH.values[:, 3:5, :])
        np.testing.assert_array_equal(cube.wavelengths, band_list("aviris-172").wavelengths)

    @pytest.mark.parametrize(("shape", "expected"), [((8, 12, 172), (172, 8, 12)), ((172, 8, 172), (172, 172, 8)),
                                                     ((9, 8, 8), (9, 8, 8)), ((8, 8, 9), (9, 8, 8))])  # fmt: skip
    def test_other_shapes(self, tmp_path, shape, expected):
        image(tmp_path / "a", np.ones(shape, np.int16))
        scene = scenes_in(published(tmp_path, train="a", names="cd"))[0]
        assert scene.load().values.shape == expected
        assert scene.has_wavelengths == (expected[0] == 172) == (scene.load().wavelengths is not None)

    def test_the_values_stay_in_the_file(self, tmp_path):
        scene = scenes_in(published(tmp_path))[0]
        np.save(tmp_path / "a" / "GT.npz.npy", last(2 * TRUTH.values))
        np.testing.assert_array_equal(scene.load().values[4:6, 0:2, :], 2 * TRUTH.values[4:6, 0:2, :])

    def test_lists_written_elsewhere(self, tmp_path):
        folder = published(
            tmp_path, train="/home/someone/data/a\n\n b/ \n", val="C:\\data\\c\n", test="more/d", names="abc"
        )
        image(folder / "more" / "d")
        assert [scene.name for scene in scenes_in(folder)] == ["a", "b", "c", "more/d"]

    @pytest.mark.parametrize(
        ("hsi", "msi"),
        [
            ({"arr_0": last(LOW)}, {"hrmsi4": last(FOUR), "hrmsi6": last(SIX)}),
            ({"data": LOW}, {"a": FOUR, "b": SIX}),
            ({"lrhsi": last(LOW)}, {"tm4": last(FOUR), "tm6": SIX}),
            ({"lrhsi": LOW, "before": LOW + 1}, {"tm4": FOUR, "other": FOUR + 1, "data": SIX, "mask": np.ones(3)}),
        ],
    )
    def test_the_published_pair_can_be_had(self, tmp_path, hsi, msi):
        image(tmp_path / "a", hsi=hsi, msi=msi)
        scene = scenes_in(published(tmp_path, train="a", names="cd"))[0]
        for name, sharp in (("tm4", FOUR), ("tm6", SIX)):
            pair = scene.pair(name)
            np.testing.assert_array_equal(pair.hsi.values, LOW)
            np.testing.assert_array_equal(pair.msi.values, sharp)
            np.testing.assert_array_equal(pair.msi.wavelengths, band_list(name).wavelengths)
            assert pair.ratio == 4
            assert pair.psf is None, "nobody published it"

    @pytest.mark.parametrize(
        ("msi", "message"),
        [
            ({"arr_0": last(SIX)}, "does not hold the image with 4 bands of 16x16 pixels; it has arr_0 (16, 16, 6)"),
            ({"x": last(FOUR), "y": last(FOUR)}, "leaves open which array is the image with 4 bands"),
            ({"x": last(FOUR[:, :8])}, "does not hold the image with 4 bands of 16x16 pixels"),
        ],
    )
    def test_a_pair_that_is_not_clear(self, tmp_path, msi, message):
        image(tmp_path / "a", msi=msi)
        scene = scenes_in(published(tmp_path, train="a", names="cd"))[0]
        with pytest.raises(ValueError, match=re.escape(message)):
            scene.pair("tm4")

    def test_half_a_pair(self, tmp_path):
        scene = scenes_in(published(tmp_path))[0]
        (tmp_path / "a" / "lrhsi.npz").write_bytes((tmp_path / "a" / "lrhsi.npz").read_bytes()[:-30])
        with pytest.raises(ValueError, match=re.escape("lrhsi.npz is damaged or truncated")):
            scene.pair("tm4")
        (tmp_path / "a" / "lrhsi.npz").unlink()
        with pytest.raises(ValueError, match=re.escape("lrhsi.npz is missing: half of the image's pair")):
            scene.pair("tm4")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"val": "c\na\n"}, "lists a more than once: a scene is in one split only"),
            ({"train": "a\n./a\n"}, "lists a more than once"),
            ({"test": "e"}, "test.txt names e, which is no folder here"),
            ({"train": "", "val": "", "test": ""}, "lists no scene"),
        ],
    )
    def test_bad_lists(self, tmp_path, changes, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            scenes_in(published(tmp_path, **changes))

    def test_bad_images(self, tmp_path):
        folder = published(tmp_path)
        truth = folder / "d" / "GT.npz.npy"
        np.save(truth, np.ones((8, 9, 10)))
        with pytest.raises(ValueError, match=re.escape("is no image but float64 (8, 9, 10): expected (rows, columns,")):
            scenes_in(folder)
        np.save(truth, np.array([{"pickled": 1}], dtype=object), allow_pickle=True)
        with pytest.raises(ValueError, match=re.escape("GT.npz.npy is damaged or truncated, or no NumPy array")):
            scenes_in(folder)
        truth.unlink()
        with pytest.raises(ValueError, match=re.escape("d holds no GT.npz.npy")):
            scenes_in(folder)
        (folder / "val.txt").unlink()
        with pytest.raises(ValueError, match=re.escape("lacks val.txt: a data set has train.txt, val.txt, test.txt")):
            scenes_in(folder)

    def test_another_dataset_json_says_nothing(self, tmp_path):
        folder = published(tmp_path)
        (folder / "dataset.json").write_text('{"images": "none of ours"}')
        assert scenes_in(folder)[0].pair("tm4").response is None
        (folder / "dataset.json").write_text("{")
        with pytest.raises(ValueError, match=re.escape("dataset.json is damaged")):
            scenes_in(folder)
