"""Rows of results as the benchmark writes them, made up, all text; and what tables of them say."""

import csv
from pathlib import Path

from csakd.benchmark.ledger import COST, CURVE, score_ledger

SCORE_COLUMNS = score_ledger(Path()).columns
_SCORE = dict.fromkeys(SCORE_COLUMNS, "") | {
    "protocol": "aviris-small", "study": "quality", "scene": "lake", "split": "test", "bands": "aviris-172",
    "msi": "tm4", "ratio": "4", "seed": "0", "psnr": "30", "sam": "2", "rmse": "25", "ergas": "1.5", "ssim": "0.9",
    "uiqi": "0.8", "cc": "0.95", "status": "ok", "version": "0.1.0 @ 1a2b3c4", "device": "cpu", "dtype": "fp32",
    "threads": "2",
}  # fmt: skip
_COST = dict.fromkeys(COST, "") | {
    "hsi_bands": "172", "msi_bands": "4", "ratio": "4", "size": "256", "parameters": "0", "seconds": "0.5",
    "runs": "5", "peak_mb": "100", "dtype": "fp32", "device": "cpu", "threads": "2", "status": "ok",
    "version": "0.1.0 @ 1a2b3c4",
}  # fmt: skip
_POINT = dict.fromkeys(CURVE, "") | {"protocol": "aviris-small", "study": "quality", "msi": "tm4", "seed": "0"}


def score(method, **changes):
    return _SCORE | {"method": method} | {name: str(value) for name, value in changes.items()}


def failure(method, note, **changes):
    blank = dict.fromkeys(("psnr", "sam", "rmse", "ergas", "ssim", "uiqi", "cc"), "")
    return score(method, **blank, status="failed", note=note, **changes)


def cost(method, **changes):
    return _COST | {"method": method} | {name: str(value) for name, value in changes.items()}


def point(method, series, step, value, seconds="", **changes):
    given = {"method": method, "series": series, "step": step, "value": value, "seconds": seconds, **changes}
    return _POINT | {name: str(value) for name, value in given.items()}


def write(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


PAPERS = {25: (22.417, 9.3), 30: (25.658, 5.72), 35: (29.017, 3.681), 40: (31.566, 2.654), 45: (33.454, 1.945),
          "": (34.963, 1.934)}  # fmt: skip


def noisy(name, both=True, **changes):
    """The paper's row of PZRes-Net in its Table II."""
    return [score(name, study="robustness", hsi_snr=snr, msi_snr=snr if both else "", psnr=psnr, sam=sam, **changes)
            for snr, (psnr, sam) in PAPERS.items()]  # fmt: skip


def losses(name, psnr, **changes):
    return score(name, study="losses", budget="300s", psnr=psnr, **changes)


def sensors(name, **changes):
    """Two scenes, seen by four pairs of sensors; every one has a PSNR of its own."""
    return [score(name, study="sensors", scene=scene, msi=msi, ratio=ratio, psnr=30 + place + ratio + bands, **changes)
            for place, scene in enumerate(("lake", "city")) for msi, bands in (("tm4", 4), ("sentinel2", 10))
            for ratio in (4, 3)]  # fmt: skip


def texts(table, name):
    """The cells beside a name."""
    found = [line.cells for line in table.rows if line.cells[0].text == name]
    assert len(found) == 1, f"{name} stands in {len(found)} rows"
    return [cell.text for cell in found[0][1:]]


def cells(table, name):
    return next(line.cells[1:] for line in table.rows if line.cells[0].text == name)


def notes(table):
    return dict(table.notes)
