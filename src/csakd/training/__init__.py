"""Recipe → model folder: joint distillation of a teacher and a student."""

from csakd.training.engine import train
from csakd.training.joint import LossWeights, joint_step
from csakd.training.recipes import RECIPES, recipe, smoke
from csakd.training.settings import Recipe

__all__ = ["RECIPES", "LossWeights", "Recipe", "joint_step", "recipe", "smoke", "train"]
