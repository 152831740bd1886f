"""Scaling, aligned patches, the bundled sample, synthetic scenes."""

from csakd.data.forms import Lessons
from csakd.data.patches import Batch, Numbers, Observation, Patches, batch_of, collate, kept
from csakd.data.sample import sample_scene
from csakd.data.scaling import Affine, Scaling
from csakd.data.synthetic import synthetic_scene

__all__ = [
    "Affine",
    "Batch",
    "Lessons",
    "Numbers",
    "Observation",
    "Patches",
    "Scaling",
    "batch_of",
    "collate",
    "kept",
    "sample_scene",
    "synthetic_scene",
]
