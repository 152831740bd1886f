"""A `SpatialResponse` on a torus: there blurring is a product in Fourier space, and sampling folds aliases together.

Images are first carried on past their borders as mirror images, far enough that the torus' seam stays out of sight.
"""

from __future__ import annotations

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from csakd.physics.operators import SpatialResponse


def reach(blur: SpatialResponse) -> int:
    """Low pixels a PSF spans: a mirrored border as wide keeps what lies beyond it out of every pixel within."""
    return -(-len(blur.psf) // blur.ratio)


def mirrored(image: Float[Tensor, "*any H W"], margin: int) -> Float[Tensor, "*any H2 W2"]:
    """The image with `margin` more pixels on every side: its mirror image, edge pixel repeated, again if need be.

    This is how `SpatialResponse` sees a border. Low and high image stay aligned if their margins do (n low, n·r high).
    """
    for axis in (-2, -1):
        length = image.shape[axis]
        place = torch.arange(-margin, length + margin, device=image.device) % (2 * length)
        image = image.index_select(axis, torch.where(place < length, place, 2 * length - 1 - place))
    return image


def cropped(image: Float[Tensor, "*any H2 W2"], margin: int) -> Float[Tensor, "*any H W"]:
    """What `mirrored` was given."""
    return image[..., margin : image.shape[-2] - margin, margin : image.shape[-1] - margin]


def transfer(blur: SpatialResponse, size: tuple[int, int], like: Tensor) -> Complex[Tensor, "H W"]:
    """D with `blur(Z) = ifft2(D · fft2(Z))[::r, ::r]` for a scene Z that goes on periodically.

    The PSF's first tap falls m high pixels before the block's first, so D carries the sampling phase. A PSF wider than
    the scene wraps around.
    """
    psf = torch.as_tensor(blur.psf, dtype=like.dtype, device=like.device)
    margin = (len(psf) - blur.ratio) // 2
    rows, columns = (torch.arange(-margin, len(psf) - margin, device=like.device) % length for length in size)
    laid = psf.new_zeros(size).index_put((rows[:, None], columns), psf, accumulate=True)
    return torch.fft.fft2(laid).conj()  # the PSF weighs, it is not mirrored: a correlation


def folded(spectrum: Complex[Tensor, "*any H W"], ratio: int) -> Complex[Tensor, "*any h w"]:
    """Sum of the r×r blocks of frequencies that sampling every r-th pixel makes one (r² times that sampling's FFT)."""
    return spectrum.unflatten(-1, (ratio, -1)).sum(-2).unflatten(-2, (ratio, -1)).sum(-3)


def tiled(spectrum: Complex[Tensor, "*any h w"], ratio: int) -> Complex[Tensor, "*any H W"]:
    """The transpose of `folded`: the FFT of a low image whose pixels stand r apart among zeros."""
    return spectrum.repeat((1,) * (spectrum.ndim - 2) + (ratio, ratio))
