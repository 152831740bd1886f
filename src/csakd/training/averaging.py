"""Averages of weights over the steps of a training."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def follow(average: nn.Module, now: nn.Module, decay: float, step: int) -> None:
    """Move `average` a step towards `now`, in place: exponentially, or over the last tenth of what is yet few steps.

    Args:
        decay: share of the average that stays.
        step: counted from 1.
    """
    stays = min(decay, step / (step + 9))
    current = now.state_dict()
    for name, value in average.state_dict().items():
        value.lerp_(current[name], 1 - stays) if value.is_floating_point() else value.copy_(current[name])
