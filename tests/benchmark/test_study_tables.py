"""Tables of the studies: noise, sensors, seeds, loss terms, depths."""

import pytest
from made_up_rows import cells, cost, losses, noisy, notes, score, sensors, texts

from csakd.benchmark.bench import with_variants
from csakd.benchmark.protocol import STUDIES
from csakd.benchmark.rendering.study_tables import table_four, table_seeds, table_sensors, table_three, table_two
from csakd.benchmark.rendering.tables import sensor_rows

FEW = "12 steps: too few to mean anything"
NAIVE = "losses.kd=0,losses.beba=0.0,losses.sam=0"


def test_sensors_side_by_side_and_seeds_one_by_one():
    rows = [*sensors("hyper"), *sensors("universal-alone"), *sensors("universal-alone", seed=1)]
    for row in rows[-8:]:
        row["psnr"] = str(float(row["psnr"]) + 2)
    table = table_sensors(rows)
    headings = [column.group for column in table.columns][1::2]
    assert headings == ["4 bands, ratio 4", "10 bands, ratio 4", "4 bands, ratio 3", "10 bands, ratio 3"]
    assert texts(table, "hyper")[::2] == ["38.50", "44.50", "37.50", "43.50"]
    assert texts(table, "CSAKD student, undistilled")[::2] == ["38.50", "44.50", "37.50", "43.50"], "seed 0, as hyper"
    assert "CAUTION" not in table.caption
    assert "noise" not in table.caption
    assert "noise on both images" in table_sensors(sensors("hyper", hsi_snr=30, msi_snr=30)).caption
    each = table_seeds(rows)
    assert [[cell.text for cell in line.cells][1:3] for line in each.rows] == [["0", "38.50"], ["1", "40.50"]]


def test_trainings_too_short_to_mean_anything_are_not_ranked_among_the_sensors():
    short = sensors("pzresnet")
    for row in short:
        row |= {"psnr": "99", "note": f"{60 + 5 * int(row['ratio'])} steps: too few to mean anything"}
    table = table_sensors([*sensors("hyper"), *short])
    line = next(line for line in table.rows if line.cells[0].text == "PZRes-Net †")
    assert not any(cell.in_block or cell.in_table for cell in line.cells)
    assert any("75 to 80 steps: too few" in text for _, text in table.notes)


def test_fits_to_a_pair_that_study_quality_has_done_alike_stand_among_the_sensors():
    own = [row for row in sensors("usdn") if (row["msi"], row["ratio"]) != ("tm4", "4")]
    quality = [score("usdn", scene="lake", psnr=31), score("usdn", scene="city", psnr=33)]
    others = [score("usdn", scene="lake", msi="sentinel2", psnr=99), score("u2mdn"), score("hyper", psnr=99)]
    table = table_sensors(sensor_rows([*sensors("hyper"), *own, *quality, *others], "test"))
    assert texts(table, "uSDN")[::2] == ["32.00", "44.50", "37.50", "43.50"]
    assert texts(table, "hyper")[::2] == ["38.50", "44.50", "37.50", "43.50"]
    assert [line.cells[0].text for line in table.rows] == ["hyper", "uSDN"]


def test_table_two_by_the_papers_row():
    table = table_two([*noisy("pzresnet@snr=35")], "both")
    groups = [column.group for column in table.columns[1::2]]
    assert groups == ["25 dB", "30 dB", "35 dB", "40 dB", "45 dB", "clean", "average"]
    found = texts(table, "PZRes-Net")
    assert found[:4] == ["22.42", "9.300", "25.66", "5.720"]
    assert found[-4:] == ["34.96", "1.934", "29.51", "4.206"]  # the paper: 29.512 / 4.205
    assert "Every trained network with snr=35." in table.caption


def test_noise_on_one_is_not_noise_on_both():
    rows = [*noisy("glp"), *noisy("glp", both=False)[:1]]
    assert texts(table_two(rows, "hsi"), "GLP-HS") == ["22.42", "9.300", "34.96", "1.934", "28.69", "5.617"]
    assert "noise on the LR-HSI." in table_two(rows, "hsi").caption


def test_no_average_over_half_the_levels():
    table = table_two([*noisy("glp"), *noisy("hyper")[2:]], "both")
    assert texts(table, "hyper")[:4] == ["–"] * 4
    assert texts(table, "hyper")[-2:] == ["–", "–"]


def test_table_three():
    rows = [losses("student", 35), losses("teacher", 36), losses(f"student@{NAIVE}", 19),
            losses("teacher@losses.sam=0,losses.beba=0,losses.kd=0", 20), losses("student@losses.response=0.5", 34),
            losses("student@losses.beba=0.5", 33), losses("student@losses.early=0.25", 32)]  # fmt: skip
    table = table_three(rows)
    assert [column.group for column in table.columns[1::3]] == ["Teacher", "Student"]
    assert {line.cells[0].text: [line.cells[1].text, line.cells[4].text] for line in table.rows} == {
        "naive": ["20.00", "19.00"], "λ₁ (BEBA) = 0.5": ["–", "33.00"], "λ₄ (response) = 0.5": ["–", "34.00"],
        "early = 0.25": ["–", "32.00"], "proposed": ["36.00", "35.00"],
    }  # fmt: skip
    assert [line.cells[0].text for line in table.rows][-1] == "proposed"


def test_table_three_names_every_run_of_the_study():
    study = STUDIES["losses"]
    rows = [losses(one.name, 30 + n) for n, one in enumerate(with_variants(study.methods, study.variants))]
    assert [line.cells[0].text for line in table_three(rows).rows] == [
        "naive", "λ₁ (BEBA) = 0.5", "λ₂ (SAM) = 0.5", "λ₃ (feature KD) = 0.5", "λ₄ (response) = 0.5", "proposed",
    ]  # fmt: skip


def test_table_three_flags_short_trainings():
    table = table_three([losses("student", 35, note=FEW), losses("student@losses.sam=0.5", 30)])
    (daggered, *_) = cells(table, "proposed")
    assert daggered.notes == "†,a"
    assert not daggered.in_block
    assert notes(table)["a"] == FEW


@pytest.mark.parametrize("network", ["student", "student-alone"])
def test_table_four(network):
    study = STUDIES["depths"]
    rows = [score(one.name, study="depths", budget="300s", psnr=30 + n)
            for n, one in enumerate(with_variants([network], study.variants))]  # fmt: skip
    measured = [cost(rows[1]["method"], parameters=6_089_254, gmacs=219.087)]
    table = table_four(rows, measured)
    assert {line.cells[0].text: [cell.text for cell in line.cells[1:]] for line in table.rows} == {
        "0, 3, 3, 3": ["30.00", "2.000", "25.00", "–", "8.717", "–", "309"],
        "0, 2, 2, 2": ["31.00", "2.000", "25.00", "6.089", "6.089", "219.1", "218"],
        "0, 3, 3, 2": ["32.00", "2.000", "25.00", "–", "7.418", "–", "224"],
        "0, 4, 4, 1 (proposed)": ["33.00", "2.000", "25.00", "–", "7.449", "–", "144"],
    }


# Which rows
