"""Tables say what the rows say: numbers worked by hand, nothing hidden, and text that any reader of it can take."""

import re

import pytest
from made_up_rows import cells, cost, failure, notes, score, texts

from csakd.benchmark.methods import TRAINED, method
from csakd.benchmark.rendering.lineup import COLOURS, LINEUP, MARKERS, entrant, label, place
from csakd.benchmark.rendering.printed import PRINTED, agree
from csakd.benchmark.rendering.table_one import table_cost, table_one, table_one_metrics, table_one_scenes
from csakd.benchmark.rendering.typeset import Cell, Column, Line, ranked
from csakd.classical import CLASSICAL
from csakd.metrics import METRICS
from csakd.models import ONE_PAIR, UNIVERSAL

FEW = "12 steps: too few to mean anything"


# Means


def test_means_over_seeds_then_scenes():
    rows = [score("glp", scene="lake", seed=0, psnr=30, sam=1, rmse=10),
            score("glp", scene="lake", seed=1, psnr=32, sam=2, rmse=20),
            score("glp", scene="city", seed=0, psnr=40, sam=4.5, rmse=0.05)]  # fmt: skip
    table = table_one(rows)
    assert texts(table, "GLP-HS") == ["35.50", "3.000", "7.525"]  # ((30 + 32) / 2 + 40) / 2, …
    assert "Means over 2 test scenes, 2 seeds." in table.caption


def test_columns_for_each_band_set():
    rows = [score("glp", psnr=30), score("glp", msi="tm6", psnr=33), score("glp", msi="s2-10", psnr=31)]
    table = table_one([*rows, score("bicubic", psnr=20)])
    assert [column.group for column in table.columns[1::3]] == ["4 bands", "6 bands", "s2-10"]
    assert texts(table, "GLP-HS")[::3] == ["30.00", "33.00", "31.00"]
    assert texts(table, "bicubic")[::3] == ["20.00", "–", "–"]


def test_all_metrics():
    table = table_one_metrics([score("glp", ssim=0.98765, uiqi=0.5, cc=0.25, ergas=2)], tuple(METRICS))
    assert texts(table, "GLP-HS") == ["30.00", "2.000", "25.00", "2.000", "0.9877", "0.5000", "0.2500"]
    better = {column.name.split()[0]: column.better for column in table.columns[1:]}
    assert better == {"PSNR": 1, "SAM": -1, "RMSE": -1, "ERGAS": -1, "SSIM": 1, "UIQI": 1, "CC": 1}


def test_by_scene():
    rows = [score("glp", scene="lake", psnr=30), score("glp", scene="city", psnr=40),
            score("hyper", scene="lake", psnr=31), failure("hyper", "MemoryError: no", scene="city")]  # fmt: skip
    table = table_one_scenes(rows)
    assert [(line.block, line.cells[0].text, line.cells[1].text) for line in table.rows] == [
        ("city", "GLP-HS", "40.00"),
        ("city", "hyper", "failed"),
        ("lake", "GLP-HS", "30.00"),
        ("lake", "hyper", "31.00"),
    ]
    assert "city: MemoryError: no" in notes(table).values()
    assert not any(cell.in_table for line in table.rows for cell in line.cells), "scenes do not compete"


def test_learning_is_shown_where_there_is_any():
    rows = [score("student", budget="300s", steps=400, learn_seconds=290, scene=scene) for scene in ("lake", "city")]
    rows += [score("usdn", budget="180s", steps=100 * n, learn_seconds=180 + n, scene=scene)
             for n, scene in ((1, "lake"), (4, "city"))]  # fmt: skip
    table = table_one([*rows, score("glp"), score("glp", scene="city")])
    assert [column.name for column in table.columns[-2:]] == ["steps", "s"]
    assert texts(table, "Student")[-2:] == ["400", "290"]
    assert texts(table, "uSDN")[-2:] == ["250", "182"]  # (181 + 184) / 2 = 182.5, to even
    assert texts(table, "GLP-HS")[-2:] == ["–", "–"]
    assert "Budget: 300 s a training (teacher and student share it); 180 s a pair" in table.caption
    assert len(table_one([score("glp")]).columns) == 4


