"""Cross-Layer Residual Aggregation (paper Fig. 4): the block every stream of the network is made of."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

SLOPE = 0.2  # of every LeakyReLU
RESIDUAL = 0.2  # weight of a block beside its input


class CLRB(nn.Module):
    """Five densely connected 3×3 convolutions beside an identity: x + 0.2·f(x).

    Args:
        width: C.
        growth: features each of the first four convolutions adds.
        groups: of every convolution (the paper's g_c).
    """

    def __init__(self, width: int, growth: int, groups: int) -> None:
        super().__init__()
        self.grow = nn.ModuleList(
            nn.Conv2d(width + step * growth, growth, 3, padding=1, groups=groups) for step in range(4)
        )
        self.merge = nn.Conv2d(width + 4 * growth, width, 3, padding=1, groups=groups)
        self.activation = nn.LeakyReLU(SLOPE)
        for convolution in (*self.grow, self.merge):
            nn.init.kaiming_normal_(convolution.weight)
            convolution.weight.data *= 0.1  # residual blocks start close to the identity
            nn.init.zeros_(convolution.bias)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        dense = features
        for convolution in self.grow:
            dense = torch.cat([dense, self.activation(convolution(dense))], 1)
        return features + RESIDUAL * self.merge(dense)


class CLRA(nn.Module):
    """Three CLRBs in a row beside an identity: x + 0.2·g(x)."""

    def __init__(self, width: int, growth: int, groups: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(CLRB(width, growth, groups) for _ in range(3)))

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return features + RESIDUAL * self.blocks(features)


def stream(bands: int, width: int, growth: int, depth: int, groups: int = 1) -> nn.Sequential:
    """A head convolution (bands → C) and `depth` CLRAs (Eqs. 2-5); depth 0 is the head alone."""
    head = nn.Sequential(nn.Conv2d(bands, width, 3, padding=1), nn.LeakyReLU(SLOPE))
    return nn.Sequential(head, *(CLRA(width, growth, groups) for _ in range(depth)))
