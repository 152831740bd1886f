"""Whole runs, shrunk to seconds: what they leave behind, and that interruption changes nothing."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from csakd.data import synthetic_scene
from csakd.io import write
from csakd.models.weights import load_folder
from csakd.training import recipe, smoke, train
from csakd.training.schedule import learning_rate_factor
from fingerprint import weights_digest

SCENES = [synthetic_scene((24, 32), seed=seed) for seed in (1, 2)]
UNSEEN = [synthetic_scene((24, 24), seed=3)]


def short(name: str = "guided", **changes):
    return replace(smoke(recipe(name)), **changes)


def run(folder, made=None, validation=UNSEEN, **options):
    return train(made or short(), SCENES, validation, folder, accelerator="cpu", progress=False, **options)


def digests(folder) -> dict[str, str]:
    return {path.parent.relative_to(folder).as_posix(): weights_digest(load_folder(path.parent))
            for path in sorted(folder.rglob("model.safetensors"))}  # fmt: skip


@pytest.mark.parametrize("name", ["paper", "guided", "universal"])
def test_a_run_leaves_models_scores_and_logs(tmp_path, name):
    student = run(tmp_path / "run", short(name))
    assert digests(tmp_path / "run").keys() == {"student", "teacher", "last/student", "last/teacher"}
    card = load_folder(student).card
    assert {"student/psnr", "teacher/sam"} <= card.scores.keys()
    assert ("base/psnr" in card.scores) == (name != "paper")
    assert card.recipe == short(name).as_dict()
    log = next((tmp_path / "run" / "logs").rglob("metrics.csv")).read_text()
    assert "train/student/kd" in log
    assert "validation/student/psnr" in log
    assert any((tmp_path / "run" / "logs").rglob("events.out.tfevents*"))


def test_same_seed_same_weights_other_seed_other_weights(tmp_path):
    first, second, other = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    run(first)
    run(second)
    run(other, short(seed=1))
    assert digests(first) == digests(second)
    assert digests(first)["student"] != digests(other)["student"]


def test_training_learns(tmp_path):
    student = run(tmp_path / "run", short("paper", epochs=3, crops=16, learning_rate=3e-3))
    begun = run(tmp_path / "begun", short("paper", epochs=1, crops=2, learning_rate=1e-9))
    assert load_folder(student).card.scores["student/psnr"] > load_folder(begun).card.scores["student/psnr"] + 3


def test_the_best_model_is_the_best_of_the_log(tmp_path):
    student = run(tmp_path / "run", short(epochs=4, learning_rate=0.05))
    rows = next((tmp_path / "run" / "logs").rglob("metrics.csv")).read_text().splitlines()
    column = rows[0].split(",").index("score")
    logged = [float(row.split(",")[column]) for row in rows[1:] if row.split(",")[column]]
    assert len(logged) == 4
    assert load_folder(student).card.scores["student/psnr"] == pytest.approx(max(logged), rel=1e-6)


@pytest.fixture
def scene_files(tmp_path):
    return [str(write(scene, tmp_path / f"scene{i}.npz")) for i, scene in enumerate([*SCENES, *UNSEEN])]


def command(scene_files, folder, *extra, name="guided", epochs=6) -> list[str]:
    *train_files, unseen = scene_files
    call = [sys.executable, "-m", "csakd", "train", *train_files, "--validation", unseen, "-o", str(folder)]
    recipe_options = ["--recipe", name, "--smoke", "--set", f"epochs={epochs}", "--set", "snr=30"]
    return [*call, *recipe_options, "--accelerator", "cpu", "--quiet", *extra]


@pytest.mark.parametrize(("name", "epochs", "kills"), [("guided", 4, 2), ("universal", 3, 1)])
def test_killed_and_resumed_is_bit_identical(tmp_path, scene_files, name, epochs, kills):
    """kill -9 once the first checkpoint lies there, and once the next does; then run to the end."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    made = short(name, epochs=epochs, snr=30.0)
    run(whole, made)
    seen = -1.0
    for attempt in range(kills):
        process = subprocess.Popen(
            command(scene_files, broken, *(["--resume"] if attempt else []), name=name, epochs=epochs),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        checkpoint = broken / "training.ckpt"
        while process.poll() is None and (not checkpoint.exists() or checkpoint.stat().st_mtime == seen):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.returncode == -signal.SIGKILL, "the run ended before it could be killed"
        seen = checkpoint.stat().st_mtime
    run(broken, made, resume=True)
    assert digests(broken) == digests(whole)
    curves = [list(csv.DictReader((folder / "curve.csv").open())) for folder in (whole, broken)]
    for row in (row for curve in curves for row in curve):
        assert float(row.pop("seconds")) > 0
    assert curves[0] == curves[1], "the curve of an interrupted run is the curve of a whole one"
    assert len(list((whole / "logs").rglob("metrics.csv"))) == 1


def test_two_processes(tmp_path, scene_files):
    """DDP on the CPU: both processes finish, and one set of models is left."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    subprocess.run(
        command(scene_files, tmp_path / "run", "--devices", "2", epochs=2),
        check=True,
        capture_output=True,
        env={**environment, "OMP_NUM_THREADS": "1"},
        timeout=200,
    )
    assert digests(tmp_path / "run").keys() == {"student", "teacher", "last/student", "last/teacher"}
    assert "student/psnr" in json.loads((tmp_path / "run/student/config.json").read_text())["scores"]


def test_without_validation_the_last_is_kept(tmp_path):
    run(tmp_path / "run", validation=[])
    found = digests(tmp_path / "run")
    assert found["student"] == found["last/student"]


def test_undistilled_offline_and_continued(tmp_path):
    run(tmp_path / "alone", short(teacher="none"))
    assert digests(tmp_path / "alone").keys() == {"student", "last/student"}

    run(tmp_path / "joint")
    teacher = tmp_path / "joint" / "teacher"
    run(tmp_path / "offline", short(teacher=str(teacher)))
    assert digests(tmp_path / "offline").keys() == {"student", "last/student"}
    assert digests(tmp_path / "offline")["student"] != digests(tmp_path / "alone")["student"]

    run(tmp_path / "extended", short(start=str(tmp_path / "joint"), learning_rate=1e-12, epochs=1))
    for role in ("student", "teacher"):
        before, after = (load_folder(tmp_path / name / role).state_dict() for name in ("joint", "extended"))
        torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-6)


def test_bf16(tmp_path):
    student = run(tmp_path / "run", short(precision="bf16"))
    assert load_folder(student).card.scores["student/psnr"] > 20


def test_early_stop(tmp_path):
    run(tmp_path / "run", short(epochs=30, patience=2, learning_rate=1e-12))
    rows = next((tmp_path / "run" / "logs").rglob("metrics.csv")).read_text().splitlines()
    assert max(int(row.split(",")[rows[0].split(",").index("epoch")]) for row in rows[1:]) < 10


def test_a_folder_holds_one_run(tmp_path):
    run(tmp_path / "run")
    before = digests(tmp_path / "run")
    with pytest.raises(ValueError, match="resume it, or choose another folder"):
        run(tmp_path / "run")
    with pytest.raises(ValueError, match=r"another recipe .*learning_rate"):
        run(tmp_path / "run", short(learning_rate=0.5), resume=True)
    assert digests(tmp_path / "run") == before


def test_learning_rate():
    factors = [learning_rate_factor(step, 100, "cosine", 0.1) for step in range(101)]
    assert factors[0] < factors[5] < factors[9] < 1
    assert factors[10] == 1
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0)


def test_learning_rate_in_steps():
    factors = [learning_rate_factor(step, 100, "steps:0.1@0.2,0.5") for step in range(101)]
    assert factors[0] == factors[19] == 1
    assert factors[20] == factors[49] == pytest.approx(0.1)
    assert factors[50] == factors[100] == pytest.approx(0.01)
    assert learning_rate_factor(100, 100, "cosine:0.3") == pytest.approx(0.3)
    assert learning_rate_factor(70, 100, "constant") == 1


@pytest.mark.parametrize("schedule", ["linear", "cosine:x", "steps:0.1", "steps:@0.5", "constant:2"])
def test_an_unknown_schedule_names_those_there_are(schedule):
    with pytest.raises(ValueError, match=r"no schedule .*: choose cosine, cosine:FLOOR, constant or steps:"):
        short(schedule=schedule)


def test_decay_as_part_of_the_gradient_or_apart(tmp_path):
    decaying = {"weight_decay": 0.1, "teacher": "none"}
    run(tmp_path / "apart", short(**decaying))
    run(tmp_path / "part", short(**decaying, optimiser="adam"))
    assert digests(tmp_path / "apart")["student"] != digests(tmp_path / "part")["student"]
    with pytest.raises(ValueError, match="no optimiser 'sgd': choose one of adamw, adam"):
        short(optimiser="sgd")
