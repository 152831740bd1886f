"""What training minimises: pure differentiable functions of batches (B, L, H, W) that return one number."""

from csakd.losses.distillation import ROLES, kd, response
from csakd.losses.reconstruction import beba, l1, sam, smooth_l1

__all__ = ["ROLES", "beba", "kd", "l1", "response", "sam", "smooth_l1"]
