"""Regression whose coefficients vary over a scene, but hardly within what the MSI shows as one surface.

Every high pixel has coefficients c of its own. What the HSI saw of p·c, through the sensor's blur B, is to be y, and
neighbours that look alike are to agree, by weights w:

    min_c ‖y − B(p·c)‖² + λ Σ_ij w_ij ‖c_i − c_j‖²

A high pixel brighter than any low pixel so takes its coefficients from the surface it belongs to; most of the error
lies there, where regression extrapolates. Solved by conjugate gradients: first with the pixels of the low grid, then
from there with those of the high one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from csakd.physics import SpatialResponse, upsample

# Chosen on the training and validation scenes of docs/diary.md, 4 and 6 MSI bands, ratio 4.
STRENGTH = 0.1  # λ
CONTRAST = 0.85  # of neighbours that count as different, in units of what is usual in their surroundings
SURROUNDINGS = 3  # how many pixels these reach
LEAK = 3e-3  # weight left across the sharpest edge
STEPS_LOW = 60  # of conjugate gradients on the low grid

NEIGHBOURS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right]


def spread(
    predictors: tuple[Float[Tensor, "B P h w"], Float[Tensor, "B P H W"]],
    targets: Float[Tensor, "B K h w"],
    blur: SpatialResponse,
    steps: int,
    strength: float = STRENGTH,
) -> Float[Tensor, "B K H W"]:
    """p·c on the high grid.

    Args:
        predictors: p, on the low and on the high grid; by them pixels are alike.
        targets: y.
        blur: B.
        steps: of conjugate gradients on the high grid.
        strength: λ.
    """
    scenes = zip(*predictors, targets, strict=True)
    return torch.stack([_spread(*scene, blur, steps, strength) for scene in scenes])


def _spread(
    predictors_low: Float[Tensor, "P h w"],
    predictors: Float[Tensor, "P H W"],
    targets: Float[Tensor, "K h w"],
    blur: SpatialResponse,
    steps: int,
    strength: float,
) -> Float[Tensor, "K H W"]:
    size = (predictors.shape[1], predictors.shape[2])
    coarse_graph, graph = Graph.of(predictors_low, strength), Graph.of(predictors, strength)
    coarse_scale = 1 / (coarse_graph.degree + predictors_low.square())
    # Stopped early, so the preconditioner decides what is learnt first: the root of each pixel's degree serves best.
    scale = graph.degree.rsqrt()

    found = []
    for y in targets:
        start = torch.zeros_like(predictors_low)
        coarse = _solved(coarse_graph, predictors_low, y, lambda image: image, start, coarse_scale, STEPS_LOW)
        seen, start = blur.adjoint(y, size), upsample(coarse, size)
        fine = _solved(graph, predictors, seen, lambda image: blur.adjoint(blur(image), size), start, scale, steps)
        found.append((predictors * fine).sum(0))
    return torch.stack(found)


class Graph(NamedTuple):
    """The eight neighbours of each pixel, and how alike they look."""

    weights: Float[Tensor, "8 H W"]  # λw of `NEIGHBOURS`; 0 beyond the border
    degree: Float[Tensor, "H W"]

    @classmethod
    def of(cls, looks: Float[Tensor, "F H W"], strength: float = STRENGTH) -> Graph:
        inside = torch.stack(neighbours(with_border(torch.ones_like(looks[0]))))
        contrast = torch.stack([(other - looks).square().mean(0) for other in neighbours(with_border(looks))]) * inside
        usual = _around(contrast.sum(0) / inside.sum(0).clamp(min=1)) + 0.01 * contrast.mean()
        usual = (usual + torch.stack(neighbours(with_border(usual)))) / 2
        likeness = torch.exp(-contrast / (2 * CONTRAST**2 * usual).clamp(min=torch.finfo(usual.dtype).tiny)) + LEAK
        distance = [down**2 + right**2 for down, right in NEIGHBOURS]
        weights = strength * inside * likeness / torch.tensor(distance).to(looks)[:, None, None]
        return cls(weights, weights.sum(0).clamp(min=strength * LEAK))  # an image of one pixel has no neighbours

    def roughness(
        self,
        values: Float[Tensor, "*any H W"],
        others: Sequence[Float[Tensor, "*any H W"]],
        out: Float[Tensor, "*any H W"] | None = None,
    ) -> Float[Tensor, "*any H W"]:
        """λ Σ_j w_ij (v_i − v_j): the graph's Laplacian, applied.

        Args:
            values: v.
            others: the same as `neighbours` has them.
            out: where the result goes.
        """
        rough = torch.mul(self.degree, values, out=out)
        for weight, other in zip(self.weights, others, strict=True):
            rough.addcmul_(weight, other, value=-1)
        return rough


def with_border(image: Float[Tensor, "*any H W"]) -> Float[Tensor, "*any rows columns"]:
    """With a pixel of 0 along each side."""
    return functional.pad(image, (1, 1, 1, 1))


def neighbours(bordered: Float[Tensor, "*any rows columns"]) -> list[Float[Tensor, "*any H W"]]:
    """The image moved so that each of `NEIGHBOURS` takes a pixel's place; 0 beyond its ends. Views, not copies."""
    height, width = bordered.shape[-2] - 2, bordered.shape[-1] - 2
    return [bordered[..., 1 + i : 1 + i + height, 1 + j : 1 + j + width] for i, j in NEIGHBOURS]


def _around(image: Float[Tensor, "H W"]) -> Float[Tensor, "H W"]:
    """Mean over the surroundings, of those pixels that there are."""
    reach = 2 * SURROUNDINGS + 1
    return functional.avg_pool2d(image[None, None], reach, 1, SURROUNDINGS, count_include_pad=False)[0, 0]


def _solved(
    graph: Graph,
    predictors: Float[Tensor, "P H W"],
    seen: Float[Tensor, "H W"],
    seen_again: Callable[[Tensor], Tensor],
    start: Float[Tensor, "P H W"],
    scale: Tensor,
    steps: int,
) -> Float[Tensor, "P H W"]:
    """Conjugate gradients for (p BᵀB pᵀ + λL) c = p Bᵀy.

    Args:
        graph: λL.
        predictors: p.
        seen: Bᵀy.
        seen_again: BᵀB.
        start: where to begin; what is found goes there.
        scale: what preconditions, by multiplication.
        steps: so many.
    """

    # Memory is taken once, not in every step, which saves a seventh of the time.
    bordered, image, product = with_border(start), torch.empty_like(start), torch.empty_like(start)
    direction, others = bordered[..., 1:-1, 1:-1], neighbours(bordered)

    def system() -> Tensor:
        """Applied to the direction."""
        along = torch.mul(predictors, direction, out=product).sum(0)
        return graph.roughness(direction, others, image).addcmul_(predictors, seen_again(along))

    c = start
    rest = predictors * seen - system()
    torch.mul(scale, rest, out=direction)
    energy = (rest * direction).sum()
    exhausted = torch.finfo(rest.dtype).eps * energy
    for _ in range(steps):
        system()
        unfinished = energy > exhausted
        length = torch.where(unfinished, energy / torch.mul(direction, image, out=product).sum(), 0)
        c.addcmul_(direction, length)
        rest.addcmul_(image, length, value=-1)
        before, energy = energy, torch.mul(rest, rest, out=product).mul_(scale).sum()
        direction.mul_(torch.where(unfinished, energy / before, 0)).addcmul_(scale, rest)
    return c
