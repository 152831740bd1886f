"""A pair of files' worth of cubes → a fused cube, by any method or a model folder."""

from __future__ import annotations

import os
from dataclasses import replace

import torch
from torch import nn

from csakd.classical import CLASSICAL
from csakd.cubes import Cube, Pair
from csakd.inference.fitting import check_device, check_model, check_pair
from csakd.models import NETWORKS, ONE_PAIR, build
from csakd.models.weights import TrainedModel, load_folder

UNTRAINED = (*CLASSICAL, *ONE_PAIR)  # methods that need no training scenes


def load(folder_or_name: str | os.PathLike[str], ratio: int = 4) -> nn.Module:
    """A model ready to fuse: `model(hsi, msi) -> (estimate, features)` on tensors in data units.

    Args:
        folder_or_name: a model folder, or the name of a method that needs no training scenes.
        ratio: r, for a name; a folder knows its own.

    Raises:
        ValueError: if it is neither, or the folder is damaged.
    """
    name = os.fspath(folder_or_name)
    if name in UNTRAINED:
        return build(name, ratio=ratio)
    if os.path.isdir(name):
        return load_folder(name)
    if name in NETWORKS:
        raise ValueError(f"{name!r} is a network that needs training first: csakd train, then give its folder")
    raise ValueError(f"no model {name!r}: it is neither a model folder nor one of {', '.join(UNTRAINED)}")


def fuse(
    pair: Pair, model: str | os.PathLike[str] | nn.Module = "hyper", *, device: str | torch.device = "cpu"
) -> Cube:
    """The HR-HSI of a pair.

    A pixel is valid where the MSI's pixel is and the HSI's pixel over it is; elsewhere the result is NaN.

    Args:
        pair: LR-HSI and HR-MSI. Methods named use `pair.psf`, or the paper's Gaussian scaled with the ratio, and
            `pair.response`, or an estimate of it; a trained model uses the PSF it was trained for.
        model: the name of a method that needs no training scenes, a model folder, or a model from `load` or `build`.
        device: where to compute.

    Returns:
        (L, H, W) float32 with the HSI's bands and the MSI's georeference.

    Raises:
        ValueError: if the pair does not fit together or does not fit the model, if there is no such device, or the
            result is not finite.
    """
    check_pair(pair)
    check_device(device)
    if not isinstance(model, nn.Module):
        name = os.fspath(model)
        known = name in UNTRAINED
        model = build(name, ratio=pair.ratio, psf=pair.psf, response=pair.response) if known else load(name)
    if isinstance(model, TrainedModel):
        check_model(pair, model)
    *values, valid = pair.filled()
    images = (torch.from_numpy(image)[None].to(device) for image in values)
    with torch.inference_mode():
        estimate, _ = model.to(device).eval()(*images)
    if not estimate.isfinite().all():
        raise ValueError("the model's result is not finite: it did not train well, or the images are far from its own")

    hsi, msi = pair.hsi, pair.msi
    where = msi.georeference or (hsi.georeference and hsi.georeference.scaled(1 / pair.ratio))
    fused = replace(
        hsi,
        values=estimate[0].float().cpu().numpy(),
        valid=valid,
        nodata=None,
        georeference=where,
        source=f"fused from {hsi.source or 'an LR-HSI'} and {msi.source or 'an HR-MSI'}",
    )
    return fused.load()


__all__ = ["check_device", "check_pair", "fuse", "load"]
