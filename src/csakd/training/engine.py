"""From recipe and scenes to model folders. Lightning turns the crank; `joint_step` is the work."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from csakd import metrics
from csakd.classical.canonical import DIRECTIONS, GUIDES
from csakd.cubes import Cube, Pair
from csakd.data import Batch, Lessons, Numbers, Patches, Scaling, batch_of, collate, kept
from csakd.models import CANONICAL, DTS, NETWORKS, UNIVERSAL, build_network
from csakd.models.weights import Card, TrainedModel, load_folder
from csakd.physics import resample, spectral_response
from csakd.training.settings import PRECISIONS, Recipe
from csakd.version import version

RECIPE, CHECKPOINT, CURVE = "recipe.json", "training.ckpt", "curve.csv"
# How universal networks see each validation scene: MSI, and dB of noise on both images.
TRIALS = (("tm4", None), ("tm6", None), ("tm4", 30.0), ("tm6", 25.0))


@dataclass(frozen=True)
class Networks:
    """The student, and the teacher if there is one, with their cards."""

    student: TrainedModel
    teacher: TrainedModel | None

    def models(self) -> dict[str, TrainedModel]:
        return {"student": self.student} | ({} if self.teacher is None else {"teacher": self.teacher})


def train(
    recipe: Recipe,
    scenes: Sequence[Cube],
    validation: Sequence[Cube],
    folder: str | os.PathLike[str],
    *,
    resume: bool = False,
    devices: int = 1,
    accelerator: str = "auto",
    progress: bool = True,
) -> Path:
    """Train by a recipe; afterwards `folder` holds a model folder for each network.

    `folder/student` and `folder/teacher` are the best by the student's PSNR on the validation scenes (without any:
    the last), `folder/last/…` the last; `training.ckpt` is what a killed run resumes from, `curve.csv` has a
    row an epoch, `logs` are CSV and TensorBoard. On one process the same seed gives the same weights, interrupted or
    not.

    Args:
        recipe: the experiment.
        scenes: truths to train on, all with wavelengths (unless the recipe's MSI is one of weights).
        validation: truths to choose by, none of them among `scenes`.
        folder: made if missing.
        resume: go on with the run in `folder` (a run never started starts).
        devices: processes, each on a device of its own (CPU: processes).
        accelerator: "auto", "cpu", "cuda" or "mps".
        progress: show a progress bar.

    Returns:
        The student's folder.

    Raises:
        ValueError: if the recipe does not fit the scenes, or `folder` holds another run.
    """
    folder = Path(folder)
    _check_devices(accelerator, devices)
    if recipe.bands:
        scenes, validation = ([resample(scene, recipe.bands) for scene in group] for group in (scenes, validation))
    universal = recipe.base == CANONICAL
    if not universal and {scene.bands for scene in validation} - {scene.bands for scene in scenes}:
        raise ValueError("training and validation scenes have different bands: --set bands=NAME resamples them alike")
    crops = (recipe.crops or len(scenes)) * devices
    patches: Patches | Lessons
    if universal:
        patches = Lessons(scenes, recipe.patch, crops, recipe.batch * devices, recipe.seed)
    else:
        patches = Patches(scenes, recipe.observation, recipe.scaling, recipe.base, recipe.patch, crops, recipe.seed)
    torch.manual_seed(recipe.seed)
    networks = networks_for(recipe, scenes[0])
    _claim(folder, recipe, resume)
    trials = Trials(recipe, validation) if validation else None
    _fit(recipe, networks, patches, trials, folder, devices, accelerator, progress)
    return folder / "student"


def _check_devices(accelerator: str, devices: int) -> None:
    present = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if devices < 1 or devices > present.get(accelerator, devices):
        raise ValueError(
            f"devices = {devices} on {accelerator}: this computer has {present.get(accelerator, 'at least 1')}"
        )


def _claim(folder: Path, recipe: Recipe, resume: bool) -> None:
    """Write the recipe into a fresh folder, or check that the run in it is the one to resume."""
    if int(os.environ.get("LOCAL_RANK", 0)) > 0:
        return
    mine, path = recipe.as_dict(), folder / RECIPE
    if path.is_file():
        if not resume:
            raise ValueError(f"{folder} already holds a run: resume it, or choose another folder")
        theirs = json.loads(path.read_text())
        different = sorted(name for name in mine if mine[name] != theirs.get(name))
        if different:
            raise ValueError(f"{folder} holds a run of another recipe (they differ in {', '.join(different)})")
    folder.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(mine, indent=1) + "\n")
    fresh.replace(path)


def networks_for(recipe: Recipe, scene: Cube) -> Networks:
    """The networks of a recipe, fresh or from the run it continues; `scene` is one of those they will be trained on."""
    universal = recipe.base == CANONICAL
    bands, psf, sensors = (DIRECTIONS, GUIDES), None, {}
    if not universal:
        pair = recipe.observation.clean(scene.crop(*[slice(0, 4 * recipe.ratio)] * 2)).pair
        bands, psf, sensors = (pair.hsi.bands, pair.msi.bands), pair.psf, _sensors(recipe, pair)

    def fresh(preset: str) -> TrainedModel:
        if preset not in NETWORKS:
            raise ValueError(f"no network {preset!r} to train: choose one of {', '.join(NETWORKS)}")
        if preset in UNIVERSAL and not universal:
            raise ValueError(f"{preset} takes any sensor: train it on base=canonical, as the recipe universal does")
        network = build_network(preset, *bands, recipe.ratio, base=recipe.base, psf=psf, **recipe.options)
        card = Card(
            name=preset,
            network=vars(network.config).copy(),
            base=UNIVERSAL.get(preset, recipe.base),
            scaling=recipe.scaling,
            recipe=recipe.as_dict(),
            version=version(),
            **sensors,
        )
        return TrainedModel(network, card)

    def one(role: str, preset: str) -> TrainedModel:
        model = fresh(preset)
        if recipe.start:
            model.network.load_state_dict(_fitting(Path(recipe.start) / role, model).network.state_dict())
        return model

    student = one("student", recipe.student)
    if recipe.teacher == "none":
        return Networks(student, None)
    for name in {recipe.student, recipe.teacher} & NETWORKS.keys():
        if NETWORKS[name] is not DTS:
            raise ValueError(f"distillation compares features, and {name} hands out none: train it with teacher=none")
    if recipe.teacher in NETWORKS:
        return Networks(student, one("teacher", recipe.teacher))
    teacher = _fitting(Path(recipe.teacher), student)
    return Networks(student, teacher.requires_grad_(False))


def _sensors(recipe: Recipe, pair: Pair) -> dict[str, Any]:
    """What the card of a network for one sensor says of it."""
    known = {"hsi_wavelengths": pair.hsi.wavelengths, "msi_wavelengths": pair.msi.wavelengths}
    if recipe.psf is not None:  # the paper's needs no mention
        known["psf"] = pair.psf
    return {name: None if values is None else values.tolist() for name, values in known.items()}


def _fitting(folder: Path, like: TrainedModel) -> TrainedModel:
    """The model in `folder`, if it works in the same units on the same bands as `like`."""
    model = load_folder(folder)
    for name in ("base", "scaling", "hsi_wavelengths", "msi_wavelengths"):
        if getattr(model.card, name) != getattr(like.card, name):
            raise ValueError(f"the model in {folder} has another {name} than this recipe and these scenes")
    return model


def _fit(
    recipe: Recipe,
    networks: Networks,
    patches: Patches | Lessons,
    trials: Trials | None,
    folder: Path,
    devices: int,
    accelerator: str,
    progress: bool,
) -> None:
    import logging
    import warnings

    from lightning.pytorch import Trainer
    from lightning.pytorch.callbacks import EarlyStopping
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

    from csakd.training.lightning_parts import JointModule, Keeper

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
    steps = max(1, patches.per_epoch // devices // recipe.batch)
    rank = int(os.environ.get("LOCAL_RANK", 0))
    stops = [EarlyStopping("score", mode="max", patience=recipe.patience)] if recipe.patience and trials else []
    numbers = Numbers(patches.per_epoch, rank, devices)
    trainer = Trainer(
        accelerator=accelerator,
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        precision=PRECISIONS[recipe.precision],
        max_epochs=recipe.epochs,
        limit_train_batches=steps,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_progress_bar=progress,
        enable_model_summary=False,
        log_every_n_steps=1,
        default_root_dir=folder,
        callbacks=[*stops, Keeper(folder, numbers)],
        logger=[CSVLogger(folder, "logs", "csv"), TensorBoardLogger(folder, "logs", "tensorboard")],
    )
    # Variants take as long to make as to learn from: a process of their own makes them.
    workers = int(isinstance(patches, Lessons))
    batch = min(recipe.batch, len(numbers))
    loader = DataLoader(patches, batch_size=batch, sampler=numbers, collate_fn=collate,
                        num_workers=workers, persistent_workers=workers > 0)  # fmt: skip
    trials_loader = DataLoader(trials, batch_size=None) if trials else None
    checkpoint = folder / CHECKPOINT
    trainer.fit(
        JointModule(recipe, networks, steps * recipe.epochs),
        loader,
        trials_loader,
        ckpt_path=checkpoint if checkpoint.is_file() else None,
        weights_only=True,
    )


class Trials(Dataset[Batch]):
    """The validation scenes, whole, with the recipe's noise, the same in every epoch; kept while memory allows.

    Universal networks see each as `TRIALS` has it.
    """

    def __init__(self, recipe: Recipe, scenes: Sequence[Cube]) -> None:
        self.recipe, self.scaling = recipe, Scaling(recipe.scaling)
        views = [recipe.observation]
        if recipe.base == CANONICAL:
            views = [replace(recipe.observation, msi=msi, snr=(snr, snr)) for msi, snr in TRIALS]
        self.cases = [(scene, view) for scene in scenes for view in views]
        for scene, view in self.cases:
            spectral_response(view.msi, scene.bands, scene.wavelengths)  # fail now, not after an epoch
        self._prepared = lru_cache(kept([scene for scene, _ in self.cases]))(self._prepare)

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> Batch:
        return self._prepared(index)

    def _prepare(self, index: int) -> Batch:
        scene, view = self.cases[index]
        noise = None if view.snr is None else self.recipe.seed + index
        return batch_of(view.clean(scene), view, self.scaling, self.recipe.base, noise)


def scores(estimate: Tensor, batch: Batch) -> dict[str, float]:
    """PSNR, SAM and RMSE of a whole scene (a batch of one) in data units."""
    fused, truth = (batch.units.undo(image.float())[0] for image in (estimate, batch.truth))
    functions = {"psnr": metrics.psnr, "sam": metrics.sam, "rmse": metrics.rmse}
    return {name: float(function(fused, truth, valid=batch.valid[0])) for name, function in functions.items()}
