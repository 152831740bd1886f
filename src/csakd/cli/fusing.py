"""Commands that make, fuse and score cubes, and train networks."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csakd.cli.parser import Command

if TYPE_CHECKING:
    from torch import nn

    from csakd.cubes import Cube

SUFFIXES = {
    "geotiff": ".tif",
    "cog": ".tif",
    "envi": ".img",
    "matlab": ".mat",
    "matlab73": ".mat",
    "npz": ".npz",
    "zarr": ".zarr",
}
BANDS_HELP = "where its bands lie, if the file does not say: a name such as aviris-205, or a text file of centres in nm"


def simulate(options: argparse.Namespace) -> None:
    import csakd
    from csakd.io.atomic import replacing

    scene = _read(options.scene, options.bands, options.variable)
    snr = (options.snr, options.msi_snr)
    sample = csakd.observe(scene, options.msi, options.ratio, options.psf, snr, options.seed)
    suffix = SUFFIXES[options.format]
    settings = {name: getattr(options, name) for name in ("scene", "msi", "ratio", "psf", "snr", "msi_snr", "seed")}
    output = Path(options.output)
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ValueError(f"{output} already exists: choose a folder that does not")
    with replacing(output) as folder:
        folder.mkdir(parents=True)
        for name, cube in (("hsi", sample.pair.hsi), ("msi", sample.pair.msi), ("truth", sample.truth)):
            csakd.write(cube, folder / f"{name}{suffix}", format=options.format)
        (folder / "simulation.json").write_text(json.dumps(settings, indent=1) + "\n")
    for name, cube in (("hsi", sample.pair.hsi), ("msi", sample.pair.msi), ("truth", sample.truth)):
        print(f"{output / name}{suffix}: {_size(cube)}")
    known = f" --psf {options.psf}" if options.psf else ""
    print(f"fuse them: csakd fuse {output}/hsi{suffix} {output}/msi{suffix}{known} -o fused{suffix}")


def train(options: argparse.Namespace) -> None:
    from csakd.training import recipe, smoke
    from csakd.training import train as run

    chosen = recipe(options.recipe)
    chosen = (smoke(chosen) if options.smoke else chosen).changed(options.set)
    scenes = [_read(path, options.bands, None) for path in options.scenes]
    validation = [_read(path, options.bands, None) for path in options.validation]
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


def fuse(options: argparse.Namespace) -> None:
    import time

    import csakd
    from csakd.budget import Budget
    from csakd.cubes import Pair
    from csakd.inference import check_pair
    from csakd.models import ONE_PAIR
    from csakd.physics import check_ratio, psf

    hsi = _read(options.hsi, options.hsi_bands, options.hsi_variable)
    msi = _read(options.msi, options.msi_bands, options.msi_variable)
    pair = Pair(hsi, msi)
    check_pair(pair)
    if options.psf:
        pair = replace(pair, psf=psf.parse(options.psf, check_ratio(pair.ratio)))
    model: str | nn.Module = options.model
    if options.model in ONE_PAIR:
        budget = Budget.parse(options.budget) if options.budget else None
        model = csakd.build(options.model, ratio=pair.ratio, psf=pair.psf, budget=budget, progress=sys.stderr.isatty())
    elif options.budget:
        raise ValueError(f"--budget is for models that learn from the pair they fuse: {', '.join(ONE_PAIR)}")
    start = time.perf_counter()
    fused = csakd.fuse(pair, model, device=options.device, averaged=options.average)
    seconds = time.perf_counter() - start
    path = csakd.write(fused, options.output)
    print(f"{path}: {_size(fused)}, fused by {options.model} in {seconds:.2f} s")


def evaluate(options: argparse.Namespace) -> None:
    import csakd
    from csakd.metrics import METRICS

    scores = csakd.evaluate(
        _read(options.estimate, None, None),
        _read(options.truth, None, None),
        ratio=options.ratio,
        protocol=options.protocol,
    )
    if options.json:
        print(json.dumps(scores))
        return
    for name, value in scores.items():
        print(f"{name.upper():6}{value:12.4f} {METRICS[name].unit}".rstrip())


def info(options: argparse.Namespace) -> None:
    from csakd.models import MODELS, NETWORKS, build
    from csakd.models.weights import load_folder, parameter_count

    what = options.what
    if what == "models":
        for name, text in MODELS.items():
            print(f"{name:14}{text}")
    elif what in MODELS:
        print(f"{what}: {MODELS[what]}")
        if what in NETWORKS:
            print(f"{parameter_count(build(what)):,} parameters at 172 HSI and 4 MSI bands")
    elif (Path(what) / "config.json").is_file():
        model = load_folder(what)
        card = model.card
        print(f"{what}: {card.name} on base {card.base}, {parameter_count(model):,} parameters, csakd {card.version}")
        print(f"ratio {card.network['ratio']}, scaling {card.scaling}")
        print(f"{card.network['hsi_bands']} HSI bands{_span(card.hsi_wavelengths)}")
        print(f"{card.network['msi_bands']} MSI bands{_span(card.msi_wavelengths)}")
        for name, value in card.scores.items():
            print(f"validation {name}: {value:.4g}")
    else:
        cube = _read(what, None, options.variable)
        print(f"{what}: {_size(cube)}, {cube.values.dtype}")
        print(f"source: {cube.source}")
        print(f"wavelengths: {_span(cube.wavelengths).strip(' ()') or 'unknown'}")
        ground = cube.georeference
        print(f"georeference: {'none' if ground is None else ground.transform}")
        print(f"units: {cube.units or 'unknown'}")


def demo(options: argparse.Namespace) -> None:
    from csakd.demo import run
    from csakd.training import recipe

    run(Path(options.output), recipe("demo").changed([f"seed={options.seed}"]))


def _read(path: str, bands: str | None, variable: str | None) -> Cube:
    import csakd
    from csakd.physics import band_list

    cube = csakd.read(path, variable=variable)
    if bands:
        listed = band_list(bands)
        if listed.wavelengths.size != cube.bands:
            raise ValueError(f"{path} has {cube.bands} bands, {bands} has {listed.wavelengths.size}")
        cube = replace(cube, wavelengths=listed.wavelengths, fwhm=listed.fwhm)
    return cube


def _size(cube: Cube) -> str:
    return f"{cube.bands} bands x {cube.size[0]} rows x {cube.size[1]} columns"


def _span(centres: Any) -> str:
    return "" if centres is None else f" ({min(centres):.1f}-{max(centres):.1f} nm)"


def add_to(command: Command) -> None:
    option = command(simulate, "Observe a scene as two sensors would (Wald's protocol).", """\
        example: csakd simulate scene.mat --bands aviris-205 --msi tm4 --ratio 4 --snr 35 -o pair
        writes pair/hsi.tif, pair/msi.tif and pair/truth.tif""")  # fmt: skip
    option("scene", help="the scene, which becomes the truth")
    option("-o", "--output", required=True, metavar="FOLDER", help="folder to make")
    option("--msi", default="tm4", help="MSI bands: tm4, tm6, or a file of response curves (nm, one column a band)")
    option("--ratio", type=int, default=4, help="high pixels to a low one, 2 to 16 (default 4)")
    option("--psf", help="variance:V, fwhm:V, mtf:V, or a file of weights (default: variance 3 at ratio 4, scaled)")
    option("--snr", type=float, help="noise on the HSI, in dB")
    option("--msi-snr", type=float, help="noise on the MSI, in dB")
    option("--seed", type=int, default=0, help="of the noise")
    option("--bands", help=BANDS_HELP)
    option("--variable", help="which variable of a .mat or .npz file holds the scene")
    option("--format", choices=SUFFIXES, default="geotiff", help="of the files written (default geotiff)")

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

    option = command(fuse, "Fuse an HSI and an MSI into a sharp HSI.", """\
        example: csakd fuse hsi.tif msi.tif -o fused.tif
                 csakd fuse hsi.hdr msi.tif --model run/student -o fused.img""")  # fmt: skip
    option("hsi", help="low-resolution hyperspectral image")
    option("msi", help="high-resolution multispectral image of the same ground")
    option("-o", "--output", required=True, metavar="FILE", help="fused cube; its suffix is its format")
    option(
        "--model",
        default="hyper",
        help="hyper (default), another name from csakd info models, or a model folder",
    )
    option("--average", action="store_true", help="mean over the eight flips and turns of the pair, in as many times")
    option("--budget", help="for models that learn from this pair: a number of steps, or a time such as 3min")
    option("--psf", help="of the HSI, for classical methods: variance:V, fwhm:V, mtf:V, or a file of weights")
    option("--hsi-bands", help=BANDS_HELP)
    option("--msi-bands", help=BANDS_HELP.replace("aviris-205", "tm4"))
    option("--hsi-variable", help="which variable of a .mat or .npz file holds the HSI")
    option("--msi-variable", help="which variable of a .mat or .npz file holds the MSI")
    option("--device", default="cpu", help="where to compute: cpu, cuda, mps")

    option = command(evaluate, "Score a fused cube against the truth.", """\
        example: csakd evaluate fused.tif pair/truth.tif --ratio 4""")  # fmt: skip
    option("estimate", help="the fused cube")
    option("truth", help="the truth, of the same size and bands")
    option("--ratio", type=int, default=4, help="r of the pair, for ERGAS (default 4)")
    option("--protocol", default="per_band_max", help="per_band_max (default), global_max, pooled, or paper")
    option("--json", action="store_true", help="print one line of JSON")

    option = command(info, "Say what a file or a model is.", """\
        example: csakd info scene.mat
                 csakd info run/student""")  # fmt: skip
    option("what", help="a cube's file, a model folder, a model's name, or: models (lists all)")
    option("--variable", help="which variable of a .mat or .npz file to look at")

    option = command(demo, "Distil a student on one part of a real scene and fuse the other, in minutes.", """\
        example: csakd demo -o demo-output""")  # fmt: skip
    option("-o", "--output", default="demo-output", metavar="FOLDER", help="folder for results (default demo-output)")
    option("--seed", type=int, default=0, help="of weights and crops")
