"""Regression whose coefficients vary over a scene, but hardly within what the MSI shows as one surface.

Every high pixel has coefficients c of its own. What the HSI saw of p·c, through the sensor's blur B, is to be y, and
neighbours that look alike are to agree, by weights w:

    min_c ‖y − B(p·c)‖² + λ Σ_ij w_ij ‖c_i − c_j‖²

A high pixel brighter than any low pixel so takes its coefficients from the surface it belongs to; most of the error
lies there, where regression extrapolates. Solved by conjugate gradients: first with the pixels of the low grid, then
from there with those of the high one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from csakd.physics import SpatialResponse, upsample

# Chosen on the training and validation scenes of docs/diary.md, 4 and 6 MSI bands, ratio 4.
STRENGTH = 0.1  # λ
CONTRAST = 0.85  # of neighbours that count as different, in units of what is usual in their surroundings
SURROUNDINGS = 3  # how many pixels these reach
LEAK = 3e-3  # weight left across the sharpest edge
STEPS_LOW, STEPS_HIGH = 60, 25


def spread(
    predictors: tuple[Float[Tensor, "B P h w"], Float[Tensor, "B P H W"]],
    targets: Float[Tensor, "B K h w"],
    blur: SpatialResponse,
) -> Float[Tensor, "B K H W"]:
    """p·c on the high grid.

    Args:
        predictors: p, on the low and on the high grid; by them pixels are alike.
        targets: y.
        blur: B.
    """
    scenes = zip(*predictors, targets, strict=True)
    return torch.stack([_spread(*scene, blur) for scene in scenes])


def _spread(
    predictors_low: Float[Tensor, "P h w"],
    predictors: Float[Tensor, "P H W"],
    targets: Float[Tensor, "K h w"],
    blur: SpatialResponse,
) -> Float[Tensor, "K H W"]:
    low, size = targets.shape[1:], (predictors.shape[1], predictors.shape[2])
    p_low, p, y = (image.flatten(1).T.contiguous() for image in (predictors_low, predictors, targets))

    coarse = y.new_zeros(len(p_low), p_low.shape[1], y.shape[1])
    graph = Graph.of(predictors_low)
    scale = 1 / (STRENGTH * graph.degree[:, :, None] + p_low[:, :, None].square())
    coarse = _solved(graph, p_low, y, lambda seen: seen, coarse, scale, STEPS_LOW)
    start = upsample(coarse.permute(1, 2, 0).unflatten(2, low), size).flatten(2).permute(2, 0, 1).contiguous()

    def seen_again(maps: Tensor) -> Tensor:
        return blur.adjoint(blur(maps.T.unflatten(1, size)), size).flatten(1).T

    seen = blur.adjoint(targets, size).flatten(1).T
    graph = Graph.of(predictors)
    # Stopped early, so the preconditioner decides what is learnt first: the root of each pixel's degree serves best.
    fine = _solved(graph, p, seen, seen_again, start, graph.degree[:, :, None].rsqrt(), STEPS_HIGH)
    return (p[:, :, None] * fine).sum(1).T.unflatten(1, size)


class Graph(NamedTuple):
    """The eight neighbours of each of N pixels, and how alike they look; beyond the border a pixel is its own."""

    neighbours: Int[Tensor, "N 8"]
    weights: Float[Tensor, "N 8"]
    degree: Float[Tensor, "N 1"]

    @classmethod
    def of(cls, looks: Float[Tensor, "F H W"]) -> Graph:
        height, width = looks.shape[1:]
        steps = torch.tensor([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j], device=looks.device)
        rows, columns = torch.meshgrid(*(torch.arange(n, device=looks.device) for n in (height, width)), indexing="ij")
        row, column = rows + steps[:, 0, None, None], columns + steps[:, 1, None, None]
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        neighbours = torch.where(inside, row * width + column, rows * width + columns)

        contrast = (looks.flatten(1)[:, neighbours] - looks[:, None]).square().mean(0)
        usual = _around(contrast.sum(0) / inside.sum(0).clamp(min=1)) + 0.01 * contrast.mean()
        usual = (usual + usual.flatten()[neighbours]) / 2
        likeness = torch.exp(-contrast / (2 * CONTRAST**2 * usual).clamp(min=torch.finfo(usual.dtype).tiny)) + LEAK
        weights = inside * likeness / steps.square().sum(1)[:, None, None]
        flat = weights.flatten(1).T.contiguous()
        degree = flat.sum(1, keepdim=True).clamp(min=LEAK)  # an image of one pixel has no neighbours
        return cls(neighbours.flatten(1).T.contiguous(), flat, degree)

    def roughness(self, values: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """Σ_j w_ij (v_i − v_j): the graph's Laplacian, applied."""
        around = functional.embedding_bag(self.neighbours, values, per_sample_weights=self.weights, mode="sum")
        return torch.addcmul(around.neg_(), self.degree, values)


def _around(image: Float[Tensor, "H W"]) -> Float[Tensor, "H W"]:
    """Mean over the surroundings, of those pixels that there are."""
    reach = 2 * SURROUNDINGS + 1
    return functional.avg_pool2d(image[None, None], reach, 1, SURROUNDINGS, count_include_pad=False)[0, 0]


def _solved(
    graph: Graph,
    predictors: Float[Tensor, "N P"],
    seen: Float[Tensor, "N K"],
    seen_again: Callable[[Tensor], Tensor],
    start: Float[Tensor, "N P K"],
    scale: Tensor,
    steps: int,
) -> Float[Tensor, "N P K"]:
    """Conjugate gradients for (p BᵀB pᵀ + λL) c = p Bᵀy, of each target apart.

    Args:
        graph: L.
        predictors: p.
        seen: Bᵀy.
        seen_again: BᵀB.
        start: where to begin; what is found goes there.
        scale: what preconditions, by multiplication.
        steps: so many.
    """
    p = predictors[:, :, None]

    def system(c: Tensor) -> Tensor:
        rough = graph.roughness(c.flatten(1)).view_as(c).mul_(STRENGTH)
        return rough.addcmul_(p, seen_again((p * c).sum(1))[:, None])

    c = start
    rest = p * seen[:, None] - system(c)
    direction = scale * rest
    energy = (rest * direction).sum((0, 1))
    exhausted = torch.finfo(rest.dtype).eps * energy
    for _ in range(steps):
        image = system(direction)
        unfinished = energy > exhausted
        length = torch.where(unfinished, energy / (direction * image).sum((0, 1)), 0)
        c.addcmul_(direction, length)
        rest.addcmul_(image, length, value=-1)
        before, energy = energy, (scale * rest.square()).sum((0, 1))
        direction.mul_(torch.where(unfinished, energy / before, 0)).addcmul_(scale, rest)
    return c
