"""CNMF: coupled non-negative matrix factorisation (Yokoya et al. 2012): one scene's endmembers and their abundances.

Both images are unmixed in turn, X_h ≈ W·H_h and X_m ≈ W_m·H_m, tied by the sensors: W_m = R·W and H_h = blur(H_m).
The estimate is W·H_m. Unmixing is by multiplicative updates (Lee and Seung 2001), under which the squared error never
rises. Constants, for data of maximum 1, and the order of the runs follow Yokoya's toolbox (2017).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from csakd.classical.regression import exact
from csakd.physics import Sensors, SpatialResponse, SpectralResponse, upsample
from csakd.physics.blind import matched

# The toolbox takes 30, or more if the HFC test counts more signals in the LR-HSI. That test is left out: of the
# validation scenes of docs/diary.md 30 endmembers leave 0.05 and 0.16 % of the maximum; 10 cost 1.4 to 3.7 dB.
ENDMEMBERS = 30
UPDATES = 200  # of a run, at most
CHANGE = 1e-8  # a run ends when an update lowers the squared error by less, relatively
TURNS = 3  # back to the LR-HSI, at most
TURN_CHANGE = 0.01  # or until the MSI's squared error falls by less, relatively
SEED = 0  # of the directions in which endmembers are looked for


class Mixture(NamedTuple):
    """image ≈ endmembers · abundances, all of them ≥ 0."""

    endmembers: Float[Tensor, "L K"]
    abundances: Float[Tensor, "K n"]


class Images(NamedTuple):
    """A pair of non-negative images as matrices, and what ties them.

    Attributes:
        low, high: LR-HSI and MSI.
        size: of the high grid.
        blur, response: the sensors.
        sum_weight: δ, how much abundances that sum to 1 count beside the data.
    """

    low: Float[Tensor, "L n"]
    high: Float[Tensor, "M N"]
    size: tuple[int, int]
    blur: SpatialResponse
    response: SpectralResponse
    sum_weight: float


def cnmf(hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors) -> Float[Tensor, "B L H W"]:
    """The estimate of the HR-HSI, ≥ 0; negative values of either image count as 0.

    The response is estimated from the pair if it is not known; if it is, the MSI is taken to be in the HSI's units.
    """
    return torch.stack([_cnmf(*scene, sensors).to(hsi) for scene in zip(exact(hsi), exact(msi), strict=True)])


def _cnmf(hsi: Float[Tensor, "L h w"], msi: Float[Tensor, "M H W"], sensors: Sensors) -> Float[Tensor, "L H W"]:
    bands = len(msi)
    response, msi = matched(hsi, msi, sensors)
    unit = torch.where(hsi.amax() > 0, hsi.amax(), 1)
    low, high = (hsi / unit).clamp_min(0), (msi / unit).clamp_min(0)
    sum_weight = 2 * float(low.mean() / 0.7455) ** 0.5 / bands**3  # the toolbox's, which takes the MSI's mean
    size = (high.shape[-2], high.shape[-1])
    images = Images(low.flatten(1), high.flatten(1), size, sensors.blur, response, sum_weight)

    own = first_mixture(images.low, sum_weight)
    start = upsample(own.abundances.unflatten(1, low.shape[-2:]), size).clamp_min(0).flatten(1)
    estimate = coupled(images, Mixture(own.endmembers, start)) if len(high) else Mixture(own.endmembers, start)
    return unit * (estimate.endmembers @ estimate.abundances).unflatten(1, size)


def first_mixture(image: Float[Tensor, "L n"], sum_weight: float) -> Mixture:
    """The LR-HSI by itself: some of its own pixels as endmembers, equal abundances, then updates."""
    endmembers = image[:, vertices(image, ENDMEMBERS)]
    equal = torch.full((endmembers.shape[1], image.shape[1]), 1 / endmembers.shape[1]).to(image)
    fitted = unmixed(image, Mixture(endmembers, equal), sum_weight, 3 * UPDATES, move="abundances")
    return unmixed(image, fitted, sum_weight, UPDATES)


def coupled(images: Images, start: Mixture) -> Mixture:
    """The scene: HSI endmembers and high abundances, each image unmixed from what the other has found."""
    endmembers, adaptive = start.endmembers, len(images.high) > 3  # so many MSI bands may move endmembers
    fine = _abundances_of_msi(images, start)
    for _ in range(TURNS):
        before = squared_error(images.high, fine)
        if adaptive:
            fine = unmixed(images.high, fine, images.sum_weight, UPDATES)
        blurred = images.blur(fine.abundances.unflatten(1, images.size)).flatten(1)  # H_h = blur(H_m)
        coarse = unmixed(images.low, Mixture(endmembers, blurred), images.sum_weight, UPDATES, move="endmembers")
        if adaptive:
            coarse = unmixed(images.low, coarse, images.sum_weight, UPDATES)
        endmembers = coarse.endmembers
        fine = _abundances_of_msi(images, Mixture(endmembers, fine.abundances))
        if before - squared_error(images.high, fine) < TURN_CHANGE * before:
            break
    return Mixture(endmembers, fine.abundances)


def _abundances_of_msi(images: Images, scene: Mixture) -> Mixture:
    """The MSI unmixed with what it sees of the HSI's endmembers, W_m = R·W."""
    seen = images.response(scene.endmembers[..., None])[..., 0]
    return unmixed(images.high, Mixture(seen, scene.abundances), images.sum_weight, UPDATES, move="abundances")


