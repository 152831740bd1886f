"""The competitors that learn from scenes, at widths that cost nothing, and pairs for them."""

import torch
from torch.nn import functional

from csakd.models.peers.dhif_net import DHIFNet
from csakd.models.peers.dual_unet import DualUNet
from csakd.models.peers.mssjfl import MSSJFL
from csakd.models.peers.pzresnet import PZResNet
from csakd.models.peers.ssrnet import SSRNet

PEERS = {
    "mssjfl": (MSSJFL, {"fh": 64, "fm": 64, "blocks": 2}),
    "pzresnet": (PZResNet, {"widths": (3, 4, 5)}),
    "dual-unet": (DualUNet, {"width": 16}),
    "dhif-net": (DHIFNet, {"widths": (8, 8, 16, 16, 16)}),
    "ssrnet": (SSRNet, {}),
}


def pair(bands=(5, 4), low=(4, 5), ratio=4, scenes=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    hsi = torch.rand(scenes, bands[0], *low, generator=generator)
    return hsi, torch.rand(scenes, bands[1], *(ratio * side for side in low), generator=generator)


def small(name, bands=(5, 4), ratio=4, seed=0, **options):
    """A peer at widths that cost nothing."""
    kind, narrow = PEERS[name]
    torch.manual_seed(seed)
    return kind(kind.Config(*bands, ratio, **{**narrow, **options}))


def upsampled(name, hsi, msi):
    mode = "bicubic" if name in ("dual-unet", "dhif-net") else "bilinear"
    return functional.interpolate(hsi, scale_factor=msi.shape[-1] // hsi.shape[-1], mode=mode)
