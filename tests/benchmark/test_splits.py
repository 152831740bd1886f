"""Whole groups go to one split, and no other way of doing it meets the shares better."""

from itertools import product

import numpy as np
import pytest

from csakd.benchmark.dataset.splits import SPLITS, split_groups


def counts(sizes, chosen):
    return [sum(sizes[group] for group in sizes if chosen[group] == split) for split in SPLITS]


def off(found, shares):
    wanted = np.array(shares) / sum(shares) * sum(found)
    return float(np.abs(np.array(found) - wanted).sum())


def best(sizes, shares):
    """By trying every way."""
    ways = (dict(zip(sizes, way, strict=True)) for way in product(SPLITS, repeat=len(sizes)) if len(set(way)) == 3)
    return min(off(counts(sizes, way), shares) for way in ways)


@pytest.mark.parametrize("shares", [(1678, 200, 200), (1, 1, 1), (2, 5, 1), (1, 98, 1)])
@pytest.mark.parametrize("number", [3, 4, 7])
def test_no_other_way_meets_the_shares_better(number, shares):
    rng = np.random.default_rng(number)
    for seed in range(6):
        sizes = {f"g{place}": int(size) for place, size in enumerate(rng.integers(1, 40, number))}
        chosen = split_groups(sizes, shares, seed)
        assert set(chosen) == set(sizes)
        assert min(found := counts(sizes, chosen)) > 0
        assert off(found, shares) == pytest.approx(best(sizes, shares))


def test_a_group_larger_than_all_others_together():
    sizes = {"large": 1000, "small": 1, "medium": 30}
    assert split_groups(sizes, (8, 1, 1), 0)["large"] == "train"
    assert split_groups(sizes, (1, 1, 8), 0)["large"] == "test"


def test_the_paper_s_split_by_image_comes_out_exactly_and_at_random():
    sizes = dict.fromkeys((f"image{number}" for number in range(2078)), 1)
    first, again, other = (split_groups(sizes, (1678, 200, 200), seed) for seed in (3, 3, 4))
    assert counts(sizes, first) == counts(sizes, other) == [1678, 200, 200]
    assert first == again != other
    test = [number for number, group in enumerate(sizes) if first[group] == "test"]
    assert 900 < np.mean(test) < 1180, "from everywhere: 1038 ± 41 if drawn at random"


def test_equal_groups_are_dealt_by_the_seed():
    sizes = dict.fromkeys("abcdefgh", 5)
    dealt = [tuple(split_groups(sizes, (6, 1, 1), seed).items()) for seed in range(8)]
    assert len(set(dealt)) > 4
    assert {tuple(counts(sizes, dict(way))) for way in dealt} == {(30, 5, 5)}


def test_two_groups_are_too_few():
    with pytest.raises(ValueError, match="2 groups cannot fill train, validation, test"):
        split_groups({"a": 3, "b": 4}, (8, 1, 1), 0)
