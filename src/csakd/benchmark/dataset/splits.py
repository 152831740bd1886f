"""Which groups of images are for training, for validation and for testing: whole groups only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

SPLITS = ("train", "validation", "test")


def split_groups(sizes: Mapping[str, int], shares: Sequence[int], seed: int) -> dict[str, str]:
    """A split for every group, the images in each split as near to its share as whole groups allow.

    Of all ways to give every split at least one group, one is drawn whose counts are least off the shares, summed
    over the splits. Groups of one image each give a split by image.

    Args:
        sizes: images in each group, above zero.
        shares: of train, validation and test, in any unit, such as (1678, 200, 200).
        seed: which of the equally good ways, and which groups of equal size.

    Raises:
        ValueError: if there are fewer than three groups.
    """
    if len(sizes) < len(SPLITS):
        raise ValueError(f"{len(sizes)} groups cannot fill {', '.join(SPLITS)}: each needs one at least")
    generator = np.random.default_rng(seed)
    order = [list(sizes)[place] for place in generator.permutation(len(sizes))]
    total = sum(sizes.values())
    wanted = total * np.asarray(shares, dtype=np.float64) / sum(shares)
    # A split that is over its share by more than the largest group can give one away and be no worse for it.
    most = np.minimum(wanted[1:].astype(int) + max(sizes.values()), total)

    # reached[v, t]: after how many groups v images can be for validation and t for testing; -1 if never.
    reached = np.full(most + 1, -1, dtype=np.int32)
    reached[0, 0] = 0
    by_validation = np.zeros(reached.shape, dtype=np.bool_)
    for count, size in enumerate((sizes[group] for group in order), 1):
        before = reached >= 0
        down, right = np.zeros_like(before), np.zeros_like(before)
        down[size:], right[:, size:] = before[:-size], before[:, :-size]
        fresh = (down | right) & ~before
        reached[fresh] = count
        by_validation |= fresh & down

    validation, test = np.indices(reached.shape)
    train = total - validation - test
    off = abs(train - wanted[0]) + abs(validation - wanted[1]) + abs(test - wanted[2])
    off[(reached < 0) | (np.minimum(np.minimum(train, validation), test) < 1)] = np.inf
    v, t = generator.choice(np.argwhere(off <= off.min() + 1e-9))
    chosen = dict.fromkeys(sizes, SPLITS[0])
    while v or t:
        group = order[reached[v, t] - 1]
        chosen[group] = SPLITS[1] if by_validation[v, t] else SPLITS[2]
        v, t = (v - sizes[group], t) if by_validation[v, t] else (v, t - sizes[group])
    return chosen
