"""Rows on disk."""

import csv

import pytest

from csakd.benchmark.ledger import Ledger, score_ledger


def small(tmp_path):
    return Ledger(tmp_path / "new" / "rows.csv", ("method", "scene", "psnr", "note"), 2)


def test_rows_come_back_as_text(tmp_path):
    ledger = small(tmp_path)
    assert ledger.rows() == []
    ledger.add([{"method": "a", "scene": "x", "psnr": 31.23456789, "note": 'killed, "out of memory"'}])
    ledger.add([{"method": "a", "scene": "y", "psnr": None}])
    assert ledger.rows() == [
        {"method": "a", "scene": "x", "psnr": "31.2346", "note": 'killed, "out of memory"'},
        {"method": "a", "scene": "y", "psnr": "", "note": ""},
    ]
    with ledger.path.open(newline="") as file:
        assert len(list(csv.reader(file))) == 3


def test_a_row_gives_way_to_one_of_its_name(tmp_path):
    ledger = small(tmp_path)
    ledger.add({"method": "a", "scene": scene, "psnr": 1} for scene in "xyz")
    ledger.add([{"method": "a", "scene": "y", "psnr": 2}])
    assert [(row["scene"], row["psnr"]) for row in ledger.rows()] == [("x", "1"), ("z", "1"), ("y", "2")]


def test_a_file_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "scores.csv").write_text("name,age\nanna,7\n")
    with pytest.raises(ValueError, match="its columns differ"):
        score_ledger(tmp_path).add([])
    assert (tmp_path / "scores.csv").read_text() == "name,age\nanna,7\n"
