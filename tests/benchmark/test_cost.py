"""What methods cost: counted against the published counts, measured in a process of its own."""

import numpy as np
import pytest

from csakd.benchmark.cost import cost_of, measure_costs
from csakd.benchmark.ledger import cost_ledger
from csakd.benchmark.methods import method
from csakd.data import synthetic_scene
from csakd.physics import observe


@pytest.mark.parametrize(
    ("name", "parameters", "giga_macs"),
    [
        ("student", 7_449_946, 144.90),
        ("student@options.joint_low=2,options.hsi=2,options.msi=2", 6_089_254, 219.09),
        ("mssjfl", 16_335_277, 146.45),
        ("mssjfl+hyper", 16_335_277, 146.45),
        ("usdn", 6_472, 0.24),
    ],
)
def test_counts_grow_as_the_image_does(name, parameters, giga_macs):
    """Second source: Tables I and IV at 256×256; here a sixty-fourth of the pixels."""
    pair = observe(synthetic_scene((32, 32), "aviris-172"), "tm4", 4).pair
    row = cost_of(method(name), pair, "fp32", "cpu", 1)
    assert row["parameters"] == parameters
    assert row["gmacs"] * 64 == pytest.approx(giga_macs, rel=0.02)


def test_a_row_each_once(tmp_path):
    ledger, said = cost_ledger(tmp_path), []
    for _ in range(2):
        measure_costs([method("mini-student")], ledger, size=16, dtypes=("fp32", "bf16"), say=said.append)
        measure_costs([method("usdn")], ledger, size=16, dtypes=("fp32",), say=said.append)
    rows = {(row["method"], row["dtype"]): row for row in ledger.rows()}
    assert len(rows) == len(ledger.rows()) == len(said) == 3
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert float(rows["mini-student", "bf16"]["seconds"]) > 0
    assert float(rows["mini-student", "fp32"]["peak_mb"]) >= 0
    assert int(rows["mini-student", "fp32"]["runs"]) >= 1
    assert (rows["usdn", "fp32"]["seconds"], rows["usdn", "fp32"]["note"]) == ("", "learns from the pair it fuses")


def test_memory_is_what_the_method_takes_and_nothing_else(tmp_path):
    """At the least the cube it returns; a process that was large before it measured takes nothing off."""
    ballast = np.ones(2**26)  # 512 MiB
    ledger, megabytes = cost_ledger(tmp_path), 172 * 256**2 * 4 / 2**20
    measure_costs([method("bicubic")], ledger, dtypes=("fp32",), say=lambda line: None)
    (row,) = ledger.rows()
    assert ballast.all()
    assert row["gmacs"] == "", "there is no network to count"
    assert megabytes <= float(row["peak_mb"]) < 6 * megabytes


def test_a_method_that_cannot_be_measured_says_why(tmp_path):
    ledger = cost_ledger(tmp_path)
    measure_costs([method("student@options.fusion=prayer")], ledger, size=16, dtypes=("fp32",), say=lambda line: None)
    (row,) = ledger.rows()
    assert row["status"] == "failed"
    assert "prayer" in row["note"]
