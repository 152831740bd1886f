"""Whole commands, as a user types them."""

import json
import subprocess
import sys

import numpy as np
import pytest
import rasterio
import spectral

import csakd
from csakd.cli import main
from csakd.cubes import Georeference
from csakd.data import synthetic_scene

UTM = 'PROJCS["WGS 84 / UTM zone 16N",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",-87],PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],PARAMETER["false_northing",0],UNIT["metre",1],AUTHORITY["EPSG","32616"]]'  # noqa: E501
GROUND = Georeference(UTM, (20.0, 0.0, 500000.0, 0.0, -20.0, 4480000.0))
SUFFIXES = {"geotiff": ".tif", "cog": ".tif", "envi": ".img", "matlab": ".mat", "matlab73": ".mat", "npz": ".npz",
            "zarr": ".zarr"}  # fmt: skip


@pytest.fixture
def scene(tmp_path):
    from dataclasses import replace

    cube = replace(synthetic_scene((33, 42), seed=4), georeference=GROUND)
    return csakd.write(cube, tmp_path / "scene.tif")


def run(*arguments) -> int:
    """The exit code of `csakd ARGUMENTS`, in this process."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.mark.parametrize("form", SUFFIXES)
def test_simulate_fuse_evaluate_in_each_format(tmp_path, scene, form, capsys):
    suffix, pair = SUFFIXES[form], tmp_path / "pair"
    assert run("simulate", scene, "--ratio", 4, "--snr", 40, "--format", form, "-o", pair) == 0
    assert run("fuse", pair / f"hsi{suffix}", pair / f"msi{suffix}", "-o", pair / f"fused{suffix}") == 0
    capsys.readouterr()
    assert run("evaluate", pair / f"fused{suffix}", pair / f"truth{suffix}", "--json") == 0
    scores = json.loads(capsys.readouterr().out)
    assert list(scores) == ["psnr", "sam", "rmse", "ergas", "ssim", "uiqi", "cc"]
    assert scores["psnr"] > 25

    fused, truth = csakd.read(pair / f"fused{suffix}"), csakd.read(scene)
    assert fused.size == (32, 40)
    np.testing.assert_allclose(fused.wavelengths, truth.wavelengths, atol=1e-5)
    assert fused.georeference.transform == pytest.approx(GROUND.transform)
    correlation = np.corrcoef(fused.values[60, :, :].ravel(), truth.values[60, :32, :40].ravel())[0, 1]
    assert correlation > 0.9, "rows and columns lie as they did"


@pytest.mark.parametrize("form", SUFFIXES)
def test_train_then_fuse_and_other_software_opens_the_result(tmp_path, scene, form, capsys):
    suffix, pair, folder = SUFFIXES[form], tmp_path / "pair", tmp_path / "run"
    assert run("simulate", scene, "--format", form, "-o", pair) == 0
    truth = pair / f"truth{suffix}"
    assert run("train", truth, "--validation", truth, "--smoke", "--accelerator", "cpu", "--quiet", "-o", folder) == 0
    fused = pair / f"fused{suffix}"
    assert run("fuse", pair / f"hsi{suffix}", pair / f"msi{suffix}", "--model", folder / "student", "-o", fused) == 0
    assert "the one that the model was trained for" in capsys.readouterr().out
    assert run("evaluate", fused, truth) == 0
    assert run("info", folder / "student") == 0

    wavelengths, values = csakd.read(scene).wavelengths, csakd.read(fused).values[:, :, :]
    assert values.shape == (172, 32, 40)
    if suffix not in (".tif", ".img"):
        return
    with rasterio.open(fused) as opened:
        assert (opened.count, opened.height, opened.width) == (172, 32, 40)
        assert opened.crs.to_epsg() == 32616
        assert tuple(opened.transform)[:6] == pytest.approx(GROUND.transform)
        np.testing.assert_array_equal(opened.read(), values)
        if suffix == ".tif":
            centres = [float(opened.tags(band, ns="IMAGERY")["CENTRAL_WAVELENGTH_UM"]) for band in opened.indexes]
            np.testing.assert_allclose(np.array(centres) * 1000, wavelengths, atol=1e-6)
    if form == "envi":
        image = spectral.open_image(str(fused.with_suffix(".hdr")))
        np.testing.assert_allclose(image.bands.centers, wavelengths)
        np.testing.assert_array_equal(image.load().transpose(2, 0, 1), values)


def test_bands_can_be_named_where_a_file_does_not_say(tmp_path, capsys):
    from dataclasses import replace

    bare = csakd.write(replace(synthetic_scene((16, 16)), wavelengths=None, fwhm=None), tmp_path / "bare.mat")
    assert run("simulate", bare, "-o", tmp_path / "pair") == 2
    assert "no wavelengths" in capsys.readouterr().err
    assert not (tmp_path / "pair").exists()
    assert run("simulate", bare, "--bands", "aviris-172", "-o", tmp_path / "pair") == 0
    assert run("simulate", bare, "--bands", "aviris-205", "-o", tmp_path / "other") == 2


def test_missing_pixels_stay_missing(tmp_path, capsys):
    scene = synthetic_scene((24, 24))
    scene.values[:, 9, 10] = np.nan
    scene.values[5, 0, 0] = np.inf
    scene.values[40] = 0
    assert run("simulate", csakd.write(scene, tmp_path / "scene.tif"), "-o", tmp_path / "pair") == 0
    pair = tmp_path / "pair"
    assert run("fuse", pair / "hsi.tif", pair / "msi.tif", "-o", pair / "fused.tif") == 0
    fused = csakd.read(pair / "fused.tif").load()
    assert not fused.valid[9, 10]
    assert not fused.valid[0, 0]
    assert fused.valid[20, 20]
    assert np.abs(fused.values[40][fused.valid]).max() < 1e-9
    assert run("evaluate", pair / "fused.tif", pair / "truth.tif", "--json") == 0
    assert all(np.isfinite(value) for value in json.loads(capsys.readouterr().out.splitlines()[-1]).values())


@pytest.mark.parametrize("model", ["gsa", "rfuse-blind", "usdn"])
def test_fusing_by_any_method(tmp_path, scene, model):
    pair, fused = tmp_path / "pair", tmp_path / "fused.tif"
    assert run("simulate", scene, "-o", pair) == 0
    budget = ("--budget", 40) if model == "usdn" else ()
    assert run("fuse", pair / "hsi.tif", pair / "msi.tif", "--model", model, *budget, "-o", fused) == 0
    psnr = csakd.evaluate(csakd.read(fused), csakd.read(pair / "truth.tif"))["psnr"]
    assert psnr > (12 if budget else 25)


def test_the_list_of_models(capsys):
    assert run("info", "models") == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(csakd.MODELS)


def test_tables_and_figures_of_a_bench(tmp_path, capsys):
    assert run("bench", "--smoke", "-o", tmp_path, "--msi", "tm4", "--methods", "bicubic", "glp") == 0
    for command, wanted in (("tables", "table1.md"), ("figures", "figure5.png")):
        assert run(command, tmp_path, "-o", tmp_path / "rendered") == 0
        assert (tmp_path / "rendered" / wanted).stat().st_size > 300
    assert "GLP-HS" in (tmp_path / "rendered" / "table1.md").read_text()


def test_a_data_set_from_a_flight_line(tmp_path, capsys):
    line = csakd.write(synthetic_scene((20, 60), "aviris-224"), tmp_path / "line.img")
    arguments = ("dataset", "aviris", line, "-o", tmp_path / "set", "--tile", 19, "--crop", 16, "--split", "image")
    assert run(*arguments, "--quiet") == 0
    assert "3 made now" in capsys.readouterr().out
    assert run("bench", "csakd-aviris", tmp_path / "set", "-o", tmp_path / "out", "--methods", "bicubic") == 0
    assert (tmp_path / "out" / "scores.csv").read_text().count(",ok,") == 4 + 4  # two scenes, two band sets, own bands


class TestMistakes:
    """One line on stderr, exit code 2, nothing written."""

    @pytest.fixture
    def files(self, tmp_path, scene):
        assert run("simulate", scene, "-o", tmp_path / "pair") == 0
        pair = tmp_path / "pair"
        (tmp_path / "cut.tif").write_bytes((pair / "hsi.tif").read_bytes()[:4000])
        from dataclasses import replace

        msi = csakd.read(pair / "msi.tif")
        csakd.write(msi.crop(slice(0, 30), slice(0, 40)), tmp_path / "odd.tif")
        csakd.write(replace(msi, georeference=GROUND.moved(100, 0)), tmp_path / "elsewhere.tif")
        csakd.write(replace(msi, wavelengths=None, fwhm=None), tmp_path / "unnamed.tif")
        arguments = ("train", pair / "truth.tif", "--smoke", "--accelerator", "cpu", "--quiet", "-o", tmp_path / "run")
        assert run(*arguments) == 0
        for name in ("missing", "altered"):
            folder = tmp_path / name
            folder.mkdir()
            for file in (tmp_path / "run" / "student").iterdir():
                (folder / file.name).write_bytes(file.read_bytes())
        (tmp_path / "missing" / "model.safetensors").unlink()
        weights = tmp_path / "altered" / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
        return tmp_path

    def test_each(self, files, capsys):
        capsys.readouterr()
        here = "{f}"
        fuse = f"fuse {here}/pair/hsi.tif {here}/pair/msi.tif -o {here}/out.tif"
        cases = {
            f"fuse {here}/nowhere.tif {here}/pair/msi.tif -o {here}/out.tif": "no such file",
            f"fuse {here}/cut.tif {here}/pair/msi.tif -o {here}/out.tif": "damaged or truncated",
            f"fuse {here}/pair/hsi.tif {here}/odd.tif -o {here}/out.tif": "no whole multiple",
            f"fuse {here}/pair/msi.tif {here}/pair/msi.tif -o {here}/out.tif": "no finer",
            f"fuse {here}/pair/hsi.tif {here}/elsewhere.tif -o {here}/out.tif": "do not cover the same ground",
            f"fuse {here}/pair/hsi.tif {here}/unnamed.tif --model {here}/run/student -o {here}/out.tif": "--msi-bands",
            f"{fuse} --model {here}/missing": "model.safetensors is missing",
            f"{fuse} --model {here}/altered": "damaged or was altered",
            f"{fuse} --model {here}/pair": "is no model folder",
            f"{fuse} --model teacher": "needs training first",
            f"{fuse} --model hyper --budget 3": "--budget is for --adapt and for models that learn from",
            f"{fuse} --model usdn --budget never": "budget 'never': give a number of steps",
            f"{fuse} --model hypper": "neither a model folder nor one of",
            f"{fuse} --psf variance:-3": "must be positive",
            f"{fuse} --device abacus": "cannot compute on device",
            f"{fuse} --hsi-bands tm4": "172 bands, tm4 has 4",
            f"fuse {here}/pair/hsi.tif {here}/pair/msi.tif -o {here}/out.xyz": "csakd writes no",
            f"fuse {here}/pair/hsi.tif {here}/pair/msi.tif -o {here}/no/out.tif": "create it first",
            f"simulate {here}/scene.tif --ratio 40 -o {here}/out": "from 2 to 16",
            f"simulate {here}/scene.tif --ratio four -o {here}/out": "invalid int value",
            f"simulate {here}/scene.tif --msi tm9 -o {here}/out": "neither a file nor one of",
            f"simulate {here}/scene.tif --snr nan -o {here}/out": "finite number",
            f"simulate {here}/scene.tif -o {here}/pair": "already exists",
            f"evaluate {here}/pair/hsi.tif {here}/pair/truth.tif": "crop or resample",
            f"evaluate {here}/pair/truth.tif {here}/pair/truth.tif --protocol best": "per_band_max",
            f"evaluate {here}/pair/truth.tif {here}/pair/truth.tif --ratio 0": "ratio",
            f"train {here}/pair/truth.tif --recipe best -o {here}/out": "choose one of paper",
            f"train {here}/pair/truth.tif --set epochs=0 -o {here}/out": "above zero",
            f"train {here}/pair/truth.tif --devices 0 -o {here}/out": "devices",
            f"train {here}/pair/truth.tif --devices 99 --accelerator cuda -o {here}/out": "devices",
            f"train {here}/unnamed.tif -o {here}/out": "no wavelengths",
            f"train {here}/pair/truth.tif --set teacher={here}/altered --smoke -o {here}/out": "altered",
            f"train {here}/pair/truth.tif --smoke -o {here}/run": "already holds a run",
            f"info {here}/nowhere": "no such file",
            "frobnicate": "invalid choice",
            "": "required",
        }  # fmt: skip
        before = sorted(files.rglob("*"))
        for arguments, message in cases.items():
            code = run(*arguments.format(f=files).split())
            error = capsys.readouterr().err
            assert code == 2, arguments
            assert error.count("\n") == 1, error
            assert message in error, (arguments, error)
            assert sorted(files.rglob("*")) == before, f"{arguments} left something behind"


@pytest.mark.parametrize("command", ["simulate", "train", "fuse", "evaluate", "info", "demo"])
def test_help_shows_an_example(command, capsys):
    assert run(command, "--help") == 0
    assert f"csakd {command}" in capsys.readouterr().out.split("example:")[1]


def test_info_says_what_files_and_models_are(scene, capsys):
    assert run("info", scene) == 0
    told = capsys.readouterr().out
    assert "172 bands x 33 rows x 42 columns" in told
    assert "468.2-2408.5 nm" in told
    assert run("info", "student") == 0
    assert "7,449,946" in capsys.readouterr().out


def test_help_is_quick_and_imports_little():
    """The whole command line's help loads none of the heavy packages."""
    heavy = ["torch", "numpy", "rasterio", "lightning", "matplotlib"]
    code = f"import sys; from csakd.cli import parser; parser(); print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_nobody_needs_to_know_how_wide_the_psf_is(tmp_path, capsys):
    scene = csakd.write(synthetic_scene((96, 96)), tmp_path / "scene.tif")
    assert run("simulate", scene, "--psf", "variance:1.8", "-o", tmp_path / "pair") == 0
    scores = {}
    for name, psf in {"told": ("--psf", "variance:1.8"), "paper": ("--psf", "paper"), "found": ()}.items():
        images = tmp_path / "pair" / "hsi.tif", tmp_path / "pair" / "msi.tif"
        assert run("fuse", *images, *psf, "-o", tmp_path / f"{name}.tif") == 0
        fused, truth = csakd.read(tmp_path / f"{name}.tif"), csakd.read(tmp_path / "pair" / "truth.tif")
        scores[name] = csakd.evaluate(fused, truth)["psnr"]
    told = capsys.readouterr().out
    assert float(told.split("a Gaussian of variance ")[1].split(",")[0]) == pytest.approx(1.8, rel=0.03)
    assert scores["found"] == pytest.approx(scores["told"], abs=0.5)
    assert scores["found"] > scores["paper"] + 5


