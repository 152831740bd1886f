"""One picture of several fused cubes: false colour, error maps on one logarithmic scale, spectra at a few pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from csakd.cubes import Cube
from csakd.io.atomic import replacing

FALSE_COLOUR = (860.0, 650.0, 550.0)  # nm: near infrared, red, green


def comparison(truth: Cube, estimates: Mapping[str, Cube], path: Path, pixels: Sequence[tuple[int, int]]) -> Path:
    """Write the picture as PNG.

    Args:
        truth: (L, H, W) with wavelengths.
        estimates: fused cubes of the same size and bands, by the name to print.
        path: of the PNG.
        pixels: (row, column) of the spectra, at most three.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    shown = {"truth": truth, **estimates}
    reference = _values(truth)
    errors = {name: _error(_values(cube), reference) for name, cube in estimates.items()}
    least, worst = np.nanpercentile(np.concatenate([error.ravel() for error in errors.values()]), (1, 99))
    scale = LogNorm(max(float(least), 1e-3 * float(worst), 1e-12), max(float(worst), 1e-11), clip=True)

    aspect = truth.size[0] / truth.size[1]
    width = 2.1
    figure = Figure(figsize=(width * len(shown), width * aspect * 2 + 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(3, 1, height_ratios=[width * aspect, width * aspect, 3.0])
    colours, maps, spectra = (
        grid[row].subgridspec(1, n) for row, n in enumerate((len(shown), len(shown), len(pixels)))
    )
    for column, (name, cube) in enumerate(shown.items()):
        axes = figure.add_subplot(colours[column])
        axes.imshow(false_colour(cube, truth))
        axes.set_title(name)
        axes.set_axis_off()
        for number, (row, place) in enumerate(pixels, 1):
            axes.plot(place, row, "o", mfc="none", mec="white", ms=7)
            axes.annotate(str(number), (place, row), (4, 4), textcoords="offset points", color="white", size=8)
    image = None
    for column, (name, error) in enumerate(errors.items(), 1):
        axes = figure.add_subplot(maps[column])
        image = axes.imshow(error, norm=scale, cmap="magma")
        axes.set_title(f"{name}: error", size=9)
        axes.set_axis_off()
    if image is not None:
        legend = figure.add_subplot(maps[0])
        legend.set_axis_off()
        bar = figure.colorbar(image, cax=legend.inset_axes((0.6, 0.05, 0.15, 0.9)), location="left")
        bar.set_label(f"RMS error over bands\n{truth.units or 'data units'}", size=8)
    for number, (row, place) in enumerate(pixels, 1):
        axes = figure.add_subplot(spectra[number - 1])
        for name, cube in shown.items():
            style = {"color": "black", "lw": 1.6} if name == "truth" else {"lw": 0.9}
            centres, spectrum = _curve(cube, row, place)
            axes.plot(centres, spectrum, label=name, **style)
        axes.set_title(f"pixel {number} (row {row}, column {place})", size=9)
        axes.set_xlabel("wavelength / nm")
    axes.legend(fontsize=7)
    with replacing(path) as draft:
        figure.savefig(draft, dpi=110, format="png")
    return path


def _values(cube: Cube) -> NDArray[np.float32]:
    return np.asarray(cube.load().values[:, :, :])


def _error(estimate: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.sqrt(np.mean((estimate - truth) ** 2, axis=0)))


def false_colour(cube: Cube, truth: Cube) -> NDArray[np.floating]:
    """(H, W, 3) in [0, 1], stretched between the truth's 2nd and 98th percentile of each channel."""
    if truth.wavelengths is None:
        raise ValueError("a false-colour picture needs wavelengths")
    bands = [int(np.abs(truth.wavelengths - nm).argmin()) for nm in FALSE_COLOUR]
    low, high = np.nanpercentile(_values(truth)[bands], (2, 98), axis=(1, 2))[:, :, None, None]
    channels = (_values(cube)[bands] - low) / np.maximum(high - low, 1e-12)
    return np.asarray(np.nan_to_num(np.clip(channels, 0, 1)).transpose(1, 2, 0))


def _curve(cube: Cube, row: int, column: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wavelengths and values in spectral order, broken where bands were left out."""
    assert cube.wavelengths is not None
    order = np.argsort(cube.wavelengths)
    centres = cube.wavelengths[order]
    values = _values(cube)[order, row, column].astype(np.float64)
    gaps = np.flatnonzero(np.diff(centres) > 3 * np.median(np.diff(centres))) + 1
    return np.insert(centres, gaps, np.nan), np.insert(values, gaps, np.nan)
