"""The closed forms on a set of scenes, by Wald's protocol: one CSV row a method, scene and band set.

    python benchmarks/closed_forms.py SCENE.tif … -o benchmarks/results/closed_forms.csv

Scenes need wavelengths. Seconds are the median of three runs after one to warm up.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path

import torch

import csakd
from csakd.classical import CLASSICAL
from csakd.version import version


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="+", type=Path)
    parser.add_argument("-o", "--output", required=True, type=Path)
    parser.add_argument("--ratio", type=int, default=4)
    options = parser.parse_args()
    rows = []
    for path in options.scenes:
        scene = csakd.read(path)
        for msi in ("tm4", "tm6"):
            sample = csakd.observe(scene, msi, options.ratio)
            for method in CLASSICAL:
                fused = csakd.fuse(sample.pair, method)
                scores = csakd.evaluate(fused, sample.truth, ratio=options.ratio)
                rows.append({
                    "method": method, "scene": path.stem, "msi": msi, "ratio": options.ratio,
                    **{name: f"{score:.4f}" for name, score in scores.items()},
                    "seconds": f"{median_seconds(sample.pair, method):.3f}",
                    "threads": torch.get_num_threads(), "device": "cpu", "version": version(),
                })  # fmt: skip
                print(path.stem, msi, method, rows[-1]["psnr"], rows[-1]["sam"], rows[-1]["rmse"])
    with options.output.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def median_seconds(pair: csakd.Pair, method: str) -> float:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        csakd.fuse(pair, method)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