# Ranks


def test_best_and_second_of_kind_and_of_all():
    quality = {"bicubic": 20, "glp": 30, "hyper": 35, "mssjfl": 31, "ssrnet": 34, "student": 33, "teacher": 36}
    table = table_one([score(name, psnr=value, sam=2) for name, value in quality.items()])
    ranks = {line.cells[0].text: (line.cells[1].in_block, line.cells[1].in_table) for line in table.rows}
    assert ranks == {"bicubic": (0, 0), "GLP-HS": (2, 0), "hyper": (1, 2), "MSSJFL": (2, 0), "SSRNET": (1, 0),
                     "Student": (2, 0), "Teacher": (1, 1)}  # fmt: skip
    assert {line.cells[2].in_block for line in table.rows} == {1}, "equal numbers share the first place"
    text = table.to_markdown()
    for shown in ("| **36.00**★ |", "| **35.00**◇ |", "| <u>33.00</u> |", "| **Supervised** |"):
        assert shown in text


def test_what_is_printed_is_compared():
    rows = [
        Line((Cell(name), Cell(value))) for name, value in (("a", "1.00"), ("b", "1.00"), ("c", "2.00"), ("d", "–"))
    ]
    marked = ranked(rows, (Column("name"), Column("error", better=-1)))
    assert [line.cells[1].in_block for line in marked] == [1, 1, 2, 0]
    alone = ranked(rows[2:], (Column("name"), Column("error", better=-1)))
    assert [line.cells[1].in_block for line in alone] == [0, 0], "one number alone is not the best of anything"


def test_too_few_steps():
    rows = [score("student", psnr=99, note=FEW, budget="300s", steps=12), score("teacher", psnr=20, budget="300s"),
            score("mini-student", psnr=10, budget="300s")]  # fmt: skip
    table = table_one(rows)
    assert not any(cell.in_block or cell.in_table for cell in cells(table, "Student †"))
    assert cells(table, "Teacher")[0].in_block == 1
    assert notes(table)["a"] == FEW
    assert "† not ranked" in notes(table)[""]


def test_failures_are_listed_with_their_reasons():
    rows = [score("glp", scene=scene, psnr=30) for scene in ("lake", "city", "farm")]
    rows += [failure("hyper", "RuntimeError: out of memory", scene=scene) for scene in ("lake", "city", "farm")]
    rows += [score("gsa", scene="lake", psnr=50), failure("gsa", "ValueError: too dark", scene="city")]
    rows += [score("cnmf", scene=scene, psnr=31) for scene in ("lake", "city", "farm")]
    rows += [failure("cnmf", "OSError: disk", scene="farm", seed=1)]
    table = table_one(rows)
    assert texts(table, "hyper") == ["failed"] * 3
    assert texts(table, "GSA-HS")[0] == "50.00"
    assert not cells(table, "GSA-HS")[0].in_block, "a mean over fewer scenes is not ranked"
    assert cells(table, "CNMF")[0].in_block == 1
    marked = {name: [notes(table)[mark] for mark in cells(table, name)[0].notes.split(",")]
              for name in ("hyper", "GSA-HS", "CNMF")}  # fmt: skip
    assert marked == {
        "hyper": ["lake, city, farm: RuntimeError: out of memory"],
        "GSA-HS": ["mean without city: ValueError: too dark", "mean without farm: not run"],
        "CNMF": ["mean without a seed of farm: OSError: disk"],
    }


# Methods


def test_everybody_has_a_label_and_the_right_kind():
    assert {*CLASSICAL, *ONE_PAIR, *TRAINED, *UNIVERSAL} <= set(LINEUP)
    assert label("csakd-student+adapted") == "CSAKD student, adapted"
    for name in (*CLASSICAL, *ONE_PAIR):
        assert LINEUP[name].kind == method(name).kind
    assert all(LINEUP[name].kind in ("supervised", "ours") for name in TRAINED)


