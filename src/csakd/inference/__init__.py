"""A pair of files' worth of cubes → a fused cube, by any method or a model folder."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from csakd.classical import CLASSICAL
from csakd.classical.gaps import ready
from csakd.classical.width import with_psf
from csakd.cubes import Cube, Pair
from csakd.data.positions import POSITIONS, Position
from csakd.inference.fitting import check_device, check_model, check_pair
from csakd.models import NETWORKS, ONE_PAIR, Universal, build
from csakd.models.weights import TrainedModel, load_folder, shipped

UNTRAINED = (*CLASSICAL, *ONE_PAIR)  # methods that need no training scenes


def load(folder_or_name: str | os.PathLike[str], ratio: int = 4) -> nn.Module:
    """A model ready to fuse: `model(hsi, msi) -> (estimate, features)` on tensors in data units.

    Args:
        folder_or_name: a model folder, or the name of a method that needs no training scenes or comes trained.
        ratio: r; a folder of a model for one ratio knows its own.

    Raises:
        ValueError: if it is neither, or the folder is damaged.
    """
    name = os.fspath(folder_or_name)
    if name in UNTRAINED:
        return build(name, ratio=ratio)
    if name in shipped():
        return load_folder(shipped()[name]).at(ratio)
    if os.path.isdir(name):
        return load_folder(name).at(ratio)
    if name in NETWORKS:
        raise ValueError(f"{name!r} is a network that needs training first: csakd train, then give its folder")
    known = ", ".join((*shipped(), *UNTRAINED))
    raise ValueError(f"no model {name!r}: it is neither a model folder nor one of {known}")


def fuse(
    pair: Pair,
    model: str | os.PathLike[str] | nn.Module = "csakd-student",
    *,
    device: str | torch.device = "cpu",
    averaged: bool = False,
) -> Cube:
    """The HR-HSI of a pair.

    A pixel is valid where the MSI's pixel is and the HSI's pixel over it is; elsewhere the result is NaN.

    Args:
        pair: LR-HSI and HR-MSI. Methods named, and models for any sensor, use `pair.psf`, or a Gaussian as wide as the
            pair has it (`csakd.classical.width`), and `pair.response`, or an estimate of it; other models use the PSF
            they were trained or built for.
        model: the name of a method that needs no training scenes or comes trained, a model folder, or a model from
            `load` or `build`.
        device: where to compute.
        averaged: the mean of what the model makes of the pair flipped and turned, in eight times the time.

    Returns:
        (L, H, W) float32 with the HSI's bands and the MSI's georeference.

    Raises:
        ValueError: if the pair does not fit together or does not fit the model, if there is no such device, or the
            result is not finite.
    """
    check_pair(pair)
    check_device(device)
    if not isinstance(model, nn.Module) and os.fspath(model) not in UNTRAINED:
        model = load(model)
    if isinstance(model, TrainedModel):
        check_model(pair, model)
    if heeds_psf(model):
        pair = with_psf(pair)
    *images, valid = ready(pair)
    images = [image.to(device) for image in images]

    def estimate_in(position: Position) -> Float[Tensor, "1 L H W"]:
        network = _for_pair(model, pair, position).to(device).eval()
        turned, _ = network(*(position(image) for image in images))
        return position.back(turned)

    with torch.inference_mode():
        estimate = estimate_in(POSITIONS[0])
        if averaged:
            estimate = (estimate + sum(map(estimate_in, POSITIONS[1:]))) / len(POSITIONS)
    if not torch.stack(estimate.aminmax()).isfinite().all():
        raise ValueError("the model's result is not finite: it did not train well, or the images are far from its own")

    hsi, msi = pair.hsi, pair.msi
    where = msi.georeference or (hsi.georeference and hsi.georeference.scaled(1 / pair.ratio))
    values = estimate[0].float().cpu().numpy()
    if not valid.all():
        values = np.where(valid, values, np.float32(np.nan))
    return replace(
        hsi,
        values=values,
        valid=valid,
        nodata=None,
        georeference=where,
        source=f"fused from {hsi.source or 'an LR-HSI'} and {msi.source or 'an HR-MSI'}",
    )


def heeds_psf(model: str | os.PathLike[str] | nn.Module) -> bool:
    """Whether the PSF that a pair carries is used, not one that the model has."""
    return not isinstance(model, nn.Module) or (
        isinstance(model, TrainedModel) and isinstance(model.network, Universal)
    )


def _for_pair(model: str | os.PathLike[str] | nn.Module, pair: Pair, position: Position) -> nn.Module:
    """The model as it takes this pair in that position, its PSF turned with it."""
    psf = None if pair.psf is None else np.ascontiguousarray(position(torch.from_numpy(pair.psf)).numpy())
    if isinstance(model, TrainedModel):
        return model.at(pair.ratio, psf)
    if isinstance(model, nn.Module):
        return model
    return build(os.fspath(model), ratio=pair.ratio, psf=psf, response=pair.response)


__all__ = ["check_device", "check_pair", "fuse", "heeds_psf", "load"]
