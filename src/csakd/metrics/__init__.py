"""How good a fused cube is: pure functions `(estimate, truth) -> number`, one number a scene, and one table of them.

All scores are computed in float64 over the valid pixels of two cubes (L, H, W), and none of them is NaN.
"""

from csakd.metrics.bandwise import CONVENTIONS, PSNR_CAP, cc, ergas, psnr, rmse
from csakd.metrics.evaluate import METRICS, PROTOCOLS, Metric, evaluate
from csakd.metrics.spectral import blank_pixels, sam, spectral_angle, spectral_cosine, unit_spectra
from csakd.metrics.windows import ssim, uiqi

__all__ = [
    "CONVENTIONS",
    "METRICS",
    "PROTOCOLS",
    "PSNR_CAP",
    "Metric",
    "blank_pixels",
    "cc",
    "ergas",
    "evaluate",
    "psnr",
    "rmse",
    "sam",
    "spectral_angle",
    "spectral_cosine",
    "ssim",
    "uiqi",
    "unit_spectra",
]
