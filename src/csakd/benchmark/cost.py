"""What a method costs: parameters, multiply-accumulates, time, memory; each measured in a process of its own."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from multiprocessing import get_context
from typing import Any

import torch
from torch import nn

from csakd.benchmark.ledger import Ledger, texts
from csakd.benchmark.methods import Method
from csakd.models import ONE_PAIR, build
from csakd.models.weights import parameter_count
from csakd.version import version

DTYPES = ("fp32", "bf16")
RUNS = 5  # timed, after one to warm up
PATIENCE = 60.0  # seconds after which no further run is begun


def measure_costs(
    methods: Sequence[Method],
    ledger: Ledger,
    *,
    hsi_bands: int = 172,
    msi_bands: int = 4,
    ratio: int = 4,
    size: int = 256,
    device: str = "cpu",
    dtypes: Iterable[str] = DTYPES,
    say: Callable[[str], None] = print,
) -> None:
    """A row for each method and dtype that has none yet.

    Methods that learn from the pair they fuse take as long as one lets them: of these only size is measured.
    """
    done = {ledger.identity(row) for row in ledger.rows()}
    shape = (hsi_bands, msi_bands, ratio, size)
    for one in methods:
        recipe = one.recipe and one.recipe.changed(one.changes)
        name, base, options = one.model, "none", {}
        if recipe is not None:
            name, base, options = getattr(recipe, one.role), recipe.base, recipe.options
        for dtype in dtypes:
            row: dict[str, object] = {"method": one.name, "hsi_bands": hsi_bands, "msi_bands": msi_bands,
                                      "ratio": ratio, "size": size, "dtype": dtype, "device": device,
                                      "threads": torch.get_num_threads(), "version": version()}  # fmt: skip
            if texts([row[key] for key in ledger.columns[: ledger.key]]) in done:
                continue
            row |= _alone(name, base, options, shape, dtype, device)
            ledger.add([row])
            spent = f"{row['seconds']:.3g} s, {row['peak_mb']} MB" if row["seconds"] else "not timed"
            say(f"{one.name} {dtype}: {spent} {row['note'] or ''}".rstrip())


def _alone(
    name: str, base: str, options: dict[str, Any], shape: tuple[int, int, int, int], dtype: str, device: str
) -> dict[str, object]:
    """Measured in a fresh process, so that its peak of memory is this method's."""
    blank: dict[str, object] = {"seconds": None, "peak_mb": None, "status": "failed", "note": ""}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(cost_of, name, base, options, shape, dtype, device, torch.get_num_threads()).result()
        except BrokenProcessPool:
            return blank | {"note": "the process was killed, most likely for want of memory"}
        except (RuntimeError, ValueError, MemoryError) as error:
            return blank | {"note": " ".join(f"{type(error).__name__}: {error}".split())[:300]}


def cost_of(
    name: str,
    base: str,
    options: dict[str, Any],
    shape: tuple[int, int, int, int],
    dtype: str,
    device: str,
    threads: int,
) -> dict[str, object]:
    """Parameters, MACs in G, median seconds of one pass, peak memory in MB above what was there before."""
    torch.set_num_threads(threads)
    hsi_bands, msi_bands, ratio, size = shape
    low = size // ratio
    with torch.device("meta"):
        model = build(name, hsi_bands, msi_bands, ratio, base=base, **options)
        parameters = parameter_count(model)
    row: dict[str, object] = {"parameters": parameters, "gmacs": None, "note": ""}
    if name in ONE_PAIR:
        sizes = ONE_PAIR[name].size_of(hsi_bands, msi_bands, ratio, size)
        return row | sizes | {"seconds": None, "runs": 0, "peak_mb": None, "status": "ok",
                              "note": "learns from the pair it fuses"}  # fmt: skip
    if parameters:
        row["gmacs"] = giga_macs(model, shape)
    before = _resident(device)
    torch.manual_seed(0)
    model = build(name, hsi_bands, msi_bands, ratio, base=base, **options).to(device).eval()
    hsi = torch.rand(1, hsi_bands, low, low, device=device)
    msi = torch.rand(1, msi_bands, low * ratio, low * ratio, device=device)
    reduced = torch.autocast(torch.device(device).type, torch.bfloat16) if dtype == "bf16" else nullcontext()
    with torch.inference_mode(), reduced:
        seconds = _timed(lambda: model(hsi, msi), device)
    warm = seconds[1:] or seconds
    return row | {
        "seconds": statistics.median(warm), "runs": len(warm), "peak_mb": round((_peak(device) - before) / 2**20),
        "status": "ok", "note": "" if len(seconds) > 1 else "one run, not warmed up",
    }  # fmt: skip


def giga_macs(model: nn.Module, shape: tuple[int, int, int, int]) -> float:
    """Multiply-accumulates of one pass, in 10⁹, counted from the model without running it.

    Convolutions, transposed convolutions (by input pixels) and matrix products, those of attention among them; not
    interpolation, activations or a closed form underneath.
    """
    from torch.utils.flop_counter import FlopCounterMode

    hsi_bands, msi_bands, ratio, size = shape
    network = getattr(model, "network", model)
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, hsi_bands, size // ratio, size // ratio), torch.zeros(1, msi_bands, size, size))
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
    try:
        import resource
    except ImportError:  # not on Windows
        return math.nan
    import sys

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)
