"""`csakd demo`: the whole journey on the bundled real scene, in minutes of two CPU cores.

The student that comes with the package fuses it as it is. Beside it, a teacher and a student are distilled for the
scene itself, on its left 80 columns; everything is scored on its right 48, which no network has seen.
"""

from __future__ import annotations

import csv
import shutil
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from csakd.cubes import Cube
from csakd.data import sample_scene
from csakd.inference import fuse, load
from csakd.io import write
from csakd.io.atomic import replacing
from csakd.metrics import evaluate
from csakd.models.weights import parameter_count
from csakd.report import comparison
from csakd.training import Recipe, train
from csakd.training.engine import RECIPE

SEAM = 80  # the first column of the held-out part; a multiple of the ratio
SCORES = ("psnr", "sam", "rmse", "ergas")
PIXELS = ((20, 12), (64, 30), (104, 20))


def run(output: Path, chosen: Recipe) -> list[dict[str, str | float]]:
    """Simulate, distil by a recipe, fuse, score, draw. Writes into `output`; returns the table's rows."""
    console = Console()
    started = time.perf_counter()
    output.mkdir(parents=True, exist_ok=True)
    scene = sample_scene()
    rows, columns = scene.size
    train_part = scene.crop(slice(0, rows), slice(0, SEAM))
    sample = chosen.observation.clean(scene.crop(slice(0, rows), slice(SEAM, columns)))
    console.print(f"{scene.source}: {scene.bands} bands, {rows}x{columns} pixels")
    console.print(f"distilling {chosen.teacher} into {chosen.student} on columns 0-{SEAM - 1} …")
    folder = output / "run"
    if (folder / RECIPE).is_file():  # an earlier demo's
        shutil.rmtree(folder)
    train(chosen, [train_part], [], folder, accelerator="cpu")

    console.print(f"fusing columns {SEAM}-{columns - 1}, ratio {chosen.ratio}, {sample.pair.msi.bands} MSI bands …")
    models = {name: name for name in ("bicubic", "glp", "hyper", "csakd-student")}
    models |= {name: str(folder / name) for name in ("student", "teacher")}
    fused: dict[str, Cube] = {}
    table: list[dict[str, str | float]] = []
    for name, model in models.items():
        network = load(model, chosen.ratio)
        fuse(sample.pair, network)  # warm-up
        start = time.perf_counter()
        fused[name] = fuse(sample.pair, network)
        seconds = time.perf_counter() - start
        scores = evaluate(fused[name], sample.truth, ratio=chosen.ratio)
        parameters = parameter_count(network)
        table.append({"method": name, **{key: scores[key] for key in SCORES}, "seconds": seconds,
                      "parameters": parameters})  # fmt: skip

    for suffix in ("img", "tif"):
        write(fused["student"], output / f"fused.{suffix}")
    comparison(sample.truth, fused, output / "comparison.png", PIXELS)
    _write_csv(table, output / "scores.csv")
    console.print(_rendered(table))
    console.print(f"{output}/: fused.img, fused.hdr and fused.tif (the student's), comparison.png, scores.csv, run/")
    console.print(f"done in {time.perf_counter() - started:.0f} s")
    return table


def _write_csv(table: list[dict[str, str | float]], path: Path) -> None:
    with replacing(path) as draft, draft.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows({key: f"{v:.4f}" if isinstance(v, float) else v for key, v in row.items()} for row in table)


def _rendered(table: list[dict[str, str | float]]) -> Table:
    rendered = Table(title="held-out part of the scene, RMSE in W/(m² sr µm)")
    headings = ("method", "PSNR / dB", "SAM / °", "RMSE", "ERGAS", "seconds", "parameters")
    for heading in headings:
        rendered.add_column(heading, justify="left" if heading == "method" else "right")
    for row in table:
        cells = (f"{row['psnr']:.2f}", f"{row['sam']:.3f}", f"{row['rmse']:.4f}", f"{row['ergas']:.3f}")
        rendered.add_row(str(row["method"]), *cells, f"{row['seconds']:.2f}", f"{row['parameters']:,}")
    return rendered
