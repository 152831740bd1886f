"""The demo's journey with its training shrunk to seconds; the full one is `make demo`."""

import csv

import rasterio

from csakd.demo import run
from csakd.training import recipe, smoke
from csakd.training.engine import RECIPE


def test_demo_leaves_table_cubes_and_picture(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / RECIPE).write_text("an earlier demo's")
    table = {row["method"]: row for row in run(tmp_path, smoke(recipe("demo")))}
    assert list(table) == ["bicubic", "glp", "hyper", "csakd-student", "student", "teacher"]
    assert table["bicubic"]["psnr"] + 3 < table["glp"]["psnr"] < table["hyper"]["psnr"] - 0.5
    assert table["student"]["psnr"] > table["hyper"]["psnr"] - 0.5, "an untrained student is close to its base"
    assert table["student"]["parameters"] > 0
    with (tmp_path / "scores.csv").open() as file:
        assert [row["method"] for row in csv.DictReader(file)] == list(table)
    for name in ("fused.tif", "fused.img"):
        with rasterio.open(tmp_path / name) as fused:
            assert (fused.count, fused.height, fused.width) == (200, 128, 48)
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")
