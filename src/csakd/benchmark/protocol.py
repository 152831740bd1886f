"""Protocols: everything that two benchmark results must share to be compared. And studies: what is varied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from csakd.benchmark.scenes import Scene, scenes_in
from csakd.budget import Budget
from csakd.classical import CLASSICAL
from csakd.cubes import Cube
from csakd.data import synthetic_scene
from csakd.models import ONE_PAIR, PEERS, UNIVERSAL
from csakd.physics import resample
from csakd.training import Recipe

Noise = tuple[float | None, float | None]  # SNR in dB on the LR-HSI and on the HR-MSI; None for none


@dataclass(frozen=True)
class Protocol:
    """A frozen description. Scores are means of `csakd.evaluate`, PSNR with each band's own maximum as peak.

    Attributes:
        name: as in the CSVs.
        bands: band list that every scene is resampled to, so that networks of a fixed band count see all; "" to
            take scenes as they are.
        ratio, psf: how pairs are observed.
        patch, batch: of training crops, which are free of noise, under a learning rate that falls by a cosine: short
            runs end long before any published milestone. None to leave all this to each recipe.
        rates: what such short runs multiply the published learning rate with, by student.
        budget: of each training, in which a teacher and its student share.
        pair_budget: of a method that learns from the pair it fuses, on each pair.
        seed: of noise, weights and crops.
    """

    name: str
    bands: str = "aviris-172"
    ratio: int = 4
    psf: str | None = None
    patch: int | None = None
    batch: int | None = None
    rates: tuple[tuple[str, float], ...] = ()
    budget: Budget | None = None
    pair_budget: Budget | None = None
    seed: int = 0

    def scenes(self, folder: str | None) -> list[Scene]:
        """The scenes that have the protocol's bands; the smoke protocol makes its own.

        Raises:
            ValueError: if there is no folder, or a split is empty.
        """
        if self.name == "smoke":
            return smoke_scenes()
        if folder is None:
            raise ValueError(f"protocol {self.name} needs the folder of its scenes")
        found = [scene for scene in scenes_in(folder) if not self.bands or scene.has_wavelengths]
        for split in SPLITS:
            if not any(scene.split == split for scene in found):
                raise ValueError(f"{folder} holds no {split} scene with known bands")
        return found

    def cube(self, scene: Scene, bands: str) -> Cube:
        """The scene on the bands asked for: the protocol's, or its "own"."""
        return scene.load() if bands == OWN or not bands else resample(scene.load(), bands)

    def trained_by(self, plain: Recipe, msi: str, changes: Sequence[str]) -> Recipe:
        """A recipe under this protocol; `changes` have the last word."""
        adapted = replace(plain, bands=self.bands, msi=msi, ratio=self.ratio, psf=self.psf, seed=self.seed)
        if self.patch is not None and self.batch is not None:
            rate = plain.learning_rate * dict(self.rates).get(plain.student, 1)
            patch = self.patch // self.ratio * self.ratio
            adapted = replace(adapted, patch=patch, batch=self.batch, snr=None, schedule="cosine", learning_rate=rate)
        return adapted.changed(changes)


SPLITS = ("train", "validation", "test")
OWN = "own"
# Chosen on the validation scenes, 100 steps each (docs/diary.md): the published 1e-4 is for days of training.
RATES = (("student", 3.0), ("student-l", 3.0))
PROTOCOLS: dict[str, Protocol] = {
    "aviris-small": Protocol(
        "aviris-small", patch=64, batch=2, rates=RATES, budget=Budget(seconds=300), pair_budget=Budget(seconds=180)
    ),
    "csakd-aviris": Protocol("csakd-aviris"),  # every method by its published recipe, to its end
    "smoke": Protocol("smoke", bands="", patch=16, batch=2, budget=Budget(steps=2), pair_budget=Budget(steps=3)),
}


