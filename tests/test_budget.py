"""Budgets as people write them."""

import pytest

from csakd.budget import Budget


@pytest.mark.parametrize(
    ("text", "budget", "back"),
    [
        ("2000", Budget(steps=2000), "2000"),
        ("90s", Budget(seconds=90), "90s"),
        ("5min", Budget(seconds=300), "300s"),
        ("1.5h", Budget(seconds=5400), "5400s"),
        (" 20 s ", Budget(seconds=20), "20s"),
    ],
)
def test_text_there_and_back(text, budget, back):
    assert Budget.parse(text) == budget
    assert str(budget) == back
    assert Budget.parse(back) == budget


@pytest.mark.parametrize("text", ["", "fast", "-3", "0", "0s", "1.5", "3 days", "nan", "5m"])
def test_what_is_no_budget(text):
    with pytest.raises(ValueError, match="budget") as error:
        Budget.parse(text)
    assert "\n" not in str(error.value)


def test_one_of_the_two():
    with pytest.raises(ValueError, match="one of the two"):
        Budget()
    with pytest.raises(ValueError, match="one of the two"):
        Budget(steps=3, seconds=3)


def test_what_it_buys():
    assert Budget(steps=7).steps_at(100.0) == 7
    assert Budget(seconds=10).steps_at(0.3) == 33
    assert Budget(seconds=10).steps_at(60.0) == 1, "at least one"
    assert Budget(seconds=600).times(40 / 600) == Budget(seconds=40)
    assert Budget(steps=3).times(0.1) == Budget(steps=1)
