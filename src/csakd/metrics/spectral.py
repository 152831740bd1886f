"""The direction of spectra: cosine and angle of two cubes pixel by pixel, and the SAM score.

Bands are on the third axis from the end, so the formulas take one scene (L, H, W) or a batch (B, L, H, W).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from csakd.metrics.comparison import compare

_BLOCK = 2**21  # values of a cube looked at together: 16 MB in float64


def unit_spectra(cube: Float[Tensor, "*B L H W"], floor: float | None = None) -> Float[Tensor, "*B L H W"]:
    """Every spectrum divided by its length, so that only its direction is left.

    Args:
        cube: spectra along the third axis from the end.
        floor: shortest length divided by; by default the smallest normal number of the cube's type. A spectrum
            of zeros stays zeros. The gradient is at most 1/floor, so a loss wants a floor well above zero.
    """
    floor = torch.finfo(cube.dtype).tiny if floor is None else floor
    length: Tensor = torch.linalg.vector_norm(cube, dim=-3, keepdim=True)
    return cube / length.clamp_min(floor)


def spectral_cosine(
    estimate: Float[Tensor, "*B L H W"], truth: Float[Tensor, "*B L H W"], *, floor: float | None = None
) -> Float[Tensor, "*B H W"]:
    """Cosine of the angle between two spectra in every pixel, in [−1, 1] up to rounding; 0 if one is all zeros.

    Args:
        estimate: spectra along the third axis from the end.
        truth: the same shape.
        floor: see `unit_spectra`.
    """
    return (unit_spectra(estimate, floor) * unit_spectra(truth, floor)).sum(-3)


def spectral_angle(estimate: Float[Tensor, "*B L H W"], truth: Float[Tensor, "*B L H W"]) -> Float[Tensor, "*B H W"]:
    """Angle between two spectra in every pixel, in degrees, [0, 180]; 90 if one of them is all zeros.

    2·atan2(|u − v|, |u + v|) of the unit spectra u, v (Kahan): the arc cosine of the cosine would lose half the
    digits of a small angle and return NaN where rounding lifts the cosine above 1.
    """
    u, v = unit_spectra(estimate), unit_spectra(truth)
    across = torch.linalg.vector_norm(u - v, dim=-3)
    along = torch.linalg.vector_norm(u + v, dim=-3)
    return torch.rad2deg(2 * torch.atan2(across, along))


def sam(
    estimate: Float[Tensor, "L H W"], truth: Float[Tensor, "L H W"], *, valid: Bool[Tensor, "H W"] | None = None
) -> float:
    """Spectral angle mapper: mean angle between the spectra of estimate and truth (Yuhas et al. 1992).

    Pixels whose truth is all zeros have no direction and are left out; `blank_pixels` counts them. An estimate
    of zeros where the truth has a spectrum counts as 90°: blanking a pixel must not pay. Angles change
    when data are shifted, so score reflectance or radiance, not data centred or scaled by their minimum.

    Args:
        estimate: (L, H, W), any scale.
        truth: (L, H, W), any scale.
        valid: (H, W), True where a pixel counts; all by default.

    Returns:
        Degrees, in [0, 180], 0 at best.

    Raises:
        ValueError: for a truth without energy, or cubes that cannot be compared.
    """
    scene = compare(estimate, truth, valid)
    scene.live_bands()  # refuses a truth without energy
    counted = scene.valid & (scene.truth != 0).any(0)
    rows = max(1, _BLOCK // scene.truth[:, 0].numel())
    blocks = zip(torch.split(scene.estimate, rows, 1), torch.split(scene.truth, rows, 1), strict=True)
    angles = torch.cat([spectral_angle(estimate.double(), truth.double()) for estimate, truth in blocks])
    return float(angles[counted].mean())


def blank_pixels(truth: Float[Tensor, "L H W"], *, valid: Bool[Tensor, "H W"] | None = None) -> int:
    """How many valid pixels have a spectrum of zeros, which `sam` leaves out."""
    blank = (truth == 0).all(0)
    return int((blank if valid is None else blank & valid).sum())