def test_adapt_leaves_a_model_that_fuse_takes(tmp_path, capsys):
    scene = csakd.write(synthetic_scene((64, 64)), tmp_path / "scene.tif")
    assert run("simulate", scene, "-o", tmp_path / "pair") == 0
    images = tmp_path / "pair" / "hsi.tif", tmp_path / "pair" / "msi.tif"
    chosen = ("--model", "csakd-student", "--budget", "2")
    assert run("adapt", *images, *chosen, "-o", tmp_path / "mine") == 0
    assert "adapted: " in capsys.readouterr().out
    assert run("fuse", *images, "--model", tmp_path / "mine", "-o", tmp_path / "fused.tif") == 0
    assert run("fuse", *images, *chosen, "--adapt", "-o", tmp_path / "at-once.tif") == 0
    assert csakd.read(tmp_path / "at-once.tif").bands == 172
    assert run("adapt", *images, "-o", tmp_path / "mine") == 2
    assert "already exists" in capsys.readouterr().err
    assert run("adapt", *images, "--model", "glp", "-o", tmp_path / "none") == 2
    told = capsys.readouterr()
    assert "'glp' does not learn" in told.err
    assert not told.out, "nothing is looked for in a pair that no model is fitted to"
    assert not (tmp_path / "none").exists()
