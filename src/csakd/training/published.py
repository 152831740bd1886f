"""How the competitors were trained by their authors, as recipes; crops are for ratio 4.

Milestones and epochs that an author counted become shares of the run, so that a shorter run keeps the shape.
"""

from __future__ import annotations

from dataclasses import replace

from csakd.training.joint import LossWeights
from csakd.training.settings import Recipe

PLAIN = LossWeights(beba=0.0, sam=0.0, kd=0.0, response=0.0)  # the data term alone
BOTH = replace(PLAIN, early=1.0)  # and that of an earlier estimate


def mssjfl() -> Recipe:
    """MSSJFL (Min et al., HPCC 2021): ℓ1, Adam from 1e-3 with decay, a tenth after 20, 500 and 2000 of 10,000 epochs.

    Published for crops of 10 to 12 low pixels; 12 here.
    """
    return Recipe(
        student="mssjfl",
        teacher="none",
        patch=48,
        batch=16,
        epochs=10_000,
        learning_rate=1e-3,
        weight_decay=2e-5,
        optimiser="adam",
        schedule="steps:0.1@0.002,0.05,0.2",
        losses=PLAIN,
    )


def pzresnet() -> Recipe:
    """PZRes-Net (Zhu et al., TIP 2021): ℓ1 of coarse and refined estimate, Adam from 1e-3 under a cosine to 1e-5."""
    return Recipe(
        student="pzresnet",
        teacher="none",
        patch=128,
        batch=6,
        epochs=1000,
        learning_rate=1e-3,
        optimiser="adam",
        schedule="cosine:0.01",
        losses=BOTH,
    )


def dual_unet() -> Recipe:
    """Dual-UNet (Xiao et al., TGRS 2022): its training is in no source we could reach, so this is our own choice.

    ℓ1 of both its estimates, Adam from 5e-4 under a cosine.
    """
    return Recipe(
        student="dual-unet",
        teacher="none",
        patch=128,
        batch=4,
        epochs=600,
        learning_rate=5e-4,
        optimiser="adam",
        losses=BOTH,
    )


def dhif_net() -> Recipe:
    """DHIF-Net (Huang et al., TCI 2022): ℓ1, Adam at 3e-4, times 0.95 after epochs 1, 6, …, 146 of 500."""
    places = ",".join(f"{epoch / 500:g}" for epoch in range(1, 147, 5))
    return Recipe(
        student="dhif-net",
        teacher="none",
        patch=96,
        batch=4,
        crops=20_000,
        epochs=500,
        learning_rate=3e-4,
        optimiser="adam",
        schedule=f"steps:0.95@{places}",
        losses=PLAIN,
    )


def ssrnet() -> Recipe:
    """SSRNET (Zhang et al., TGRS 2021): Adam at 1e-4, one crop a step.

    ℓ1 of its estimate and of the one after its spatial step stands for the published squared errors and edge terms.
    """
    return Recipe(
        student="ssrnet",
        teacher="none",
        patch=128,
        batch=1,
        epochs=10_000,
        learning_rate=1e-4,
        optimiser="adam",
        schedule="constant",
        losses=BOTH,
    )
