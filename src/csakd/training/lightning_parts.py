"""What Lightning needs: the module it steps, and the callback that keeps models and checkpoints."""

from __future__ import annotations

import csv
import os
import time
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor, nn

from csakd.data import Batch, Numbers
from csakd.io.atomic import replacing
from csakd.models.weights import TrainedModel, save
from csakd.training.averaging import follow
from csakd.training.engine import CHECKPOINT, CURVE, Networks, scores
from csakd.training.joint import joint_step
from csakd.training.schedule import OPTIMISERS, learning_rate_factor
from csakd.training.settings import Recipe


class JointModule(LightningModule):
    """Steps `joint_step`, scores the validation scenes; owns no formula."""

    def __init__(self, recipe: Recipe, networks: Networks, steps: int) -> None:
        super().__init__()
        self.recipe, self.steps, self.models = recipe, steps, networks.models()
        self.networks = nn.ModuleDict({name: model.network for name, model in self.models.items()})
        self.kept = self.models  # what is judged and saved: the networks themselves, or averages of their weights
        if recipe.averaging:
            self.kept = {name: _copy(model).requires_grad_(False) for name, model in self.models.items()}
        self.averages = nn.ModuleDict(self.kept if recipe.averaging else {})
        self._trials: list[dict[str, float]] = []
        self.seconds = 0.0  # of all steps so far, without what validation took
        self._begun = 0.0

    def on_train_batch_start(self, batch: Batch, index: int) -> None:
        self._begun = time.perf_counter()

    def on_train_batch_end(self, outputs: Any, batch: Batch, index: int) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        for name in self.averages:
            follow(self.kept[name], self.models[name], self.recipe.averaging, self.global_step)
        self.seconds += time.perf_counter() - self._begun

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["seconds"] = self.seconds

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.seconds = checkpoint["seconds"]

    def training_step(self, batch: Batch, index: int) -> Tensor:
        networks = dict(self.networks.items())
        terms = joint_step(networks["student"], networks.get("teacher"), batch, self.recipe.losses)
        self.log_dict({f"train/{name}": term.detach() for name, term in terms.items()}, on_step=True)
        self.log("loss", terms["loss"].detach(), prog_bar=True, logger=False)
        self.log("mean/loss", terms["loss"].detach(), on_step=False, on_epoch=True, batch_size=1, logger=False)
        return terms["loss"]

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        """Each network by its own norm: the student must not be slowed by its teacher's gradients."""
        if self.recipe.clip:
            for network in self.networks.values():
                nn.utils.clip_grad_norm_(network.parameters(), self.recipe.clip)

    def configure_optimizers(self) -> Any:
        learning = [parameter for parameter in self.parameters() if parameter.requires_grad]
        # One Adam steps both networks; its update is elementwise, so this is an Adam for each.
        recipe = self.recipe
        optimizer = OPTIMISERS[recipe.optimiser](learning, recipe.learning_rate, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: learning_rate_factor(step, self.steps, recipe.schedule, recipe.warmup)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def validation_step(self, batch: Batch, index: int) -> None:
        trial: dict[str, float] = {}
        for name, model in self.kept.items():
            estimate, _ = model.network(batch.hsi, batch.msi, batch.base)
            trial |= {f"{name}/{metric}": value for metric, value in scores(estimate, batch).items()}
        if batch.base is not None:
            trial |= {f"base/{metric}": value for metric, value in scores(batch.base.estimate, batch).items()}
        self._trials.append(trial)

    def on_validation_epoch_end(self) -> None:
        means = {name: sum(trial[name] for trial in self._trials) / len(self._trials) for name in self._trials[0]}
        self._trials.clear()
        self.log_dict({f"validation/{name}": value for name, value in means.items()}, sync_dist=True)
        self.log("score", means["student/psnr"], prog_bar=True, sync_dist=True)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, index: int) -> Batch:
        return batch.to(device)


def _copy(model: TrainedModel) -> TrainedModel:
    return TrainedModel(deepcopy(model.network), model.card)


class Keeper(Checkpoint):
    """At the end of every epoch: the curve, the last models, the best if these are, and what a killed run resumes from.

    The checkpoint comes last and is renamed into place, so a run killed at any moment repeats at most an epoch.
    """

    def __init__(self, folder: Path, numbers: Numbers) -> None:
        self.folder, self.numbers = folder, numbers
        self.best = float("-inf")
        self.curve: list[dict[str, float]] = []  # one row an epoch

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "curve": self.curve}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.curve = state["best"], state["curve"]
        self.numbers.set_epoch(len(self.curve))  # a process that reads ahead does so before Lightning tells the epoch

    def on_train_epoch_end(self, trainer: Trainer, module: JointModule) -> None:  # type: ignore[override]
        measured = {name: float(value) for name, value in trainer.callback_metrics.items()}
        score = measured.get("score", float("inf"))  # without validation scenes the last is the best
        found = {name.removeprefix("validation/"): v for name, v in measured.items() if name.startswith("validation/")}
        better = score > self.best or score == float("inf")
        self.best = max(self.best, score)
        self.curve.append({"step": trainer.global_step, "seconds": module.seconds, **measured})
        if trainer.is_global_zero:
            self._write_curve()
            for name, model in module.models.items():
                if any(parameter.requires_grad for parameter in model.parameters()):
                    kept = TrainedModel(module.kept[name].network, replace(model.card, scores=found))
                    save(kept, self.folder / "last" / name)
                    if better:
                        save(kept, self.folder / name)
        fresh = self.folder / f"{CHECKPOINT}.tmp"
        trainer.save_checkpoint(fresh)  # collective under DDP
        if trainer.is_global_zero:
            os.replace(fresh, self.folder / CHECKPOINT)

    def _write_curve(self) -> None:
        columns = sorted({name for row in self.curve for name in row} - {"step", "seconds"})
        with replacing(self.folder / CURVE) as draft, draft.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["step", "seconds", *columns])
            writer.writeheader()
            writer.writerows(self.curve)
