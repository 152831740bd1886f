"""Commands of the benchmark: run it, render it, build its dataset."""

from __future__ import annotations

import argparse
from pathlib import Path

from csakd.cli.parser import Command


def bench(options: argparse.Namespace) -> None:
    from dataclasses import replace

    from csakd.benchmark.bench import Bench, with_variants
    from csakd.benchmark.cost import measure_costs
    from csakd.benchmark.ledger import cost_ledger
    from csakd.benchmark.protocol import PROTOCOLS, STUDIES
    from csakd.budget import Budget
    from csakd.inference import check_device

    name = "smoke" if options.smoke else options.protocol
    if name not in PROTOCOLS:
        raise ValueError(f"no protocol {name!r}: choose one of {', '.join(PROTOCOLS)}")
    check_device(options.device)
    protocol = replace(PROTOCOLS[name], seed=options.seed)
    if options.budget:
        protocol = replace(protocol, budget=Budget.parse(options.budget))
    if options.pair_budget:
        protocol = replace(protocol, pair_budget=Budget.parse(options.pair_budget))
    study = replace(STUDIES["quality"], msi=("tm4",)) if options.study == "cost" else STUDIES[options.study]
    if options.msi:
        study = replace(study, msi=tuple(options.msi.split(",")))
    if options.snr:
        study = study.at(options.snr.split(","))
    if options.split:
        study = replace(study, splits=(options.split,))
    chosen = options.methods or study.methods
    if options.study == "cost":
        methods = with_variants(chosen, ("",))
        measure_costs(methods, cost_ledger(Path(options.output)), study.msi, options.size, options.device)
        return
    methods = with_variants(chosen, study.variants)
    if options.smoke and not options.methods:
        methods = tuple(method for method in methods if method.kind != "adapted")  # its scenes are too small for that
    scenes = tuple(protocol.scenes(options.scenes))
    run = Bench(protocol, options.study, study, methods, scenes, Path(options.output), options.device, options.retry)
    failed = run.run()
    print(f"{options.output}: scores.csv, curves.csv; {failed} failed; render with csakd tables {options.output}")


def tables(options: argparse.Namespace) -> None:
    from csakd.benchmark.rendering import render_tables

    for path in render_tables(Path(options.results), Path(options.output or options.results)):
        print(path)


def figures(options: argparse.Namespace) -> None:
    from csakd.benchmark.rendering import render_figures

    for path in render_figures(Path(options.results), Path(options.output or options.results)):
        print(path)


def dataset(options: argparse.Namespace) -> None:
    from csakd.benchmark.dataset.build import build_dataset

    names = ("ratio", "psf", "split", "counts", "seed", "tile", "crop", "tolerance")
    built = build_dataset(
        options.flightlines,
        options.output,
        msi=options.msi.split(","),
        progress=not options.quiet,
        **{name: getattr(options, name) for name in names},
    )
    split = ", ".join(f"{count} {name}" for name, count in built.counts.items())
    print(f"{built.folder}: {split} images ({built.made} made now), {built.left_out} sub-images left out for gaps")


def add_to(command: Command) -> None:
    option = command(bench, "Compare methods on real scenes under one protocol; resumable.", """\
        example: csakd bench aviris-small SCENES -o results --methods hyper mssjfl student --budget 5min
                 csakd bench aviris-small SCENES -o results --study robustness
                 csakd bench --smoke -o smoke
        methods: NAME[+BASE][@FIELD=VALUE,...], such as mssjfl+hyper or student@losses.sam=0.5;
                 LABEL=FOLDER of a trained model""")  # fmt: skip
    option("protocol", nargs="?", default="aviris-small", help="aviris-small (default) or csakd-aviris")
    option("scenes", nargs="?", help="folder of the protocol's scenes")
    option(
        "-o",
        "--output",
        default="bench-results",
        metavar="FOLDER",
        help="results; run again, it goes on where it stopped",
    )
    studies = ("quality", "robustness", "sensors", "losses", "depths", "attention", "cost")
    option("--study", default="quality", choices=studies,
           help="quality (default), sensors, one of the paper's studies, or what each method costs")  # fmt: skip
    option("--methods", nargs="+", metavar="METHOD", help="default: the study's own")
    option("--msi", help="comma-separated MSI band sets; default: the study's own, tm4 and mostly tm6")
    option("--snr", help="keep the pairs whose LR-HSI has this SNR: dB or clean, comma-separated; default: all")
    option("--split", choices=("validation", "test"), help="whose scenes to score; default: both")
    option("--budget", help="of each training: a number of steps, or a time such as 5min; default: the protocol's")
    option("--pair-budget", help="the same for methods that learn from the pair they fuse")
    option("--seed", type=int, default=0, help="of noise, weights and crops")
    option("--device", default="cpu", help="cpu (default), cuda or mps")
    option("--size", type=int, default=256, help="high pixels of a side, for the study cost (default 256)")
    option("--retry", action="store_true", help="run again what failed before")
    option("--smoke", action="store_true", help="all methods on tiny synthetic scenes, to see that they run")

    option = command(tables, "Render a benchmark's tables as Markdown, LaTeX and PNG.", """\
        example: csakd tables results -o tables""")  # fmt: skip
    option("results", help="folder of csakd bench")
    option("-o", "--output", metavar="FOLDER", help="where to write (default: beside the results)")

    option = command(figures, "Render a benchmark's figures as PNG.", """\
        example: csakd figures results -o figures""")  # fmt: skip
    option("results", help="folder of csakd bench")
    option("-o", "--output", metavar="FOLDER", help="where to write (default: beside the results)")

    option = command(dataset, "Build a dataset in the layout of the paper's release.", """\
        example: csakd dataset aviris f100520t01p00r08rdn_b.img f100521t01p00r05rdn_b.img -o aviris""")  # fmt: skip
    option("kind", choices=("aviris",), help="aviris: raw flight lines of 224 bands")
    option("flightlines", nargs="+", help="one file a flight line")
    option("-o", "--output", required=True, metavar="FOLDER", help="folder to make, or to go on with")
    option("--split", default="flight-line", help="flight-line (default: whole lines) or image (as in the paper)")
    option("--counts", nargs=3, type=int, default=(1678, 200, 200), metavar=("TRAIN", "VALIDATION", "TEST"),
           help="shares of the splits (default: the paper's 1678 200 200)")  # fmt: skip
    option("--seed", type=int, default=0, help="of the split")
    option("--msi", default="tm4,tm6", help="comma-separated MSI band sets (default tm4,tm6)")
    option("--ratio", type=int, default=4, help="high pixels to a low one (default 4)")
    option("--psf", help="variance:V, fwhm:V, mtf:V, or a file of weights (default: the paper's)")
    option("--tile", type=int, default=259, help="pixels from one sub-image to the next (default 259)")
    option("--crop", type=int, default=256, help="pixels of the truth, from a sub-image's top left (default 256)")
    option("--tolerance", type=float, default=15.0, help="nm by which band centres may be off (default 15)")
    option("--quiet", action="store_true", help="no progress bar")
