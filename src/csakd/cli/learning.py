"""Commands that train networks."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from csakd.cli.given import BANDS_HELP, add_pair, read_cube, read_pair, with_psf_told
from csakd.cli.parser import Command

if TYPE_CHECKING:
    from csakd.cubes import Pair
    from csakd.models.weights import TrainedModel

MODEL, BUDGET = "csakd-student", "3min"  # what fuse takes, and how long it adapts


def train(options: argparse.Namespace) -> None:
    from csakd.training import recipe, smoke
    from csakd.training import train as run

    chosen = recipe(options.recipe)
    chosen = (smoke(chosen) if options.smoke else chosen).changed(options.set)
    scenes = [read_cube(path, options.bands, None) for path in options.scenes]
    validation = [read_cube(path, options.bands, None) for path in options.validation]
    folder = run(
        chosen,
        scenes,
        validation,
        options.output,
        resume=options.resume,
        devices=options.devices,
        accelerator=options.accelerator,
        progress=not options.quiet,
    )
    if int(os.environ.get("LOCAL_RANK", 0)) > 0:  # one of several processes speaks
        return
    card = json.loads((folder / "config.json").read_text())
    for name, value in card["scores"].items():
        print(f"validation {name}: {value:.4g}")
    print(f"{folder}: trained; fuse with --model {folder}")


def adapt(options: argparse.Namespace) -> None:
    from csakd.models.weights import save

    output = Path(options.output)
    if output.exists():
        raise ValueError(f"{output} already exists: choose a folder that does not")
    model, _ = adapted(options, read_pair(options))
    print(f"{save(model, output)}: fuse with --model {output}")


def adapted(options: argparse.Namespace, pair: Pair) -> tuple[TrainedModel, Pair]:
    """The model fitted to the pair, and the pair as it was seen: with its PSF."""
    import csakd
    from csakd.budget import Budget
    from csakd.models.weights import TrainedModel
    from csakd.training.adaptation import adapt, check_any_sensor

    model = csakd.load(options.model, pair.ratio)
    if not isinstance(model, TrainedModel):
        raise ValueError(f"{options.model!r} does not learn: adapt csakd-student, csakd-teacher or a model folder")
    check_any_sensor(model)
    pair = with_psf_told(pair, options.psf)
    budget = Budget.parse(options.budget or BUDGET)
    found = adapt(model, pair, budget, seed=options.seed, progress=sys.stderr.isatty())
    if found.moved:
        print("adapted: stands on the thorough base from now on")
    gained = (
        f"new weights gain {found.gain:.2f} dB" if found.gain else "new weights gain nothing, so they stay as they were"
    )
    print(f"adapted: seen from afar, on the part of the pair that was held out, {gained}")
    return found.model, pair


def demo(options: argparse.Namespace) -> None:
    from csakd.demo import run
    from csakd.training import recipe

    run(Path(options.output), recipe("demo").changed([f"seed={options.seed}"]))


def add_to(command: Command) -> None:
    option = command(train, "Train a network by a recipe.", """\
        example: csakd train a.tif b.tif --validation c.tif --recipe guided --set epochs=20 -o run
        then:    csakd fuse hsi.tif msi.tif --model run/student -o fused.tif""")  # fmt: skip
    option("scenes", nargs="+", help="scenes to train on, each with wavelengths")
    option("-o", "--output", required=True, metavar="FOLDER", help="of the run: models, logs, checkpoint")
    option("--validation", nargs="+", default=[], metavar="SCENE", help="scenes to choose the best model by")
    option("--recipe", default="guided", help="guided (default), paper, mini, mssjfl, ...: see docs/training.md")
    option("--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field of the recipe, repeatable")
    option("--bands", help=BANDS_HELP)
    option("--resume", action="store_true", help="go on with the run in FOLDER")
    option("--smoke", action="store_true", help="shrink the recipe to seconds, to try it out")
    option("--devices", type=int, default=1, help="processes to train in")
    option("--accelerator", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="where to train")
    option("--quiet", action="store_true", help="no progress bar")

    option = command(adapt, "Fit a network for any sensor to the pair it is to fuse.", """\
        example: csakd adapt hsi.tif msi.tif --budget 3min -o mine
        then:    csakd fuse hsi.tif msi.tif --model mine -o fused.tif""")  # fmt: skip
    option("-o", "--output", required=True, metavar="FOLDER", help="model folder to make")
    option("--model", default=MODEL, help=f"{MODEL} (default), csakd-teacher, or the folder of such a model")
    option("--budget", default=BUDGET, help=f"number of steps, or a time such as 90s (default {BUDGET})")
    option("--seed", type=int, default=0, help="of the crops")
    add_pair(option)

    option = command(demo, "Distil a student on one part of a real scene and fuse the other, in minutes.", """\
        example: csakd demo -o demo-output""")  # fmt: skip
    option("-o", "--output", default="demo-output", metavar="FOLDER", help="folder for results (default demo-output)")
    option("--seed", type=int, default=0, help="of weights and crops")
