"""What a method costs: parameters, multiply-accumulates, time, memory; each measured in a process of its own."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import nn

from csakd.benchmark.ledger import Ledger, texts
from csakd.benchmark.methods import Method
from csakd.cubes import Pair
from csakd.data import synthetic_scene
from csakd.models import ONE_PAIR, Universal, build
from csakd.models.weights import parameter_count
from csakd.physics import band_list, observe
from csakd.version import version

BANDS, RATIO = "aviris-172", 4
DTYPES = ("fp32", "bf16")
RUNS = 5  # timed, after one to warm up
PATIENCE = 60.0  # seconds after which no further run is begun


def measure_costs(
    methods: Sequence[Method],
    ledger: Ledger,
    msi: Sequence[str] = ("tm4",),
    size: int = 256,
    device: str = "cpu",
    dtypes: Iterable[str] = DTYPES,
    say: Callable[[str], None] = print,
) -> None:
    """A row for each method, MSI band set and dtype that has none yet, on a synthetic scene at ratio 4.

    Methods that learn from the pair they fuse take as long as one lets them: of these only size is measured.
    """
    scene = synthetic_scene((size, size), BANDS)
    pairs = {bands: observe(scene, bands, RATIO).pair for bands in msi}
    done = {ledger.identity(row) for row in ledger.rows()}
    for bands, one, dtype in product(msi, methods, dtypes):
        row: dict[str, object] = {
            "method": one.name, "hsi_bands": band_list(BANDS).wavelengths.size,
            "msi_bands": band_list(bands).wavelengths.size, "ratio": RATIO, "size": size, "dtype": dtype,
            "device": device, "threads": torch.get_num_threads(), "version": version(),
        }  # fmt: skip
        if texts([row[key] for key in ledger.columns[: ledger.key]]) in done:
            continue
        row |= _alone(one, pairs[bands], dtype, device)
        ledger.add([row])
        spent = f"{row['seconds']:.3g} s, {row['peak_mb']} MB" if row["seconds"] else "not timed"
        say(f"{one.name} {bands} {dtype}: {spent} {row['note'] or ''}".rstrip())


def _alone(one: Method, pair: Pair, dtype: str, device: str) -> dict[str, object]:
    """Measured in a fresh process that was given nothing but the pair, so that its peak of memory is this method's.

    What is only counted needs no such process.
    """
    blank: dict[str, object] = {"seconds": None, "peak_mb": None, "status": "failed", "note": ""}
    asked = one, pair, dtype, device, torch.get_num_threads()
    try:
        if one.kind == "one-pair":
            return cost_of(*asked)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(cost_of, *asked).result()
    except BrokenProcessPool:
        return blank | {"note": "the process was killed, most likely for want of memory"}
    except (RuntimeError, ValueError, MemoryError) as error:
        return blank | {"note": " ".join(f"{type(error).__name__}: {error}".split())[:300]}


def cost_of(one: Method, pair: Pair, dtype: str, device: str, threads: int) -> dict[str, object]:
    """Parameters, MACs in G, median seconds of one pass, peak memory in MB above what was there before.

    On the CPU the peak is the process's, so whoever held more before, in the same process, hides what the method takes.
    """
    torch.set_num_threads(threads)
    row: dict[str, object] = {"parameters": 0, "gmacs": None, "note": "", "status": "ok"}
    if one.kind == "one-pair":
        sizes = ONE_PAIR[one.model].size_of(pair.hsi.bands, pair.msi.bands, pair.ratio, pair.msi.size[0])
        return row | sizes | {"seconds": None, "runs": 0, "peak_mb": None, "note": "learns from the pair it fuses"}
    hsi, msi_image = (torch.from_numpy(np.asarray(cube.values[:, :, :]))[None].to(device) / 1e4
                      for cube in (pair.hsi, pair.msi))  # fmt: skip
    if one.kind in ("trained", "shipped"):
        with torch.device("meta"):
            model = _model(one, pair)
        row |= {"parameters": parameter_count(model), "gmacs": giga_macs(model, hsi.shape, msi_image.shape)}
    before = _resident(device)
    torch.manual_seed(0)
    model = _model(one, pair).to(device).eval()
    reduced = torch.autocast(torch.device(device).type, torch.bfloat16) if dtype == "bf16" else nullcontext()
    with torch.inference_mode(), reduced:
        seconds = _timed(lambda: model(hsi, msi_image), device)
    warm = seconds[1:] or seconds
    return row | {
        "seconds": statistics.median(warm), "runs": len(warm), "peak_mb": round((_peak(device) - before) / 2**20),
        "note": "" if len(seconds) > 1 else "one run, not warmed up",
    }  # fmt: skip


def _model(one: Method, pair: Pair) -> nn.Module:
    """The method for such pairs, untrained."""
    bands = pair.hsi.bands, pair.msi.bands
    if one.recipe is None:
        return build(one.model, *bands, pair.ratio, psf=pair.psf, response=pair.response)
    recipe = one.recipe.changed(one.changes)
    return build(getattr(recipe, one.role), *bands, pair.ratio, base=recipe.base, **recipe.options)


def giga_macs(model: nn.Module, hsi: Sequence[int], msi: Sequence[int]) -> float:
    """Multiply-accumulates of one pass, in 10⁹, counted from the model without running it.

    Convolutions, transposed convolutions (by input pixels) and matrix products, those of attention among them; not
    interpolation, activations or a closed form underneath.
    """
    from torch.utils.flop_counter import FlopCounterMode

    network = getattr(model, "network", model)
    if isinstance(model, Universal):
        (hsi, msi), config = (list(hsi), list(msi)), model.config
        hsi[1], msi[1] = config.hsi_bands, config.msi_bands
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(*hsi), torch.zeros(*msi))
    return counter.get_total_flops() / 2e9


def _timed(run: Callable[[], object], device: str) -> list[float]:
    """Seconds of each run, the first to warm up; fewer runs where they are long."""
    seconds: list[float] = []
    while len(seconds) <= RUNS and sum(seconds) < PATIENCE:
        begun = time.perf_counter()
        run()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - begun)
    return seconds


def _resident(device: str) -> float:
    """Bytes in use before the model comes."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
        return float(torch.cuda.memory_allocated(device))
    return _peak(device)


def _peak(device: str) -> float:
    """Most bytes this process has held so far."""
    if device.startswith("cuda"):
        return float(torch.cuda.max_memory_allocated(device))
    status = Path("/proc/self/status")
    held = status.read_text().partition("VmHWM:")[2].split() if status.exists() else []
    if held:  # Linux, where `ru_maxrss` below would begin with what the parent process held
        return int(held[0]) * 1024.0
    try:
        import resource
    except ImportError:  # not on Windows
        return math.nan
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)
