"""A data set is cut from flight lines exactly, split by flight line, and goes on after an interruption."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rasterio
from made_up_flights import COLUMNS, CORNERS, CROP, KEPT, ROWS, SMALL, TILE, flight, listed, write

import csakd
from csakd import Cube
from csakd.benchmark.dataset import build as module
from csakd.benchmark.dataset.build import build_dataset
from csakd.benchmark.scenes import scenes_in
from csakd.io.raster import RasterValues
from csakd.physics import band_list


@pytest.fixture
def three(tmp_path):
    """Three flight lines of different numbers of sub-images: 6, 4 and 2."""
    sizes = {"a": (ROWS, COLUMNS), "b": (ROWS, 40), "c": (20, 40)}
    return [
        write(tmp_path, f"f13080{name}_ort", flight(n, "int16", *size)) for n, (name, size) in enumerate(sizes.items())
    ]


def lists(folder: Path) -> dict[str, list[str]]:
    return {name: (folder / f"{name}.txt").read_text().split() for name in ("train", "val", "test")}


def truth(folder: Path) -> np.ndarray:
    return np.load(folder / "GT.npz.npy").transpose(2, 0, 1)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("interleave", "order"), [("bip", 1), ("bil", 0), ("bsq", 1)])
@pytest.mark.parametrize(("dtype", "kept"), [("int16", "int16"), ("float32", "float32")])
def test_images_are_windows_of_the_kept_channels_and_pairs_are_observed(tmp_path, interleave, order, dtype, kept):
    values = flight(0, dtype)
    line = write(tmp_path, "f1", values, interleave, order)
    built = build_dataset([line], tmp_path / "set", split="image", **SMALL)
    assert (built.counts, built.made, built.left_out) == ({"train": 4, "validation": 1, "test": 1}, 6, 0)
    names = [f"f1_{row:05d}_{column:05d}" for row, column in CORNERS]
    assert sorted(path.name for path in built.folder.iterdir() if path.is_dir()) == names
    for name, (row, column) in zip(names, CORNERS, strict=True):
        image = built.folder / name
        window = values[KEPT, row : row + CROP, column : column + CROP]
        assert np.load(image / "GT.npz.npy").dtype == kept
        np.testing.assert_array_equal(truth(image), window)
        scene = Cube(window, band_list("aviris-172").wavelengths)
        with np.load(image / "hrmsi.npz") as msi, np.load(image / "lrhsi.npz") as hsi:
            assert sorted(msi) == ["tm4", "tm6"]
            for bands in ("tm4", "tm6"):
                pair = csakd.observe(scene, bands, 4).pair
                np.testing.assert_array_equal(msi[bands].transpose(2, 0, 1), pair.msi.values)
            np.testing.assert_array_equal(hsi["lrhsi"].transpose(2, 0, 1), pair.hsi.values)
            # The first MSI band by hand: the mean of channels between 450 and 520 nm, which are 10 to 16 from 0.
            centres = band_list("aviris-224").wavelengths
            blue = [channel for channel in KEPT if 450 <= centres[channel] < 520]
            mean = values[blue, row : row + CROP, column : column + CROP].astype(np.float64).mean(0)
            np.testing.assert_allclose(msi["tm4"][:, :, 0], mean, rtol=1e-6)


def test_only_windows_are_ever_read(tmp_path, monkeypatch):
    read = []
    fetch = RasterValues.fetch

    def counted(self, bands, rows, columns):
        read.append(((rows.stop - rows.start), (columns.stop - columns.start)))
        return fetch(self, bands, rows, columns)

    monkeypatch.setattr(RasterValues, "fetch", counted)
    build_dataset([write(tmp_path, "f1", flight(0))], tmp_path / "set", split="image", **SMALL)
    assert read == [(TILE, TILE)] * 6, "each sub-image once"


def border(values: np.ndarray, mark: float) -> None:
    """What a rotated flight line looks like: a wedge without measurements at its left border."""
    for row in range(values.shape[1]):
        values[:, row, : max(0, 12 - row)] = mark


@pytest.mark.parametrize(
    ("spoil", "nodata", "dtype", "left_out"),
    [
        (lambda v: border(v, -9999), -9999, "int16", [(0, 0)]),
        (lambda v: border(v, 0), None, "int16", [(0, 0)]),
        (lambda v: border(v, 0), -9999, "int16", [(0, 0)]),
        (lambda v: border(v, np.nan), None, "float32", [(0, 0)]),
        (lambda v: v.__setitem__((40, 20, 20), -9999), -9999, "int16", [(19, 19)]),
        (lambda v: v.__setitem__((40, 20, 20), -9999), -9999, "float32", [(19, 19)]),
        (lambda v: v.__setitem__((40, 20, 20), np.inf), None, "float32", [(19, 19)]),
        (lambda v: v.__setitem__((40, 18, 18), -9999), -9999, "int16", [(0, 0)]),  # beyond the crop, within the tile
        (lambda v: v.__setitem__((slice(None), 44, 59), -9999), -9999, "int16", []),  # beyond the last whole tile
        (lambda v: v.__setitem__((3, 20, 20), -9999), -9999, "int16", []),  # in a channel that is removed
        (lambda v: v.__setitem__((KEPT, 20, 20), 0), -9999, "int16", [(19, 19)]),  # but not in the others
        (lambda v: v.__setitem__((40, 20, 20), 0), -9999, "int16", []),  # a dark band is a measurement
        (lambda v: v.__setitem__((40, 20, 20), -9999), None, "int16", []),  # a number like any other
        (lambda v: v.__setitem__((40, 20, 20), 77), 77, "uint16", [(19, 19)]),
    ],
)
def test_sub_images_with_missing_pixels_are_left_out(tmp_path, spoil, nodata, dtype, left_out):
    values = flight(0, dtype)
    spoil(values)
    built = build_dataset([write(tmp_path, "f1", values, nodata=nodata)], tmp_path / "set", split="image", **SMALL)
    expected = {f"f1_{row:05d}_{column:05d}" for row, column in CORNERS if (row, column) not in left_out}
    assert {path.name for path in built.folder.iterdir() if path.is_dir()} == expected
    assert {name for names in lists(built.folder).values() for name in names} == expected
    assert built.left_out == len(left_out)
    for name in expected:
        found = truth(built.folder / name)
        assert np.isfinite(found).all()
        assert (found != 0).any(axis=0).all()
        if nodata is not None:
            assert not (found == nodata).any()


def test_no_flight_line_is_in_two_splits(three, tmp_path):
    built = build_dataset(three, tmp_path / "set", counts=(6, 4, 2), **SMALL)
    lines = {name: {image.split("_ort")[0] for image in images} for name, images in lists(built.folder).items()}
    assert lines == {"train": {"f13080a"}, "val": {"f13080b"}, "test": {"f13080c"}}
    assert built.counts == {"train": 6, "validation": 4, "test": 2}
    other = build_dataset(three, tmp_path / "other", counts=(2, 6, 4), **SMALL)
    assert other.counts == {"train": 2, "validation": 6, "test": 4}
    train, test = (built.folder / f"{name}.txt" for name in ("train", "test"))
    moved = train.read_text().split()[0]
    train.write_text(train.read_text().replace(f"{moved}\n", ""))
    test.write_text(f"{moved}\n" + test.read_text())
    with pytest.raises(ValueError, match="group 'f13080a_ort' is in both train and test: split by scene and group"):
        scenes_in(built.folder)


def test_the_paper_splits_by_image(three, tmp_path):
    built = build_dataset(three, tmp_path / "set", split="image", counts=(8, 2, 2), **SMALL)
    assert built.counts == {"train": 8, "validation": 2, "test": 2}
    images = [image for names in lists(built.folder).values() for image in names]
    assert len(images) == len(set(images)) == 12
    first, again, other = (
        lists(build_dataset(three, tmp_path / f"{n}", split="image", seed=n // 2, **SMALL).folder) for n in range(3)
    )
    assert first == again != other


def test_the_result_is_read_back_whole(three, tmp_path):
    built = build_dataset(three, tmp_path / "set", counts=(6, 4, 2), psf="fwhm:5", ratio=8, **SMALL)
    scenes = {scene.name: scene for scene in scenes_in(built.folder)}
    assert Counter(scene.split for scene in scenes.values()) == {"train": 6, "validation": 4, "test": 2}
    scene = scenes["f13080a_ort_00019_00038"]
    assert (scene.split, scene.group, scene.has_wavelengths) == ("train", "f13080a_ort", True)
    cube = scene.load()
    np.testing.assert_array_equal(cube.values[:, :, :], flight(0)[KEPT, 19:35, 38:54])
    np.testing.assert_array_equal(cube.wavelengths, band_list("aviris-172").wavelengths)
    with rasterio.open(three[0]) as original:
        assert original.transform.b != 0, "the grid is rotated"
        for row, column in ((0, 0), (3, 7)):
            a, b, c, d, e, f = cube.georeference.transform
            ground = (a * column + b * row + c, d * column + e * row + f)
            assert ground == pytest.approx(original.xy(19 + row, 38 + column, offset="ul"), abs=1e-6)
        assert rasterio.CRS.from_wkt(cube.georeference.crs) == original.crs
    for msi in ("tm4", "tm6"):
        pair, observed = scene.pair(msi), csakd.observe(cube, msi, 8, "fwhm:5").pair
        assert pair.ratio == 8
        for half in ("hsi", "msi"):
            found, expected = getattr(pair, half), getattr(observed, half)
            np.testing.assert_allclose(found.values, expected.values, rtol=1e-6)
            np.testing.assert_array_equal(found.wavelengths, expected.wavelengths)
            assert found.georeference.transform == pytest.approx(expected.georeference.transform)
        np.testing.assert_array_equal(pair.psf, observed.psf)
        np.testing.assert_array_equal(pair.response, observed.response)


def test_the_card_says_how_it_was_made(three, tmp_path):
    build_dataset(three, tmp_path / "set", counts=(6, 4, 2), seed=5, **SMALL)
    card = json.loads((tmp_path / "set" / "dataset.json").read_text())
    assert card["csakd"] == [csakd.version.version()]
    assert card["counts"] == {"train": 6, "validation": 4, "test": 2}
    assert card["split"] == {"by": "flight-line", "counts": [6, 4, 2], "seed": 5}
    assert {name: card["settings"][name] for name in ("bands", "tile", "crop", "ratio")} == {
        "bands": "aviris-172", "tile": TILE, "crop": CROP, "ratio": 4,
    }  # fmt: skip
    line = card["flight_lines"]["f13080b_ort"]
    assert line["sha256"] == hashlib.sha256(Path(f"{three[1]}.hdr").read_bytes()).hexdigest()
    assert (line["file"], line["shape"], line["dtype"]) == (str(three[1]), [224, ROWS, 40], "int16")
    image = card["images"]["f13080b_ort_00019_00000"]
    assert (image["flight_line"], image["row"], image["column"]) == ("f13080b_ort", 19, 0)
    assert len(image["transform"]) == 6


def interrupt(monkeypatch, after: int) -> None:
    """Ctrl-C in the middle of the image number `after`, from 0; there are two observations an image."""
    calls, observe = [], module.observe

    def failing(*arguments):
        calls.append(1)
        if len(calls) > 2 * after + 1:
            raise KeyboardInterrupt
        return observe(*arguments)

    monkeypatch.setattr(module, "observe", failing)


def test_an_interrupted_build_goes_on(three, tmp_path, monkeypatch):
    whole = build_dataset(three, tmp_path / "whole", **SMALL).folder
    folder = tmp_path / "set"
    with monkeypatch.context() as patched:
        interrupt(patched, after=5)
        with pytest.raises(KeyboardInterrupt):
            build_dataset(three, folder, **SMALL)
    made = {path: path.stat().st_mtime_ns for path in folder.rglob("*/*")}
    assert len(made) == 5 * 3, "whole images only"
    assert not list(folder.glob("*.txt")), "no data set yet"
    with pytest.raises(ValueError, match="unfinished data set"):
        scenes_in(folder)
    (folder / ".f13080a_ort_00019_00038.0123abcd").mkdir()  # what a killed process leaves
    (folder / ".dataset.89abcdef.json").write_text("{")
    built = build_dataset(three, folder, **SMALL)
    assert (built.made, sum(built.counts.values())) == (7, 12)
    assert {path: path.stat().st_mtime_ns for path in made} == made
    found, expected = files(folder), files(whole)
    assert set(found) == set(expected)
    for name in found:
        if not name.endswith(".npz"):  # archives hold the time
            assert found[name] == expected[name], name


def test_a_finished_build_run_again_changes_nothing(three, tmp_path):
    folder = build_dataset(three, tmp_path / "set", **SMALL).folder
    before = files(folder)
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*/*")}
    assert build_dataset(three, folder, **SMALL).made == 0
    assert files(folder) == before
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*/*")} == times


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ratio": 8}, r"other settings \(psf, ratio\)"),
        ({"psf": "fwhm:5"}, r"other settings \(psf\)"),
        ({"tile": 17}, r"other settings \(tile\)"),
        ({"crop": 12}, r"other settings \(crop\)"),
        ({"msi": ["tm4"]}, r"other settings \(responses\)"),
        ({"seed": 1}, r"other split \(seed\).*or remove its lists to split it anew"),
        ({"counts": (1, 1, 1)}, r"other split \(counts\)"),
        ({"split": "image"}, r"other split \(by\)"),
    ],
)
def test_other_settings_in_the_same_folder_are_refused(three, tmp_path, change, message):
    folder = build_dataset(three, tmp_path / "set", **SMALL).folder
    before = files(folder)
    with pytest.raises(ValueError, match=message) as error:
        build_dataset(three, folder, **SMALL | change)
    assert "\n" not in str(error.value)
    assert files(folder) == before
    same = {"psf": "variance:3"} if "psf" in change else {}
    assert build_dataset(three, folder, **SMALL | same).made == 0, "the default by another name is the same"


def test_other_flight_lines_in_the_same_folder_are_refused_but_they_may_move(three, tmp_path):
    folder = build_dataset(three, tmp_path / "set", **SMALL).folder
    with pytest.raises(ValueError, match=r"other flight lines \(f13080d\)"):
        build_dataset([*three, write(tmp_path, "f13080d", flight(9))], folder, **SMALL)
    (tmp_path / "moved").mkdir()
    moved = []
    for line in three:
        for path in (line, Path(f"{line}.hdr")):
            path.rename(tmp_path / "moved" / path.name)
        moved.append(tmp_path / "moved" / line.name)
    assert build_dataset(moved, folder, **SMALL).made == 0
    header = Path(f"{moved[0]}.hdr")
    header.write_text(header.read_text() + "description = another calibration\n")
    with pytest.raises(ValueError, match=r"other flight lines \(f13080a_ort\)"):
        build_dataset(moved, folder, **SMALL)


def test_the_split_may_change_until_the_lists_are_written(tmp_path):
    """One flight line has no image, which only shows at the end."""
    good, other = (write(tmp_path, f"f{n}", flight(n)) for n in range(2))
    empty = write(tmp_path, "empty", np.zeros_like(flight(0)))
    folder = tmp_path / "set"
    with pytest.raises(ValueError, match=r"2 flight lines with images .*--split image"):
        build_dataset([good, other, empty], folder, **SMALL)
    built = build_dataset([good, other, empty], folder, split="image", counts=(10, 1, 1), **SMALL)
    assert (built.made, built.left_out, built.counts) == (0, 6, {"train": 10, "validation": 1, "test": 1})
    for name in ("train", "val", "test"):
        (folder / f"{name}.txt").unlink()
    anew = build_dataset([good, other, empty], folder, split="image", counts=(6, 3, 3), **SMALL)
    assert (anew.made, anew.counts) == (0, {"train": 6, "validation": 3, "test": 3})
    assert len({scene.group for scene in scenes_in(folder)}) == 12, "image by image, as was asked for"


def test_a_file_of_the_kept_bands_is_taken_as_it_is(tmp_path):
    values, centres = flight(0)[KEPT], band_list("aviris-172").wavelengths
    csakd.write(Cube(values, centres + 0.5, units="radiance"), tmp_path / "f1.tif")
    folder = build_dataset([tmp_path / "f1.tif"], tmp_path / "set", split="image", **SMALL).folder
    np.testing.assert_array_equal(truth(folder / "f1_00019_00019"), values[:, 19:35, 19:35])
    cube = next(scene for scene in scenes_in(folder) if scene.name == "f1_00019_00019").load()
    assert cube.units == "radiance"
    assert cube.georeference is None
    np.testing.assert_array_equal(cube.wavelengths, centres)
    card = json.loads((folder / "dataset.json").read_text())
    assert card["flight_lines"]["f1"]["nm_off"] == pytest.approx(0.5)


def test_band_centres_must_be_those_of_aviris(tmp_path):
    centres = band_list("aviris-224").wavelengths
    near = write(tmp_path, "near", flight(0), wavelengths=listed(centres + 4.9 * np.linspace(0, 1, 224)))
    assert build_dataset([near], tmp_path / "near-set", split="image", **SMALL).made == 6
    far = write(tmp_path, "far", flight(0), wavelengths=listed(centres - 11.4 * np.linspace(0, 1, 224)))
    with pytest.raises(ValueError, match=r"far: band 224 lies at 2496.2 nm, .* 2507.6: .* a tolerance of 12 nm"):
        build_dataset([far], tmp_path / "far-set", split="image", tolerance=5, **SMALL)
    assert not (tmp_path / "far-set").exists()
    assert build_dataset([far], tmp_path / "far-set", split="image", **SMALL).made == 6


def test_psf_and_msi_from_files(tmp_path):
    np.savetxt(tmp_path / "kernel.txt", np.ones((4, 4)))
    (tmp_path / "pan.csv").write_text("nm,pan\n400,0\n500,1\n800,1\n900,0\n")
    line, folder = write(tmp_path, "f1", flight(0)), tmp_path / "set"
    build_dataset(
        [line], folder, split="image", msi=[str(tmp_path / "pan.csv")], psf=str(tmp_path / "kernel.txt"), **SMALL
    )
    values = truth(folder / "f1_00000_00019").astype(np.float64)
    with np.load(folder / "f1_00000_00019" / "lrhsi.npz") as stored:
        blocks = values.reshape(172, 4, 4, 4, 4).mean((2, 4))
        np.testing.assert_allclose(stored["lrhsi"].transpose(2, 0, 1), blocks, rtol=1e-5)
    pair = scenes_in(folder)[0].pair(str(tmp_path / "pan.csv"))
    assert (pair.msi.bands, pair.ratio, pair.response.shape) == (1, 4, (1, 172))
    (tmp_path / "kernel.txt").write_text("1 1\n1 1\n")
    with pytest.raises(ValueError, match=r"other settings \(psf\)"):
        build_dataset(
            [line], folder, split="image", msi=[str(tmp_path / "pan.csv")], psf=str(tmp_path / "kernel.txt"), **SMALL
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "1 flight lines for train, validation, test, which need one each: .*--split image"),
        ({"split": "scene"}, "no split 'scene': choose flight-line or image"),
        ({"counts": (1, 2)}, "counts 1, 2: give three above zero"),
        ({"counts": (1, 2, 0)}, "give three above zero"),
        ({"crop": 18}, "crop 18: it must be a multiple of the ratio 4, and at most the tile, 19"),
        ({"crop": 20}, "at most the tile, 19"),
        ({"ratio": 1}, "ratio 1: it must be a whole number from 2 to 16"),
        ({"msi": []}, "MSI missing: name at least one"),
        ({"msi": ["tm4", "tm4"]}, "none twice"),
        ({"msi": ["tm9"]}, "no MSI band set 'tm9'"),
        ({"psf": "width:3"}, "no PSF 'width:3'"),
        ({"split": "image", "tile": 64, "crop": 64}, "no image: all 0 sub-images of 64x64"),
        ({"split": "image", "tile": 45, "crop": 44}, "1 images for train, validation, test"),
    ],
)
def test_bad_requests_say_what_would_do(tmp_path, options, message):
    line = write(tmp_path, "f1", flight(0))
    with pytest.raises(ValueError, match=message) as error:
        build_dataset([line], tmp_path / "set", **SMALL | options)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("set/*.txt"))


def test_bad_flight_lines_say_what_would_do(tmp_path):
    def build(*lines):
        build_dataset(lines, tmp_path / "set", split="image", **SMALL)

    with pytest.raises(ValueError, match="no flight line: give at least one"):
        build()
    with pytest.raises(FileNotFoundError, match="no such file"):
        build(tmp_path / "missing.img")
    with pytest.raises(ValueError, match="f1 has 100 bands: a flight line has the 224 of AVIRIS"):
        build(write(tmp_path, "f1", flight(0)[:100]))
    line = write(tmp_path, "f2", flight(0))
    with pytest.raises(ValueError, match="two flight lines are called f2: rename one"):
        build(line, Path(f"{line}.hdr"))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "letter.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something else: choose a folder that is empty"):
        build(line)
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["letter.txt"]
