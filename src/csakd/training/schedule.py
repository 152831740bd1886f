"""How the learning rate runs, and what applies it."""

from __future__ import annotations

import math

import torch

OPTIMISERS: dict[str, type[torch.optim.Adam]] = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}


def learning_rate_factor(step: int, steps: int, schedule: str = "cosine", warmup: float = 0.0) -> float:
    """What the learning rate is multiplied with at a step: a linear rise, then the schedule over the rest.

    Args:
        step, steps: the step, from 0, and all there are.
        schedule: see `csakd.training.Recipe`.
        warmup: share of the steps in which the rate rises from 0.

    Raises:
        ValueError: for an unknown schedule.
    """
    rise = math.ceil(warmup * steps)
    if step < rise:
        return (step + 1) / (rise + 1)
    share = min(1.0, (step - rise) / max(1, steps - rise))
    kind, _, text = schedule.partition(":")
    try:
        if kind == "cosine":
            floor = float(text or 0)
            return floor + (1 - floor) * (1 + math.cos(math.pi * share)) / 2
        if schedule == "constant":
            return 1.0
        if kind == "steps":
            factor, _, places = text.partition("@")
            return float(factor) ** sum(share >= float(place) for place in places.split(","))
    except ValueError:
        pass
    raise ValueError(f"no schedule {schedule!r}: choose cosine, cosine:FLOOR, constant or steps:FACTOR@SHARE,SHARE,…")
