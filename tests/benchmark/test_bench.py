"""The bench as a whole, on tiny synthetic scenes: every method, killed and gone on with, failures kept."""

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

import csakd
from csakd.benchmark import bench as benches
from csakd.benchmark.bench import Bench, with_variants
from csakd.benchmark.ledger import score_ledger
from csakd.benchmark.protocol import PROTOCOLS, STUDIES, Study
from csakd.cli import main
from csakd.models.weights import shipped

CHEAP = ("bicubic", "glp", "usdn", "mini-student", "mini-teacher")
WEIGHED = ("seconds", "learn_seconds", "fuse_seconds", "version")


def bench(folder, names=CHEAP, study=None, **changes):
    study = study or Study(tuple(names), msi=("tm4",))
    protocol = PROTOCOLS["smoke"]
    return Bench(protocol, "quality", study, with_variants(study.methods, study.variants),
                 tuple(protocol.scenes(None)), folder, **{"say": lambda line: None, **changes})  # fmt: skip


def measured(folder):
    """All rows without what differs from run to run."""
    rows = score_ledger(folder).rows()
    return sorted(({k: v for k, v in row.items() if k not in WEIGHED} for row in rows), key=str)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    assert bench(folder).run() == 0
    return folder


def test_a_row_for_every_cell(finished):
    rows = measured(finished)
    assert {(row["method"], row["scene"]) for row in rows} == {
        (name, f"synthetic-{split}") for name in CHEAP for split in ("validation", "test")
    }
    assert len(rows) == 2 * len(CHEAP)
    for row in rows:
        assert row["status"] == "ok"
        assert float(row["psnr"]) > 5
        assert (row["device"], row["dtype"], row["hsi_snr"]) == ("cpu", "fp32", "")
        assert bool(row["steps"]) == (row["method"] not in ("bicubic", "glp"))


def test_a_score_is_what_fuse_and_evaluate_give(finished):
    """Second source: the public functions, called by hand."""
    scene = next(scene for scene in PROTOCOLS["smoke"].scenes(None) if scene.split == "test")
    sample = csakd.observe(scene.load(), "tm4", 4)
    scores = csakd.evaluate(csakd.fuse(sample.pair, "glp"), sample.truth, ratio=4)
    row = next(r for r in measured(finished) if (r["method"], r["split"]) == ("glp", "test"))
    for name, score in scores.items():
        assert float(row[name]) == pytest.approx(score, rel=1e-5)


def test_few_steps_are_called_few(finished):
    notes = {row["method"]: row["note"] for row in measured(finished)}
    assert notes["mini-student"] == "2 steps: too few to mean anything"
    assert notes["bicubic"] == ""


def test_teacher_and_student_were_trained_once(finished):
    assert len(list((finished / "runs").iterdir())) == 1


def test_curves_and_looks(finished):
    curves = list(csv.DictReader((finished / "curves.csv").open()))
    series = {(row["method"], row["series"]) for row in curves}
    assert {("mini-student", "student/psnr"), ("mini-student", "mean/loss"), ("usdn", "psnr")} <= series
    with np.load(finished / "looks" / "glp-tm4.npz") as look:
        assert look["rgb"].shape == (32, 32, 3)
        assert look["residual"].mean() > 0
        assert (str(look["method"]), str(look["scene"])) == ("glp", "synthetic-test")
    with np.load(finished / "looks" / "truth-tm4.npz") as look:
        assert not look["residual"].any()


def test_a_curve_for_each_ratio_from_the_image_without_noise(tmp_path):
    study = Study(("usdn",), noise=((None, None), (25.0, None)), msi=("tm4",), ratios=(2, 4))
    assert bench(tmp_path, study=study).run() == 0
    clean = {(row["scene"], row["ratio"]): row["psnr"] for row in measured(tmp_path) if not row["hsi_snr"]}
    curves = [row for row in csv.DictReader((tmp_path / "curves.csv").open()) if row["series"] == "psnr"]
    assert {(row["scene"], row["ratio"]): row["value"] for row in curves} == clean, "the last point is the result"


def test_what_is_done_is_not_done_again(finished, monkeypatch):
    before = (finished / "scores.csv").read_bytes()
    monkeypatch.setattr(benches, "fuse", lambda *args, **kwargs: pytest.fail("fused again"))
    assert bench(finished).run() == 0
    assert (finished / "scores.csv").read_bytes() == before


def test_killed_and_started_again(finished, tmp_path):
    """SIGKILL at any moment: what was finished stays, and the rows come out the same."""
    command = [sys.executable, "-m", "csakd", "bench", "--smoke", "-o", str(tmp_path), "--methods", *CHEAP]
    process = subprocess.Popen([*command, "--msi", "tm4"], stdout=subprocess.DEVNULL, start_new_session=True)
    scores, deadline = tmp_path / "scores.csv", time.monotonic() + 100
    while not (scores.exists() and len(scores.read_text().splitlines()) > 3) and time.monotonic() < deadline:
        assert process.poll() is None, "the bench ended before it could be killed"
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left = score_ledger(tmp_path).rows()
    assert 3 <= len(left) < 2 * len(CHEAP)
    subprocess.run([*command, "--msi", "tm4"], check=True, capture_output=True)
    rows = score_ledger(tmp_path).rows()
    assert rows[: len(left)] == left, "finished rows were run again"
    assert measured(tmp_path) == measured(finished)