@dataclass(frozen=True)
class Study:
    """What one table or figure needs: every method in every variant under every noise.

    Attributes:
        methods: the default choice.
        variants: changes to a trained method's recipe, as in `csakd.benchmark.methods`; "" for none.
        msi: MSI band sets.
        noise: of the pairs that are fused.
        own_bands: score methods that take any number of bands on each scene's own bands as well.
        ratios: of the pairs; the protocol's own if empty.
        splits: whose scenes are scored.
    """

    methods: tuple[str, ...]
    variants: tuple[str, ...] = ("",)
    msi: tuple[str, ...] = ("tm4", "tm6")
    noise: tuple[Noise, ...] = ((None, None),)
    own_bands: bool = False
    ratios: tuple[int, ...] = ()
    splits: tuple[str, ...] = ("validation", "test")

    def at(self, levels: Sequence[str]) -> Study:
        """The part of it under some noise: SNR of the LR-HSI in dB, or "clean".

        Raises:
            ValueError: if the study has no pairs of such a level.
        """
        known = {"clean" if hsi is None else f"{hsi:g}": hsi for hsi, _ in self.noise}
        if unknown := set(levels) - set(known):
            raise ValueError(f"no pairs of SNR {', '.join(sorted(unknown))}: the study has {', '.join(known)}")
        kept = [known[level] for level in levels]
        return replace(self, noise=tuple(pair for pair in self.noise if pair[0] in kept))


LEVELS = (25.0, 30.0, 35.0, 40.0, 45.0)  # dB
ON_HSI: tuple[Noise, ...] = tuple((snr, None) for snr in LEVELS)
ON_BOTH: tuple[Noise, ...] = tuple((snr, snr) for snr in LEVELS)
SUPERVISED = tuple(PEERS)
# MSSJFL as published blows up or stays far too bright in a short run; from PyTorch's initialisation, with gradients
# clipped, it learns (docs/diary.md). On a base gradients are clipped anyway.
TAMED = "options.init_std=0"
ON_BASE = ("mssjfl+hyper", f"mssjfl+hyper@{TAMED}", "dual-unet+hyper")
OURS = ("teacher", "student", "student-alone", "mini-student", "student-alone+hyper", "mini-student+hyper")
STUDIES: dict[str, Study] = {
    # Table I, Figures 5 and 10.
    "quality": Study(
        (
            *CLASSICAL,
            *UNIVERSAL,
            "csakd-student+adapted",
            *ONE_PAIR,
            *SUPERVISED,
            f"mssjfl@{TAMED},clip=1",
            *ON_BASE,
            *OURS,
        ),
        own_bands=True,
    ),
    # Table II, Figures 6 to 9: trained with noise of 35 dB on the LR-HSI, as in the paper.
    "robustness": Study(
        ("bicubic", "glp", "cnmf", "hyper", "hyper-edge", *UNIVERSAL, *SUPERVISED, "student", "mini-student+hyper"),
        variants=("snr=35",),
        noise=((None, None), *ON_HSI, *ON_BOTH),
    ),
    # Whatever the sensors: what needs no training for them.
    "sensors": Study(
        (*CLASSICAL, *UNIVERSAL),
        msi=("tm4", "tm6", "sentinel2"),
        ratios=(4, 3),
        noise=((None, None), (35.0, 35.0), (30.0, 30.0), (25.0, 25.0)),
    ),
    # Table III, Figure 11: λ1 to λ4 are BEBA, SAM, KD and response.
    "losses": Study(
        ("teacher", "student"),
        variants=(
            "",
            "losses.sam=0,losses.beba=0,losses.kd=0",
            *(f"losses.{term}=0.5" for term in ("beba", "sam", "kd", "response")),
        ),
        msi=("tm4",),
    ),
    # Table IV: CLRAs in Z_mh, Z_h, Z_m; Z_hm is its head alone, which is how the paper's numbers come out.
    "depths": Study(
        ("student",),
        variants=tuple(
            f"options.joint_low={low},options.hsi={hsi},options.msi={msi}"
            for low, hsi, msi in ((3, 3, 3), (2, 2, 2), (3, 3, 2), (4, 4, 1))
        ),
        msi=("tm4",),
    ),
    # Figure 12.
    "attention": Study(
        ("student",), variants=("snr=35", "snr=35,options.fusion=sum"), noise=((None, None), *ON_HSI, *ON_BOTH)
    ),
}


def smoke_scenes() -> list[Scene]:
    """Three tiny synthetic scenes of 35 bands."""

    def load(seed: int) -> Cube:
        scene = synthetic_scene((32, 32), seed=seed)
        kept = slice(0, None, 5)
        assert scene.wavelengths is not None
        values = np.asarray(scene.values[kept, :, :])
        return replace(scene, values=values, wavelengths=scene.wavelengths[kept], fwhm=None)

    return [Scene(f"synthetic-{split}", split, split, True, partial(load, seed)) for seed, split in enumerate(SPLITS)]
