"""`csakd bench`: every cell of a study once, one CSV row each, resumable at any moment."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from csakd.benchmark.learning import Learnt, learnt
from csakd.benchmark.ledger import curve_ledger, score_ledger, texts
from csakd.benchmark.methods import Method, file_name, method
from csakd.benchmark.protocol import OWN, Noise, Protocol, Study
from csakd.benchmark.scenes import Scene
from csakd.budget import Budget
from csakd.cubes import Cube, Sample
from csakd.inference import fuse, load
from csakd.io.atomic import replacing
from csakd.metrics import evaluate, psnr, sam
from csakd.models import OnePair, build
from csakd.models.weights import TrainedModel
from csakd.physics import observe, spectral_response
from csakd.training.adaptation import adapt
from csakd.version import version

FAILURES = (ValueError, RuntimeError, MemoryError, ArithmeticError, OSError)
MEANINGFUL = 100  # steps below which a network has not learnt enough to be judged


@dataclass(frozen=True)
class Cell:
    """One number to find: a method on a scene under one noise."""

    method: Method
    scene: Scene
    bands: str
    msi: str
    ratio: int
    noise: Noise


class Watch:
    """Scores an estimate while it is learnt: the points of a curve."""

    def __init__(self, truth: Cube) -> None:
        loaded = truth.load()
        self.truth, self.valid = torch.from_numpy(np.asarray(loaded.values)), torch.from_numpy(loaded.valid)
        self.points: list[dict[str, object]] = []

    def __call__(self, step: int, seconds: float, estimate: torch.Tensor) -> None:
        for name, score in (("psnr", psnr), ("sam", sam)):
            value = score(estimate.float().cpu(), self.truth, valid=self.valid)
            self.points.append({"step": step, "seconds": seconds, "series": name, "value": value})


@dataclass(frozen=True, eq=False)
class Bench:
    """A study under a protocol, on a folder of scenes, into a folder of results.

    Attributes:
        protocol, study_name, study: what is run.
        methods: names, see `csakd.benchmark.methods`; the study's own if empty.
        scenes: of the protocol.
        output: folder for `scores.csv`, `curves.csv`, `looks/` and `runs/`.
        device: where to compute.
        retry: run cells again that failed before.
        say: called with a line on what is being done.
    """

    protocol: Protocol
    study_name: str
    study: Study
    methods: tuple[Method, ...]
    scenes: tuple[Scene, ...]
    output: Path
    device: str = "cpu"
    retry: bool = False
    say: Callable[[str], None] = print
    _trained: dict[tuple[str, str, int], Learnt | Exception] = field(default_factory=dict, init=False)

    @property
    def _bands(self) -> str:
        """What all methods are compared on."""
        return self.protocol.bands or OWN

    def cells(self) -> Iterator[Cell]:
        """In the order they are run: cheap methods first, all cells of one training together."""
        judged = [scene for scene in self.scenes if scene.split in self.study.splits]
        kinds = ("classical", "shipped", "given", "adapted", "trained", "one-pair")
        ratios = self.study.ratios or (self.protocol.ratio,)
        for one in sorted(self.methods, key=lambda m: kinds.index(m.kind)):
            for msi in self.study.msi:
                every = [self._bands]
                if self.study.own_bands and one.kind != "trained" and self._bands != OWN:
                    every.append(OWN)
                yield from (
                    Cell(one, scene, bands, msi, ratio, noise)
                    for ratio in ratios for bands in every for noise in self.study.noise for scene in judged
                )  # fmt: skip

    def run(self) -> int:
        """Do what is not done yet; returns how many cells failed."""
        first = self.scenes[0].load()
        for msi in self.study.msi:
            spectral_response(msi, first.bands, first.wavelengths)  # an unknown band set fails now
        self._claim()
        ledger = score_ledger(self.output)
        rows = ledger.rows()
        done = {ledger.identity(row) for row in rows if not (self.retry and row["status"] != "ok")}
        todo = [cell for cell in self.cells() if texts(list(self._place(cell).values())) not in done]
        self.say(f"{self.study_name}: {len(todo)} cells to do, {sum(1 for _ in self.cells()) - len(todo)} done before")
        failed = 0
        for number, cell in enumerate(todo, 1):
            row = self._row(cell)
            ledger.add([row])
            failed += row["status"] != "ok"
            found = f"{row['psnr']:.2f} dB  {row['sam']:.3f}°" if row["status"] == "ok" else f"failed: {row['note']}"
            self.say(f"[{number}/{len(todo)}] {cell.method.name} {cell.msi} {cell.scene.name} {_dB(cell)}: {found}")
        return failed

    def _claim(self) -> None:
        """One folder holds results of one protocol; budgets and seeds may differ, rows name theirs."""
        path = self.output / "protocol.json"
        whole = json.loads(json.dumps(asdict(self.protocol)))
        mine = {name: value for name, value in whole.items() if "budget" not in name and name != "seed"}
        if path.is_file() and json.loads(path.read_text()) != mine:
            raise ValueError(f"{self.output} holds results of another protocol: choose another folder")
        self.output.mkdir(parents=True, exist_ok=True)
        with replacing(path) as draft:
            draft.write_text(json.dumps(mine, indent=1) + "\n")

    def _budget(self, one: Method) -> Budget | None:
        pair = self.protocol.pair_budget
        return {"trained": self.protocol.budget, "one-pair": pair, "adapted": pair}.get(one.kind)

    def _place(self, cell: Cell) -> dict[str, object]:
        """The columns that identify a cell."""
        return {
            "protocol": self.protocol.name, "study": self.study_name, "method": cell.method.name,
            "scene": cell.scene.name, "split": cell.scene.split, "bands": cell.bands, "msi": cell.msi,
            "ratio": cell.ratio, "hsi_snr": cell.noise[0], "msi_snr": cell.noise[1],
            "seed": self.protocol.seed, "budget": self._budget(cell.method),
        }  # fmt: skip

    def _row(self, cell: Cell) -> dict[str, object]:
        """The row of a cell; whatever goes wrong in it is its result."""
        row = self._place(cell)
        row |= {"version": version(), "device": self.device, "dtype": "fp32", "threads": torch.get_num_threads()}
        try:
            return row | self._result(cell)
        except FAILURES as error:
            return row | {"status": "failed", "note": " ".join(f"{type(error).__name__}: {error}".split())[:300]}

    def _result(self, cell: Cell) -> dict[str, object]:
        sample = self._sample(cell)
        before = time.perf_counter()
        model, taken = self._model(cell, sample)
        begun = time.perf_counter()
        fused = fuse(sample.pair, model, device=self.device)
        seconds = time.perf_counter() - begun
        scores = evaluate(fused, sample.truth, ratio=cell.ratio)
        result: dict[str, object] = {**scores, "fuse_seconds": seconds, "status": "ok"}
        if isinstance(taken, Learnt):
            result |= {"steps": taken.steps, "learn_seconds": taken.seconds}
            if taken.steps < MEANINGFUL and self.protocol.budget is not None:
                result["note"] = f"{taken.steps} steps: too few to mean anything"
        elif cell.method.kind == "adapted":
            result |= {"learn_seconds": begun - before}
        elif isinstance(model, OnePair):
            # It learns while it fuses: one figure, not two.
            result |= {"steps": model.steps, "learn_seconds": model.seconds, "fuse_seconds": None}
            if isinstance(model.watch, Watch):
                place = {**self._curve(cell.method, cell.msi, cell.ratio), "scene": cell.scene.name}
                curve_ledger(self.output).add({**place, **point} for point in model.watch.points)
        if cell.noise == (None, None) and cell.scene == self._shown() and cell.bands == self._bands:
            self._keep_look(cell, fused, sample.truth)
        return result

    def _sample(self, cell: Cell) -> Sample:
        scene = self.protocol.cube(cell.scene, cell.bands)
        return observe(scene, cell.msi, cell.ratio, self.protocol.psf, cell.noise, self.protocol.seed)

    def _model(self, cell: Cell, sample: Sample) -> tuple[nn.Module, Learnt | None]:
        one, pair = cell.method, sample.pair
        if one.kind in ("shipped", "given", "adapted"):
            model = load(one.model, pair.ratio)
            if one.kind == "adapted":
                assert isinstance(model, TrainedModel)
                model = adapt(model, pair, self.protocol.pair_budget, seed=self.protocol.seed).model
            return model, None
        if one.kind != "trained":
            options: dict[str, Any] = {}
            if one.kind == "one-pair":
                self.say(f"fitting {one.name} to {cell.scene.name} ({cell.msi}) …")
                watched = cell.bands == self._bands and cell.noise == (None, None)
                watch = Watch(sample.truth) if watched else None
                options = {"budget": self.protocol.pair_budget, "seed": self.protocol.seed, "watch": watch}
            return build(one.model, ratio=pair.ratio, psf=pair.psf, response=pair.response, **options), None
        key = (one.name, cell.msi, cell.ratio)
        if key not in self._trained:
            try:
                self._trained[key] = self._learn(one, cell.msi, cell.ratio)
            except FAILURES as error:  # kept: the other scenes need not wait for the same failure
                self._trained[key] = error
        taken = self._trained[key]
        if isinstance(taken, Exception):
            raise taken
        return load(taken.folder), taken

    def _learn(self, one: Method, msi: str, ratio: int) -> Learnt:
        accelerator = self.device.split(":")[0]
        self.say(f"training {one.run} ({msi}) …")
        taken = learnt(
            one,
            replace(self.protocol, ratio=ratio),
            msi,
            self.protocol.budget,
            self._truths("train"),
            self._truths("validation"),
            self.output / "runs",
            accelerator,
        )
        with taken.curve.open(newline="") as file:
            points = [
                {**self._curve(one, msi, ratio), "step": row["step"], "seconds": row["seconds"],
                 "series": name.removeprefix("validation/"), "value": value}
                for row in csv.DictReader(file) for name, value in row.items()
                if value and name.startswith(("validation/", "mean/"))
            ]  # fmt: skip
        curve_ledger(self.output).add(points)
        return taken

    @lru_cache(4)  # noqa: B019 a bench lives as long as its command
    def _truths(self, split: str) -> tuple[Cube, ...]:
        return tuple(self.protocol.cube(s, self.protocol.bands) for s in self.scenes if s.split == split)

    def _curve(self, one: Method, msi: str, ratio: int) -> dict[str, object]:
        return {"protocol": self.protocol.name, "study": self.study_name, "method": one.name, "scene": "", "msi": msi,
                "ratio": ratio, "seed": self.protocol.seed, "budget": self._budget(one)}  # fmt: skip

    def _shown(self) -> Scene:
        """The scene in the pictures: the first to be reported on."""
        return next(scene for scene in self.scenes if scene.split == "test")

    def _keep_look(self, cell: Cell, fused: Cube, truth: Cube) -> None:
        """False colour and error map, for Figure 5."""
        from csakd.report import false_colour

        estimate, values = np.asarray(fused.values[:, :, :]), np.asarray(truth.values[:, :, :])
        folder = self.output / "looks"
        folder.mkdir(exist_ok=True)
        for name, cube, image in (("truth", truth, values), (cell.method.name, fused, estimate)):
            path = folder / f"{file_name(name)}-{cell.msi}.npz"
            with replacing(path) as draft:
                np.savez_compressed(
                    draft, rgb=(255 * false_colour(cube, truth)).astype(np.uint8),
                    residual=np.abs(image - values).mean(0).astype(np.float32),
                    method=name, msi=cell.msi, scene=cell.scene.name,
                )  # fmt: skip


def _dB(cell: Cell) -> str:  # noqa: N802
    return "clean" if cell.noise == (None, None) else " / ".join(f"{snr or '∞'} dB" for snr in cell.noise)


def with_variants(names: Sequence[str], variants: Sequence[str]) -> tuple[Method, ...]:
    """Every method in every variant; what is not trained has no variants."""
    found = {}
    for one in map(method, names):
        for variant in variants if one.kind == "trained" else ("",):
            varied = method(f"{one.name}{',' if one.changes else '@'}{variant}") if variant else one
            found[varied.name] = varied
    return tuple(found.values())
