"""What a command line names: cubes, and the two images of a pair."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from csakd.cubes import Cube, Pair

PAPERS = "paper"  # PSF
BANDS_HELP = "where its bands lie, if the file does not say: a name such as aviris-205, or a text file of centres in nm"


def read_cube(path: str, bands: str | None, variable: str | None) -> Cube:
    import csakd
    from csakd.physics import band_list

    cube = csakd.read(path, variable=variable)
    if bands:
        listed = band_list(bands)
        if listed.wavelengths.size != cube.bands:
            raise ValueError(f"{path} has {cube.bands} bands, {bands} has {listed.wavelengths.size}")
        cube = replace(cube, wavelengths=listed.wavelengths, fwhm=listed.fwhm)
    return cube


def read_pair(options: argparse.Namespace) -> Pair:
    """The two images that the command line names."""
    from csakd.cubes import Pair
    from csakd.inference import check_pair

    hsi = read_cube(options.hsi, options.hsi_bands, options.hsi_variable)
    msi = read_cube(options.msi, options.msi_bands, options.msi_variable)
    pair = Pair(hsi, msi)
    check_pair(pair)
    return pair


def with_psf_told(pair: Pair, given: str | None) -> Pair:
    """The pair in memory, with the PSF that the command line gives; or as `csakd.fuse` finds it, and said so."""
    from csakd.classical.width import estimated_variance
    from csakd.physics import psf

    pair = replace(pair, hsi=pair.hsi.load(), msi=pair.msi.load())
    if given:
        kernel = psf.gaussian(pair.ratio) if given == PAPERS else psf.parse(given, pair.ratio)
        return replace(pair, psf=kernel)
    variance = estimated_variance(pair)
    if variance is None:
        print("PSF of the HSI: the paper's Gaussian, as this pair does not tell its width; --psf gives another")
    else:
        print(f"PSF of the HSI: a Gaussian of variance {variance:.3g}, as this pair has it; --psf gives another")
    return replace(pair, psf=psf.gaussian(pair.ratio, variance=variance))


def add_pair(option: Callable[..., None]) -> None:
    """Options for `read_pair` and `with_psf_told`."""
    option("hsi", help="low-resolution hyperspectral image")
    option("msi", help="high-resolution multispectral image of the same ground")
    option(
        "--psf",
        help="of the HSI: variance:V, fwhm:V, mtf:V, a file of weights, or paper; by default a Gaussian as wide as "
        "makes the two images agree",
    )
    option("--hsi-bands", help=BANDS_HELP)
    option("--msi-bands", help=BANDS_HELP.replace("aviris-205", "tm4"))
    option("--hsi-variable", help="which variable of a .mat or .npz file holds the HSI")
    option("--msi-variable", help="which variable of a .mat or .npz file holds the MSI")


def size_of(cube: Cube) -> str:
    return f"{cube.bands} bands x {cube.size[0]} rows x {cube.size[1]} columns"
