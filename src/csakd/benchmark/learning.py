"""Networks for the benchmark: trained once for each recipe and budget, resumed where they were cut off."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from csakd.benchmark.methods import Method, file_name
from csakd.benchmark.protocol import Protocol
from csakd.budget import Budget
from csakd.cubes import Cube
from csakd.data import Patches, collate
from csakd.io.atomic import replacing
from csakd.physics import resample
from csakd.training import Recipe, joint_step, train
from csakd.training.engine import CURVE, networks_for

EPOCH = 25  # steps, at least, between two looks at the validation scenes
EPOCHS = 10  # looks, at most


@dataclass(frozen=True)
class Learnt:
    """A finished training.

    Attributes:
        folder: of the model.
        steps, seconds: what it took; seconds are those of the steps alone.
        curve: the CSV with a row an epoch.
    """

    folder: Path
    steps: int
    seconds: float
    curve: Path


def learnt(
    method: Method,
    protocol: Protocol,
    msi: str,
    budget: Budget | None,
    scenes: Sequence[Cube],
    validation: Sequence[Cube],
    folder: Path,
    accelerator: str = "auto",
    progress: bool = False,
) -> Learnt:
    """The trained network of a method: from `folder` if it is there, else trained now, or trained on."""
    assert method.recipe is not None
    recipe = protocol.trained_by(method.recipe, msi, method.changes)
    asked = json.dumps([recipe.as_dict(), str(budget)], sort_keys=True)
    digest = hashlib.sha256(asked.encode()).hexdigest()[:8]
    home = folder / f"{file_name(method.run)}-{msi}-{digest}"
    if method.extends is not None:
        origin = method.extends
        before = learnt(origin, protocol, msi, budget, scenes, validation, folder, accelerator, progress)
        assert origin.recipe is not None
        recipe = replace(recipe, start=str(before.folder.parent))
        budget = budget and budget.times(recipe.epochs / origin.recipe.epochs)
    planned = planned_recipe(recipe, budget, scenes, accelerator, home / "plan.json")
    run = home / "run"
    last = home / "finished.json"
    if not last.is_file():
        train(planned, scenes, validation, run, resume=True, accelerator=accelerator, progress=progress)
        rows = (run / CURVE).read_text().splitlines()
        columns = rows[0].split(",")
        final = dict(zip(columns, rows[-1].split(","), strict=True))
        _write(last, {"steps": int(final["step"]), "seconds": float(final["seconds"])})
    taken = json.loads(last.read_text())
    return Learnt(run / method.role, taken["steps"], taken["seconds"], run / CURVE)


def planned_recipe(
    recipe: Recipe, budget: Budget | None, scenes: Sequence[Cube], accelerator: str, plan: Path
) -> Recipe:
    """The recipe with as many epochs as the budget buys; decided once and kept in `plan`."""
    if budget is None:
        return recipe
    if not plan.is_file():
        pace = step_seconds(recipe, scenes, accelerator, budget) if budget.steps is None else 0.0
        plan.parent.mkdir(parents=True, exist_ok=True)
        _write(plan, {"budget": str(budget), "seconds_per_step": pace, "steps": budget.steps_at(pace)})
    steps = json.loads(plan.read_text())["steps"]
    epochs = max(1, min(EPOCHS, steps // EPOCH))
    return replace(recipe, epochs=epochs, crops=recipe.batch * (steps // epochs))


def step_seconds(recipe: Recipe, scenes: Sequence[Cube], accelerator: str, budget: Budget) -> float:
    """The fastest of a few training steps here, after one to warm up: what slows others down is not their own.

    A step that eats the budget is measured once.
    """
    assert budget.seconds is not None
    scenes = [resample(scene, recipe.bands) for scene in scenes] if recipe.bands else scenes
    patches = Patches(scenes, recipe.observation, recipe.scaling, recipe.base, recipe.patch, recipe.batch, recipe.seed)
    device = torch.device({"auto": "cuda" if torch.cuda.is_available() else "cpu"}.get(accelerator, accelerator))
    networks = networks_for(recipe, scenes[0])
    models = {name: model.network.to(device).train() for name, model in networks.models().items()}
    learning = [weight for network in models.values() for weight in network.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(learning, lr=0.0)
    batch = collate([patches[number] for number in range(recipe.batch)]).to(device)
    times: list[float] = []
    while len(times) < 6 and sum(times) < budget.seconds / 10:
        begun = time.perf_counter()
        optimiser.zero_grad()
        joint_step(models["student"], models.get("teacher"), batch, recipe.losses)["loss"].backward()
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - begun)
    return min(times[1:] or times)


def _write(path: Path, content: dict[str, object]) -> None:
    with replacing(path) as draft:
        draft.write_text(json.dumps(content) + "\n")
