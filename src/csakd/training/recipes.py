"""An experiment is a function that returns a `Recipe`; `RECIPES` names them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from csakd.models import PRESETS
from csakd.training import published
from csakd.training.joint import LossWeights
from csakd.training.settings import Recipe


def paper() -> Recipe:
    """Table I, teacher and student: `csakd train SCENES… --recipe paper -o RUN`.

    Online distillation as published: 600 epochs of one 128×128 crop an image, batch 4, Adam at 1e-4 under a cosine,
    all λ 0.1, noise of 35 dB on the LR-HSI. Days on a GPU with the paper's 1,678 images; not run by us.
    """
    return Recipe(snr=35.0)


def paper_large() -> Recipe:
    """Table I, the L rows: as `paper` with the deeper networks. Not run by us."""
    return replace(paper(), student="student-l", teacher="teacher-l")


def paper_extended() -> Recipe:
    """Table I, the Ext rows: 40 more epochs at 5e-5. Needs `--set start=RUN`, the run it extends. Not run by us."""
    return replace(paper_large(), epochs=40, learning_rate=5e-5)


def undistilled() -> Recipe:
    """The paper's student alone, for the worth of distillation. Not run by us."""
    return replace(paper(), teacher="none")


def guided() -> Recipe:
    """Small networks on the closed form `hyper`, for a few minutes of two CPU cores and any handful of scenes.

    `csakd train SCENES… --validation SCENES… --recipe guided -o RUN`. Scores of our runs are in docs/diary.md.
    """
    return Recipe(
        student="mini-student",
        teacher="mini-teacher",
        base="hyper",
        scaling="bands",
        patch=96,
        batch=2,
        crops=16,
        epochs=8,
        learning_rate=5e-4,
        warmup=0.1,
        clip=1.0,
    )


def universal() -> Recipe:
    """The networks that come with the package, which take any sensor.

    `csakd train SCENES… --validation SCENES… --recipe universal -o RUN`, on scenes in their own bands. The shipped
    weights are from eight scenes and 19 minutes of one core: student 43.425 dB, base 43.417.
    """
    return Recipe(
        student="csakd-student",
        teacher="csakd-teacher",
        base="canonical",
        scaling="fixed:1",
        patch=48,
        batch=8,
        crops=512,
        epochs=10,
        learning_rate=1e-3,
        weight_decay=1e-3,
        warmup=0.01,
        averaging=0.995,
        clip=1.0,
        losses=LossWeights(data="smooth-l1", beba=0.0, sam=0.0),
    )


def mini() -> Recipe:
    """The networks of `guided` without a base."""
    return replace(guided(), base="none", scaling="maximum")


def demo() -> Recipe:
    """What `csakd demo` trains on one part of the bundled scene."""
    return replace(guided(), patch=48, batch=4, crops=80, epochs=6, learning_rate=1e-3)


RECIPES: dict[str, Callable[[], Recipe]] = {
    "paper": paper,
    "paper-l": paper_large,
    "paper-l-ext": paper_extended,
    "undistilled": undistilled,
    "guided": guided,
    "universal": universal,
    "mini": mini,
    "demo": demo,
    "mssjfl": published.mssjfl,
    "pzresnet": published.pzresnet,
    "dual-unet": published.dual_unet,
    "dhif-net": published.dhif_net,
    "ssrnet": published.ssrnet,
}


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        ValueError: if there is none.
    """
    if name not in RECIPES:
        raise ValueError(f"no recipe {name!r}: choose one of {', '.join(RECIPES)}")
    return RECIPES[name]()


def smoke(full: Recipe) -> Recipe:
    """The same experiment shrunk to seconds: two epochs of two steps on small crops, our networks narrow and flat."""
    short = replace(full, patch=4 * full.ratio, batch=2, crops=4, epochs=2)
    if full.student not in PRESETS:
        return short
    narrow = {**full.options, "width": 8, "growth": 4, "hsi_groups": 1}
    shallow = {"joint_high": 0, "joint_low": 1, "hsi": 0, "msi": 0}
    return replace(short, options={**narrow, **shallow})
