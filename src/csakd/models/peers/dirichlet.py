"""What uSDN and u2-MDN share: dense linear encoders, stick-breaking, a linear decoder (Qu et al., 2018 and 2021)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class Dense(nn.Module):
    """Linear layers, each reading the stack of what was put in and of all that came before it.

    Args:
        reads: features that the first layer reads.
        stack: features of the stack at its start, most often the same.
        widths: features each layer puts out.
    """

    def __init__(self, reads: int, stack: int, widths: Sequence[int]) -> None:
        super().__init__()
        inward = (reads, *(stack + sum(widths[:number]) for number in range(1, len(widths))))
        self.layers = nn.ModuleList(nn.Linear(*sizes) for sizes in zip(inward, widths, strict=True))
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, reads: Float[Tensor, "N reads"], stack: Float[Tensor, "N stack"] | None = None
    ) -> Float[Tensor, "N features"]:
        """What the last layer puts out."""
        stack = reads if stack is None else stack
        out: Tensor = self.layers[0](reads)
        for layer in self.layers[1:]:
            stack = torch.cat([stack, out], 1)
            out = layer(stack)
        return out


class Decoder(nn.Module):
    """Shares → a spectrum, less the mean spectrum: two matrices without bias."""

    def __init__(self, shares: int, bands: int) -> None:
        super().__init__()
        self.mix, self.spectra = nn.Parameter(torch.empty(shares, shares)), nn.Parameter(torch.empty(shares, bands))
        for weights in (self.mix, self.spectra):
            nn.init.trunc_normal_(weights, std=0.1, a=-0.2, b=0.2)

    @property
    def matrix(self) -> Float[Tensor, "c L"]:
        return self.mix @ self.spectra

    def forward(self, shares: Float[Tensor, "N c"]) -> Float[Tensor, "N L"]:
        return shares @ self.mix @ self.spectra


def stick_breaking(logits: Float[Tensor, "N c"], beta: Float[Tensor, "N 1"]) -> Float[Tensor, "N c"]:
    """v = u^(1/β), u = sigmoid(logits) and β a softplus, then s_j = v_j Π_{i<j} (1 − v_i): none below 0, their sum ≤ 1.

    In logarithms, and v a little below 1, so that no power overflows and no gradient is infinite.
    """
    v = (functional.logsigmoid(logits) / functional.softplus(beta).clamp_min(1e-4)).exp().clamp_max(1 - 1e-6)
    left = torch.log1p(-v).cumsum(1)
    return v * torch.cat([torch.ones_like(v[:, :1]), left[:, :-1].exp()], 1)


def entropy(shares: Float[Tensor, "N c"]) -> Float[Tensor, ""]:
    """Mean of −p log p, p the shares of one pixel made to sum to 1: small where few spectra make up a pixel."""
    p = shares / shares.sum(1, keepdim=True).clamp_min(1e-8)
    return -(p * p.clamp_min(1e-8).log()).mean()


def centred(image: Float[Tensor, "1 C H W"]) -> tuple[Float[Tensor, "N C"], Float[Tensor, " C"]]:
    """The image's pixels less their mean, and the mean."""
    pixels = image[0].flatten(1).T.contiguous()
    return pixels - pixels.mean(0), pixels.mean(0)