def test_everybody_has_a_look_of_their_own():
    looks = [(one.colour, one.marker) for one in LINEUP.values()]
    assert len(set(looks)) == len(looks)
    assert {colour for colour, _ in looks} <= set(COLOURS)
    assert {marker for _, marker in looks} <= set(MARKERS)


def test_unknown_methods_come_last_under_their_own_name():
    rows = [score("fancy_net+glp@depth=3", budget="1h"), score("student", budget="300s"), score("bicubic")]
    table = table_one(rows)
    assert [(line.block, line.cells[0].text) for line in table.rows][-1] == ("Other", "fancy_net on GLP-HS (depth=3)")
    assert entrant("fancy_net") == entrant("fancy_net")
    looks = {(entrant(f"net-{n}").colour, entrant(f"net-{n}").marker) for n in range(40)}
    assert len(looks) > 20, "drawn by name, so mostly different"
    sha = 0x838368BC9DAFAF8D  # of "fancy_net", by sha256sum
    assert (entrant("fancy_net").colour, entrant("fancy_net").marker) == (
        COLOURS[sha % 10], MARKERS[sha // 10 % len(MARKERS)]
    )  # fmt: skip


def test_order_and_labels():
    names = ["student+hyper", "ssrnet", "usdn", "zz", "hyper", "student", "bicubic"]
    assert sorted(names, key=place) == ["bicubic", "hyper", "usdn", "ssrnet", "student", "student+hyper", "zz"]
    assert label("student+hyper@snr=35,seed=1", hidden=("snr=35",)) == "Student on hyper (seed=1)"


# Origin


def test_budgets_are_never_averaged():
    rows = [score("student", budget="300s", psnr=30), score("student", budget="2000", psnr=40)]
    table = table_one(rows)
    assert texts(table, "Student, 300 s")[0] == "30.00"
    assert texts(table, "Student, 2000 steps")[0] == "40.00"
    assert "Budget: 300 s or 2000 steps a training" in table.caption
    assert "CAUTION: rows of several budgets are mixed" in table.caption


@pytest.mark.parametrize(
    ("column", "values", "nouns", "said"),
    [
        ("version", ("0.1.0 @ aaa", "0.1.0 @ bbb"), "versions", "csakd 0.1.0 @ aaa, bbb"),
        ("version", ("0.1.0 @ aaa", "0.2.0"), "versions", "csakd 0.1.0 @ aaa / 0.2.0"),
        ("device", ("cpu", "cuda"), "devices", "cpu / cuda"),
        ("threads", ("2", "16"), "thread counts", "2 / 16 threads"),
        ("dtype", ("bf16", "fp32"), "dtypes", "bf16 / fp32"),
        ("protocol", ("a", "b"), "protocols", "Protocol a and b"),
    ],
)
def test_mixtures_are_said_and_warned_of(column, values, nouns, said):
    rows = [score(name, **{column: value}) for name, value in zip(("glp", "hyper"), values, strict=True)]
    caption = table_one(rows).caption
    assert said in caption
    assert f"CAUTION: rows of several {nouns} are mixed" in caption
    assert "CAUTION" not in table_one([score("glp"), score("hyper"), score("usdn", budget="180s")]).caption


def test_a_caption_says_it_all():
    caption = table_one([score("glp")], [cost("glp")]).caption
    for said in ("Protocol aviris-small: ratio 4, bands aviris-172.", "Means over 1 test scene.",
                 "PSNR: each band's own maximum as peak", "RMSE: in data units (digital numbers",
                 "cpu, 2 threads, fp32, csakd 0.1.0 @ 1a2b3c4", "172 + 4 bands to 256×256 pixels"):  # fmt: skip
        assert said in caption


def test_training_to_the_end_is_called_so():
    assert "no limit but the published length a training" in table_one([score("student")]).caption


# Cost, and what the paper prints


def test_the_papers_numbers():
    """Second source: Table I as printed."""
    table_i = """pzresnet 40.15M 5262G  mssjfl 16.33M 175.56G  dual-unet 2.97M 88.65G  dhif-net 57.04M 13795G
        cucanet 3.0M 40.0G  usdn 0.006M 1.0G  u2mdn 0.01M 4.0G  teacher 26.8M 941.77G  student 7.44M 144.77G
        teacher-l 37.19M 1303.3G  student-l 11.34M 399.9G  teacher-l-ext 37.19M 1303.3G  student-l-ext 11.34M 399.9G"""
    printed = re.findall(r"(\S+) (\S+)M (\S+)G", table_i)
    assert [(name, one.parameters, one.gmacs) for name, one in PRINTED.items()] == printed


def test_ours_beside_the_papers_and_why_they_differ():
    rows = [score("student", budget="300s"), score("mssjfl", budget="300s"), score("ssrnet", budget="300s")]
    costs = [cost("student", parameters=7449946, gmacs=144.902, seconds=1.234, peak_mb=812.4),
             cost("mssjfl", parameters=16335277, gmacs=146.452, seconds=0.0121, peak_mb=1349),
             cost("student", dtype="bf16", seconds=9)]  # fmt: skip
    table = table_one(rows, costs)
    assert texts(table, "Student")[3:9] == ["7.450", "7.44", "144.9", "144.77", "1.23", "812"]
    assert texts(table, "MSSJFL")[3:9] == ["16.34", "16.33", "146.5", "175.56", "0.0121", "1349"]
    assert texts(table, "SSRNET")[3:9] == ["–"] * 6
    assert [cell.notes for cell in cells(table, "Student")] == [""] * len(cells(table, "Student"))
    odd = [cell.notes for cell in cells(table, "MSSJFL")]
    assert odd == ["", "", "", "", "", "a", "", "", ""]
    assert notes(table)["a"] == "the paper's count takes transposed convolutions by output pixels, r² times too many"


def test_a_difference_without_a_reason_is_admitted():
    table = table_one([score("student", budget="300s")], [cost("student", parameters=9_000_000, gmacs=144.9)])
    assert cells(table, "Student")[3].notes == "a"
    assert notes(table)["a"] == "differs from the paper's; we know no reason"


def test_the_paper_is_no_measure_for_another_setting():
    table = table_one([score("student", msi="tm6", budget="300s")], [cost("student", msi_bands=6, parameters=8e6)])
    assert texts(table, "Student")[3:7] == ["8.000", "–", "–", "–"]


@pytest.mark.parametrize(
    ("ours", "printed", "same"),
    [(7.449946, "7.44", True), (37.1979, "37.19", True), (0.006472, "0.006", True), (0.012629, "0.01", True),
     (40.574, "40.0", True), (146.45, "175.56", False), (7.3277, "2.97", False), (0.24, "1.0", False)],
)  # fmt: skip
def test_agreement(ours, printed, same):
    assert agree(ours, printed) == same


def test_costs_that_could_not_be_measured():
    rows = [score("dhif-net", budget="300s"), score("usdn", budget="180s"), score("glp")]
    killed = "the process was killed, most likely for want of memory"
    costs = [cost("dhif-net", status="failed", note=killed, seconds="", peak_mb="", parameters=""),
             cost("usdn", seconds="", peak_mb="nan", parameters=6472, gmacs=0.24, note="learns from the pair it fuses"),
             cost("glp", seconds=0.03)]  # fmt: skip
    table = table_one(rows, costs)
    assert texts(table, "DHIF-Net")[3:9] == ["–", "57.04", "–", "13795", "failed", "–"]
    assert notes(table)[cells(table, "DHIF-Net")[7].notes] == killed
    assert texts(table, "uSDN")[3:9] == ["0.006472", "0.006", "0.2400", "1.0", "–", "–"]
    assert texts(table, "GLP-HS")[3:9] == ["–", "–", "–", "–", "0.0300", "100"]


def test_cost_in_every_setting():
    costs = [cost("glp"), cost("glp", dtype="bf16", seconds=0.25), cost("glp", device="cuda", seconds=0.001)]
    table = table_cost(costs)
    assert [(line.block.split("; ")[1], [cell.text for cell in line.cells[-4:]]) for line in table.rows] == [
        ("cpu, 2 threads", ["0.500", "100", "0.250", "100"]),
        ("cuda, 2 threads", ["0.00100", "100", "–", "–"]),
    ]
