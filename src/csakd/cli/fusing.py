"""Commands that make, fuse and score cubes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csakd.cli.given import BANDS_HELP, add_pair, read_cube, read_pair, size_of, with_psf_told
from csakd.cli.learning import MODEL, adapted
from csakd.cli.parser import Command

if TYPE_CHECKING:
    from torch import nn

    from csakd.cubes import Pair


SUFFIXES = {
    "geotiff": ".tif",
    "cog": ".tif",
    "envi": ".img",
    "matlab": ".mat",
    "matlab73": ".mat",
    "npz": ".npz",
    "zarr": ".zarr",
}


def simulate(options: argparse.Namespace) -> None:
    import csakd
    from csakd.io.atomic import replacing

    scene = read_cube(options.scene, options.bands, options.variable)
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
        print(f"{output / name}{suffix}: {size_of(cube)}")
    known = f" --psf {options.psf}" if options.psf else ""
    print(f"fuse them: csakd fuse {output}/hsi{suffix} {output}/msi{suffix}{known} -o fused{suffix}")


def fuse(options: argparse.Namespace) -> None:
    import time

    import csakd

    pair = read_pair(options)
    start = time.perf_counter()
    model, pair = adapted(options, pair) if options.adapt else _loaded(options, pair)
    fused = csakd.fuse(pair, model, device=options.device, averaged=options.average)
    seconds = time.perf_counter() - start
    path = csakd.write(fused, options.output)
    print(f"{path}: {size_of(fused)}, fused by {options.model} in {seconds:.2f} s")


def _loaded(options: argparse.Namespace, pair: Pair) -> tuple[str | nn.Module, Pair]:
    """The model as it is, and the pair with the PSF that the model heeds."""
    import csakd
    from csakd.budget import Budget
    from csakd.inference import UNTRAINED, heeds_psf
    from csakd.models import ONE_PAIR

    name = options.model
    if options.budget and name not in ONE_PAIR:
        raise ValueError(
            f"--budget is for --adapt and for models that learn from the pair they fuse: {', '.join(ONE_PAIR)}"
        )
    model: str | nn.Module = name if name in UNTRAINED else csakd.load(name, pair.ratio)
    if heeds_psf(model):
        pair = with_psf_told(pair, options.psf)
    else:
        print("PSF of the HSI: the one that the model was trained for")
    if name in ONE_PAIR:
        budget = Budget.parse(options.budget) if options.budget else None
        model = csakd.build(name, ratio=pair.ratio, psf=pair.psf, budget=budget, progress=sys.stderr.isatty())
    return model, pair


def evaluate(options: argparse.Namespace) -> None:
    import csakd
    from csakd.metrics import METRICS

    scores = csakd.evaluate(
        read_cube(options.estimate, None, None),
        read_cube(options.truth, None, None),
        ratio=options.ratio,
        protocol=options.protocol,
    )
    if options.json:
        print(json.dumps(scores))
        return
    for name, value in scores.items():
        print(f"{name.upper():6}{value:12.4f} {METRICS[name].unit}".rstrip())


def info(options: argparse.Namespace) -> None:
    from csakd.models import MODELS, NETWORKS, Universal, build
    from csakd.models.weights import load_folder, parameter_count, shipped

    what = options.what
    if what == "models":
        for name, text in MODELS.items():
            print(f"{name:20}{text}")
    elif what in MODELS and what not in shipped():
        print(f"{what}: {MODELS[what]}")
        if what in NETWORKS:
            print(f"{parameter_count(build(what)):,} parameters at 172 HSI and 4 MSI bands")
    elif what in shipped() or (Path(what) / "config.json").is_file():
        model = load_folder(shipped().get(what, what))
        card = model.card
        print(f"{what}: {card.name} on base {card.base}, {parameter_count(model):,} parameters, csakd {card.version}")
        if isinstance(model.network, Universal):
            print("any ratio, any HSI and MSI bands")
        else:
            print(f"ratio {card.network['ratio']}, scaling {card.scaling}")
            print(f"{card.network['hsi_bands']} HSI bands{_span(card.hsi_wavelengths)}")
            print(f"{card.network['msi_bands']} MSI bands{_span(card.msi_wavelengths)}")
        for name, value in card.scores.items():
            print(f"validation {name}: {value:.4g}")
    else:
        cube = read_cube(what, None, options.variable)
        print(f"{what}: {size_of(cube)}, {cube.values.dtype}")
        print(f"source: {cube.source}")
        print(f"wavelengths: {_span(cube.wavelengths).strip(' ()') or 'unknown'}")
        ground = cube.georeference
        print(f"georeference: {'none' if ground is None else ground.transform}")
        print(f"units: {cube.units or 'unknown'}")


def _span(centres: Any) -> str:
    return "" if centres is None else f" ({min(centres):.1f}-{max(centres):.1f} nm)"


def add_to(command: Command) -> None:
    option = command(simulate, "Observe a scene as two sensors would (Wald's protocol).", """\
        example: csakd simulate scene.mat --bands aviris-205 --msi tm4 --ratio 4 --snr 35 -o pair
        writes pair/hsi.tif, pair/msi.tif and pair/truth.tif""")  # fmt: skip
    option("scene", help="the scene, which becomes the truth")
    option("-o", "--output", required=True, metavar="FOLDER", help="folder to make")
    option(
        "--msi",
        default="tm4",
        help="MSI bands: tm4, tm6, sentinel2, ali, rgb, pan, or a file of response curves (nm, one column a band)",
    )
    option("--ratio", type=int, default=4, help="high pixels to a low one, 2 to 16 (default 4)")
    option("--psf", help="variance:V, fwhm:V, mtf:V, or a file of weights (default: variance 3 at ratio 4, scaled)")
    option("--snr", type=float, help="noise on the HSI, in dB")
    option("--msi-snr", type=float, help="noise on the MSI, in dB")
    option("--seed", type=int, default=0, help="of the noise")
    option("--bands", help=BANDS_HELP)
    option("--variable", help="which variable of a .mat or .npz file holds the scene")
    option("--format", choices=SUFFIXES, default="geotiff", help="of the files written (default geotiff)")

    option = command(fuse, "Fuse an HSI and an MSI into a sharp HSI.", """\
        example: csakd fuse hsi.tif msi.tif -o fused.tif
                 csakd fuse hsi.hdr msi.tif --model run/student -o fused.img""")  # fmt: skip
    option("-o", "--output", required=True, metavar="FILE", help="fused cube; its suffix is its format")
    option("--model", default=MODEL, help=f"{MODEL} (default), another name from csakd info models, or a model folder")
    option("--adapt", action="store_true", help="fit the model to this pair first, see csakd adapt")
    option("--average", action="store_true", help="mean over the eight flips and turns of the pair, in as many times")
    option("--seed", type=int, default=0, help="of what is drawn while adapting")
    option(
        "--budget", help="for --adapt and models that learn from this pair: a number of steps, or a time such as 3min"
    )
    option("--device", default="cpu", help="where to compute: cpu, cuda, mps")
    add_pair(option)

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