def test_a_failed_method_leaves_its_reason(tmp_path, monkeypatch):
    def broken(pair, model, **options):
        raise RuntimeError("the device\nis on fire")

    with monkeypatch.context() as patched:
        patched.setattr(benches, "fuse", broken)
        assert bench(tmp_path, ("bicubic",)).run() == 2
    rows = measured(tmp_path)
    assert {(row["status"], row["note"], row["psnr"]) for row in rows} == {
        ("failed", "RuntimeError: the device is on fire", "")
    }
    assert bench(tmp_path, ("bicubic",)).run() == 0, "a failure is a result: it is not tried again …"
    assert measured(tmp_path) == rows
    assert bench(tmp_path, ("bicubic",), retry=True).run() == 0
    assert {row["status"] for row in measured(tmp_path)} == {"ok"}, "… unless asked for"
    assert len(measured(tmp_path)) == 2


def test_noise_and_variants(tmp_path):
    study = Study(("glp", "mini-student"), ("snr=35", "snr=35,options.fusion=sum"), ("tm4",), ((None, None), (25, 25)))
    assert bench(tmp_path, study=study).run() == 0
    found = {(r["method"], r["hsi_snr"]): float(r["psnr"]) for r in measured(tmp_path) if r["split"] == "test"}
    names = {"glp", "mini-student@snr=35", "mini-student@snr=35,options.fusion=sum"}
    assert found.keys() == {(name, snr) for name in names for snr in ("", "25")}
    assert found["glp", "25"] < found["glp", ""] - 1
    assert len(list((tmp_path / "runs").iterdir())) == 2


@pytest.mark.usefixtures("less_thorough")
def test_models_that_come_trained_at_other_ratios(tmp_path):
    """As it comes, fitted to the pair, and out of a folder."""
    names = ("csakd-student", "csakd-student+adapted", f"mine={shipped()['csakd-student']}")
    study = Study(names, msi=("tm4",), ratios=(2, 4))
    assert bench(tmp_path, study=study).run() == 2, "32 pixels are too small to adapt to at ratio 4"
    found = {(row["method"], row["ratio"], row["split"]): row for row in measured(tmp_path)}
    assert all(
        row["psnr"] == found["csakd-student", *place]["psnr"] for (name, *place), row in found.items() if name == "mine"
    )
    adapted = found["csakd-student+adapted", "2", "test"]
    assert (adapted["budget"], adapted["status"]) == ("3", "ok")
    assert "too small to adapt" in found["csakd-student+adapted", "4", "test"]["note"]


def test_own_bands(tmp_path):
    """Scored on both, by what takes any bands."""
    protocol = replace(PROTOCOLS["smoke"], bands="aviris-172")
    scenes = PROTOCOLS["smoke"].scenes(None)
    study = Study(("bicubic",), msi=("tm4",), own_bands=True)
    run = Bench(protocol, "quality", study, with_variants(study.methods, ("",)), tuple(scenes), tmp_path,
                say=lambda line: None)  # fmt: skip
    assert run.run() == 0
    assert {row["bands"] for row in measured(tmp_path)} == {"aviris-172", "own"}


def test_a_part_of_a_study(tmp_path):
    """Some noise and one split: the rows that the whole study has of them, and it does not make them again."""
    whole, part = tmp_path / "whole", tmp_path / "part"
    study = ["bench", "--smoke", "--study", "sensors", "--methods", "bicubic", "--msi", "tm4"]
    assert main([*study, "--snr", "clean,30", "--split", "test", "-o", str(part)]) == 0
    assert main([*study, "-o", str(whole)]) == 0
    chosen = [row for row in measured(whole) if row["split"] == "test" and row["hsi_snr"] in ("", "30")]
    assert measured(part) == chosen
    assert len(chosen) == 2 * 2  # noise, ratios
    assert main([*study, "-o", str(part)]) == 0
    assert measured(part) == measured(whole)


def test_one_folder_one_protocol(finished):
    other = replace(bench(finished), protocol=replace(PROTOCOLS["smoke"], ratio=2))
    with pytest.raises(ValueError, match="another protocol: choose another folder"):
        other.run()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bench", "aviris", "nowhere"], "no protocol 'aviris': choose one of aviris-small"),
        (["bench", "aviris-small"], "protocol aviris-small needs the folder of its scenes"),
        (["bench", "--smoke", "--methods", "hypr"], "no method 'hypr'"),
        (["bench", "--smoke", "--budget", "soon"], "budget 'soon'"),
        (["bench", "--smoke", "--msi", "tm5", "--methods", "glp"], "tm5"),
        (["bench", "--smoke", "--device", "abacus"], "abacus"),
        (["bench", "--study", "beauty"], "beauty"),
        (["bench", "--smoke", "--study", "sensors", "--snr", "25,27"], "no pairs of SNR 27: the study has clean, 35"),
        (["bench", "--smoke", "--split", "train"], "train"),
    ],
)
def test_mistakes_by_command_line(arguments, message, tmp_path, capsys):
    try:
        code = main([*arguments, "-o", str(tmp_path / "out")])
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1
    assert message in errors[0]
    assert not (tmp_path / "out").exists()


def test_every_study_has_its_methods():
    for study in STUDIES.values():
        assert with_variants(study.methods, study.variants)
