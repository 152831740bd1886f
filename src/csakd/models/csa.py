"""Cross Self-Attention fusion (paper Fig. 3, Eqs. 8-10), its size-invariant form, and the siblings of its ablation.

Every fusion takes the four streams on the high grid and returns Z_fused, all (B, C, H, W).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

Streams = Float[Tensor, "B C H W"]


class CrossAttention(nn.Module):
    """Multi-head attention between channels: a d×d matrix a head, the pixels summed over.

    As printed and released, the logits are *sums* over pixels: their size, and with it the softmax's sharpness,
    grows with the image. `invariant` normalises query and key over the pixels and learns one temperature a head
    instead, so that one network behaves alike on crops, whole scenes and tiles.

    Query, key and value are linear in the features, and the logits need them summed over pixels only: from the
    features' own C×C products all else follows, value and output projection becoming one C×C matrix.

    Args:
        width: C.
        inner: features after projection (the paper's r), shared by the heads.
        heads: K.
        invariant: the size-invariant form.
    """

    def __init__(self, width: int, inner: int = 64, heads: int = 4, invariant: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (inner // heads) ** -0.5  # as released: the head's width where Eq. 9 prints √r
        self.query, self.key, self.value = (nn.Conv2d(width, inner, 1) for _ in range(3))
        self.out = nn.Conv2d(inner, width, 1)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1)) if invariant else None

    def forward(self, query: Streams, key: Streams, value: Streams, residual: Streams) -> Streams:
        x, y, z = (_with_ones(features) for features in (query, key, value))
        of_query, of_key, of_value = (self._projection(layer) for layer in (self.query, self.key, self.value))
        logits = of_query @ (x @ y.mT)[:, None] @ of_key.mT  # Q Kᵀ of Eq. 8, (B, K, d, d)
        if self.temperature is None:
            logits = logits * self.scale
        else:
            lengths = (_norms(of_query, x @ x.mT)[..., None] * _norms(of_key, y @ y.mT)[..., None, :]).clamp(1e-12)
            logits = logits / lengths * self.temperature
        attended = (logits.softmax(-1) @ of_value).flatten(1, 2)  # of the value's features, (B, K·d, C + 1)
        mixed = (self.out.weight.flatten(1) @ attended) @ z
        assert self.out.bias is not None
        return mixed.unflatten(2, query.shape[-2:]) + self.out.bias[:, None, None] + residual  # O of Eq. 9

    def _projection(self, layer: nn.Conv2d) -> Float[Tensor, "K d D"]:
        assert layer.bias is not None
        return torch.cat([layer.weight.flatten(1), layer.bias[:, None]], 1).unflatten(0, (self.heads, -1))


def _with_ones(features: Streams) -> Float[Tensor, "B D N"]:
    return torch.cat([features.flatten(2), features.new_ones(len(features), 1, features[0, 0].numel())], 1)


def _norms(projection: Float[Tensor, "K d D"], products: Float[Tensor, "B D D"]) -> Float[Tensor, "B K d"]:
    """Of projected features over all pixels, from the products of these features."""
    return ((projection @ products[:, None]) * projection).sum(-1).clamp(min=0).sqrt()


class CSA(nn.Module):
    """Cross self-attention with a sigmoid gate for each of the four modalities."""

    def __init__(self, width: int, invariant: bool = False) -> None:
        super().__init__()
        self.attention = CrossAttention(width, invariant=invariant)
        self.gate = nn.Conv2d(4 * width, 4, 1)

    def forward(self, hsi: Streams, msi: Streams, joint_low: Streams, joint_high: Streams) -> Streams:
        attended = self.attention(query=hsi, key=msi, value=joint_low, residual=joint_high)
        modalities = (hsi, msi, joint_low, attended)
        weights = self.gate(torch.cat(modalities, 1)).sigmoid()  # W of Eq. 9
        return _weighted(weights, modalities)  # Eq. 10


class PlainAttention(nn.Module):
    """CSA without its gate: the four modalities, attention included, are added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = CrossAttention(width)

    def forward(self, hsi: Streams, msi: Streams, joint_low: Streams, joint_high: Streams) -> Streams:
        return hsi + msi + joint_low + self.attention(query=hsi, key=msi, value=joint_low, residual=joint_high)


class StaticGate(nn.Module):
    """One learned weight a modality, the same for every pixel and scene."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(1, 4, 1, 1))

    def forward(self, hsi: Streams, msi: Streams, joint_low: Streams, joint_high: Streams) -> Streams:
        return _weighted(self.gate.sigmoid(), (hsi, msi, joint_low, joint_high))


class Sum(nn.Module):
    """The plain ensemble of Eq. 6."""

    def __init__(self, width: int) -> None:
        super().__init__()

    def forward(self, hsi: Streams, msi: Streams, joint_low: Streams, joint_high: Streams) -> Streams:
        return hsi + msi + joint_low + joint_high


def _weighted(weights: Tensor, modalities: tuple[Tensor, ...]) -> Tensor:
    return sum(
        (weights[:, i, None] * modality for i, modality in enumerate(modalities)), start=torch.zeros(()).to(weights)
    )


def _invariant(width: int) -> CSA:
    return CSA(width, invariant=True)


FUSIONS: dict[str, Callable[[int], nn.Module]] = {
    "csa": CSA,
    "csa-invariant": _invariant,
    "attention": PlainAttention,
    "static-gate": StaticGate,
    "sum": Sum,
}
