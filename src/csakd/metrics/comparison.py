"""Two cubes made ready to be compared: checked once, read one band at a time, in float64."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Comparison:
    """An estimate beside its truth, with the pixels that count.

    The cubes keep the type they came in; a band becomes float64 only while it is looked at, so that scoring
    a large scene costs a few bands of memory and not a few cubes.

    Attributes:
        estimate: (L, H, W), finite where `valid`.
        truth: (L, H, W), finite where `valid`.
        valid: (H, W), True in at least one pixel.
    """

    estimate: Float[Tensor, "L H W"]
    truth: Float[Tensor, "L H W"]
    valid: Bool[Tensor, "H W"]

    @property
    def bands(self) -> range:
        return range(self.truth.shape[0])

    def live_bands(self) -> list[int]:
        """The bands in which the truth is not zero everywhere.

        A dead band has no peak, no contrast and no mean to relate an error to: every mean of relative scores
        leaves it out. RMSE, an absolute error, still counts it.

        Raises:
            ValueError: if there is none.
        """
        lit = ((self.truth != 0) & self.valid).flatten(1).any(1).tolist()
        if not any(lit):
            raise ValueError(
                "the truth is zero in every valid pixel, so only its RMSE is defined; leave this scene out"
            )
        return [band for band in self.bands if lit[band]]

    def pixels(self, band: int) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
        """Estimate and truth of one band in its N valid pixels, float64."""
        return self.estimate[band][self.valid].double(), self.truth[band][self.valid].double()

    def images(self, band: int) -> tuple[Float[Tensor, "H W"], Float[Tensor, "H W"]]:
        """Estimate and truth of one band, float64; an invalid pixel may hold anything."""
        return self.estimate[band].double(), self.truth[band].double()

    def peak(self, band: int) -> Float[Tensor, ""]:
        """The truth's largest magnitude in one band."""
        return self.truth[band][self.valid].double().abs().max()

    def squared_error(self, band: int) -> Float[Tensor, ""]:
        """Mean over valid pixels of the squared difference in one band."""
        estimate, truth = self.pixels(band)
        return (estimate - truth).square().mean()


def compare(
    estimate: Float[Tensor, "L H W"], truth: Float[Tensor, "L H W"], valid: Bool[Tensor, "H W"] | None
) -> Comparison:
    """Check two cubes and put them where float64 exists (a device without it, such as MPS, hands over to the CPU).

    Raises:
        ValueError: if the shapes differ, no pixel is valid, or a valid pixel holds NaN or infinity.
    """
    check_same_shape(estimate.shape, truth.shape)
    if valid is None:
        valid = torch.ones(truth.shape[-2:], dtype=torch.bool, device=truth.device)
    if valid.shape != truth.shape[-2:]:
        raise ValueError(f"the mask is {tuple(valid.shape)}, the cubes {tuple(truth.shape[-2:])}; crop or resample it")
    if not valid.any():
        raise ValueError("no pixel is valid in both cubes; check their masks and nodata values")
    device = torch.device("cpu") if truth.device.type == "mps" else truth.device
    estimate, truth, valid = (tensor.detach().to(device) for tensor in (estimate, truth, valid))
    for name, cube in (("estimate", estimate), ("truth", truth)):
        # A float64 sum of float32 values overflows for no finite input, so it is finite just when they all are.
        if not cube.sum(0, dtype=torch.float64)[valid].isfinite().all():
            raise ValueError(f"the {name} holds NaN or infinity in a valid pixel; mask such pixels or repair them")
    return Comparison(estimate, truth, valid)


def check_same_shape(estimate: tuple[int, ...], truth: tuple[int, ...]) -> None:
    """Raise `ValueError` unless both cubes have the same bands, rows and columns."""
    if estimate != truth:
        given, wanted = ("x".join(map(str, shape)) for shape in (estimate, truth))
        raise ValueError(f"the estimate is {given}, the truth {wanted}; crop or resample one of them")


def mean(scores: list[Float[Tensor, ""]]) -> float:
    """The mean of one number a band."""
    return float(torch.stack(scores).mean())