def unmixed(
    image: Float[Tensor, "L n"], mixture: Mixture, sum_weight: float, updates: int, move: str = "both"
) -> Mixture:
    """A run of updates of the endmembers, the abundances, or both in turn.

    Minimises ‖image − W·H‖² + sum_weight²·‖1 − 1ᵀH‖²: as if one more band showed `sum_weight` everywhere and in every
    endmember.
    """
    moved, shown, before = mixture, _with_sum(image, sum_weight), torch.inf
    for _ in range(updates):
        if move != "abundances":
            moved = endmembers_updated(image, moved)
        full = Mixture(_with_sum(moved.endmembers, sum_weight), moved.abundances)
        if move != "endmembers":
            moved = Mixture(moved.endmembers, abundances_updated(shown, full).abundances)
            full = Mixture(full.endmembers, moved.abundances)
        error = float(squared_error(shown, full))
        if before - error < CHANGE * before:
            break
        before = error
    return moved


def abundances_updated(image: Float[Tensor, "L n"], mixture: Mixture) -> Mixture:
    """H ← H ∘ WᵀX / WᵀWH: ‖X − WH‖² does not rise."""
    endmembers, abundances = mixture
    found, wanted = endmembers.mT @ (endmembers @ abundances), endmembers.mT @ image
    return Mixture(endmembers, abundances * wanted / found.clamp_min(torch.finfo(image.dtype).tiny))


def endmembers_updated(image: Float[Tensor, "L n"], mixture: Mixture) -> Mixture:
    """W ← W ∘ XHᵀ / WHHᵀ: ‖X − WH‖² does not rise."""
    endmembers, abundances = mixture
    found, wanted = endmembers @ (abundances @ abundances.mT), image @ abundances.mT
    return Mixture(endmembers * wanted / found.clamp_min(torch.finfo(image.dtype).tiny), abundances)


def squared_error(image: Float[Tensor, "L n"], mixture: Mixture) -> Float[Tensor, ""]:
    """‖image − W·H‖²."""
    return (image - mixture.endmembers @ mixture.abundances).square().sum()


def vertices(spectra: Float[Tensor, "L n"], most: int) -> list[int]:
    """Pixels at the corners of the data's cone, by vertex component analysis (Nascimento and Bioucas-Dias 2005).

    Each is the extreme one in a random direction orthogonal to those before, in the data's own subspace and scaled to
    one plane. At most `most`, fewer if there are fewer bands or pixels; a pixel may come twice if the scene has fewer
    corners. VCA's other branch, for noisy scenes, projects onto the plane instead; it is left out.
    """
    generator = torch.Generator().manual_seed(SEED)
    axes = torch.linalg.svd(spectra, full_matrices=False)[0][:, :most]
    points = axes.mT @ spectra
    along = points.mean(1) @ points
    points = points / torch.where(along > 0, along, 1)
    found: list[int] = []
    spanned = points[:, :0]
    for _ in range(len(points)):
        direction = torch.randn(len(points), generator=generator, dtype=points.dtype).to(points)
        direction = direction - spanned @ (spanned.mT @ direction)
        found.append(int((direction @ points).abs().argmax()))
        spanned = torch.linalg.qr(points[:, found])[0]
    return found


def _with_sum(matrix: Float[Tensor, "L n"], sum_weight: float) -> Float[Tensor, "L2 n"]:
    """One more row, `sum_weight` everywhere."""
    return torch.nn.functional.pad(matrix, (0, 0, 0, 1), value=sum_weight)
