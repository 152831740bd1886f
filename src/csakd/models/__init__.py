"""Pair of tensors → fused tensor: the CSAKD networks and their competitors, on a classical base or on their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from csakd.classical import CLASSICAL, Classical
from csakd.classical.canonical import CANONICAL, DIRECTIONS, FORMS, GUIDES, THOROUGHLY
from csakd.models.csa import FUSIONS
from csakd.models.dts import DTS, RESAMPLINGS, DTSConfig
from csakd.models.guided import START, Guided
from csakd.models.network import Network, NetworkConfig
from csakd.models.one_pair import ONE_PAIR, OnePair
from csakd.models.peers import PEERS
from csakd.models.universal import Universal

# Depths are CLRAs in (Z_hm, Z_mh, Z_h, Z_m), the order of the paper's text. The mini networks and those for any sensor
# are ours: the same design at widths two CPU cores can train, with the size-invariant attention.
_MINI = {"width": 32, "growth": 16, "fusion": "csa-invariant"}
_ANY = {"width": 16, "growth": 8, "fusion": "csa-invariant"}
PRESETS: dict[str, dict[str, Any]] = {
    "teacher": {"joint_high": 6, "joint_low": 6, "hsi": 4, "msi": 4},
    "student": {"joint_high": 0, "joint_low": 4, "hsi": 4, "msi": 1, "hsi_groups": 43},
    "student-text": {"joint_high": 1, "joint_low": 4, "hsi": 4, "msi": 1, "hsi_groups": 43},
    "teacher-l": {"joint_high": 8, "joint_low": 8, "hsi": 6, "msi": 6},
    "student-l": {"joint_high": 0, "joint_low": 4, "hsi": 4, "msi": 4, "hsi_groups": 43},
    "mini-teacher": {"joint_high": 2, "joint_low": 2, "hsi": 1, "msi": 1, **_MINI},
    "mini-student": {"joint_high": 0, "joint_low": 1, "hsi": 1, "msi": 1, **_MINI},
    "csakd-teacher": {"joint_high": 3, "joint_low": 3, "hsi": 2, "msi": 2, **_ANY},
    "csakd-student": {"joint_high": 1, "joint_low": 1, "hsi": 1, "msi": 1, **_ANY},
}

NETWORKS: dict[str, type[Network]] = {**dict.fromkeys(PRESETS, DTS), **PEERS}

MODELS: dict[str, str] = {
    "bicubic": "classical: the LR-HSI interpolated",
    "gsa": "classical: GSA-HS, component substitution in groups of bands",
    "sfim": "classical: SFIM-HS, smoothing filter-based intensity modulation",
    "glp": "classical: GLP-HS, hypersharpening by linear regression",
    "glp-hpm": "classical: GLP-HS with high-pass modulation",
    "rfuse": "classical: R-FUSE, the Sylvester equation in a spectral subspace",
    "rfuse-blind": "classical: R-FUSE with PSF and response estimated from the pair",
    "cnmf": "classical: CNMF, coupled unmixing",
    "hysure": "classical: HySure, a spectral subspace with total variation",
    "hyper": "classical: quadratic and local hypersharpening with back-projection",
    "hyper-edge": "classical: hyper that knows noise, misregistration, materials and edges",
    "hyper-edge-thorough": "classical: hyper-edge with the mean of eight processes",
    "cucanet": "learns from one pair: CUCaNet (ECCV 2020)",
    "usdn": "learns from one pair: uSDN (CVPR 2018)",
    "u2mdn": "learns from one pair: u2-MDN (TGRS 2021)",
    "pzresnet": "PZRes-Net (TIP 2021)",
    "mssjfl": "MSSJFL (HPCC 2021)",
    "dual-unet": "Dual-UNet (TGRS 2022)",
    "dhif-net": "DHIF-Net (TCI 2022)",
    "ssrnet": "SSRNET (TGRS 2021)",
    "teacher": "CSAKD teacher of the paper",
    "student": "CSAKD student of the paper, as released (Z_hm is its head alone)",
    "student-text": "CSAKD student as the paper's text has it (one CLRA in Z_hm)",
    "teacher-l": "CSAKD large teacher of the paper",
    "student-l": "CSAKD large student of the paper",
    "mini-teacher": "narrow CSAKD teacher with size-invariant attention, for minutes of CPU",
    "mini-student": "narrow CSAKD student with size-invariant attention, for minutes of CPU",
    "csakd-teacher": "CSAKD teacher for any sensor, on hyper-edge-thorough; comes trained",
    "csakd-student": "CSAKD student for any sensor, on hyper-edge; comes trained; the default of fuse",
}

# What a network may stand on: methods that need no response, and to which it is all one how bands are scaled.
BASES = ("none", "bicubic", "gsa", "glp", "hyper", "hyper-edge")

# Networks on a base of their own, whatever is asked for. Both learn on `CANONICAL`; the teacher takes its time later.
UNIVERSAL = {"csakd-teacher": THOROUGHLY, "csakd-student": CANONICAL}


def build(
    name: str,
    hsi_bands: int = 172,
    msi_bands: int = 4,
    ratio: int = 4,
    *,
    base: str = "none",
    psf: NDArray[np.float64] | None = None,
    response: NDArray[np.float64] | None = None,
    **options: Any,
) -> nn.Module:
    """A method ready to call: `forward(hsi, msi) -> (estimate, features or None)`; networks are untrained.

    Args:
        name: a key of `MODELS`.
        hsi_bands, msi_bands: L and M, of a network (other methods take any).
        ratio: r, from 2 to 16.
        base: the classical method a network stands on, or "none" as in the paper.
        psf: (S, S) weights of the sensor (see `csakd.physics.psf`), for all but plain networks.
        response: (M, L) weights of the HSI's bands in the MSI's, for methods that need them; None where they are not
            known: they are estimated.
        options: fields of the network's configuration to change, such as `fusion="sum"`; for methods that learn from
            the pair they fuse also `budget`, `seed` and `progress`.

    Raises:
        ValueError: for an unknown name, base or option, or a value out of range.
    """
    if name in CLASSICAL:
        return Classical(name, ratio, psf, response)
    if name in ONE_PAIR:
        return OnePair(name, ratio, psf, response, **options)
    return build_network(name, hsi_bands, msi_bands, ratio, base=base, psf=psf, **options)


def build_network(
    name: str,
    hsi_bands: int,
    msi_bands: int,
    ratio: int,
    *,
    base: str = "none",
    psf: NDArray[np.float64] | None = None,
    **options: Any,
) -> Network | Guided | Universal:
    """`build` for networks that learn from scenes: a key of `NETWORKS`."""
    if name not in NETWORKS:
        raise ValueError(f"no model {name!r}: choose one of {', '.join(MODELS)}")
    base = UNIVERSAL.get(name, base)
    if base in FORMS:
        hsi_bands, msi_bands = DIRECTIONS, GUIDES
    elif base not in BASES:
        raise ValueError(f"no base {base!r}: choose one of {', '.join(BASES)}")
    kind = NETWORKS[name]
    known = kind.Config.__dataclass_fields__
    if options.keys() - known.keys():
        raise ValueError(f"no option {min(options.keys() - known.keys())!r}: choose among {', '.join(known)}")
    return on_base(kind(kind.Config(hsi_bands, msi_bands, ratio, **{**PRESETS.get(name, {}), **options})), base, psf)


def on_base(network: Network, base: str, psf: NDArray[np.float64] | None = None) -> Network | Guided | Universal:
    """The network on a base, or as it is for "none"."""
    if base in FORMS:
        network.damp(START)
        return Universal(network, network.config.ratio, psf, base)
    return network if base == "none" else Guided(network, base, psf)


__all__ = [
    "BASES",
    "CANONICAL",
    "DTS",
    "FORMS",
    "FUSIONS",
    "MODELS",
    "NETWORKS",
    "ONE_PAIR",
    "PEERS",
    "PRESETS",
    "RESAMPLINGS",
    "UNIVERSAL",
    "DTSConfig",
    "Guided",
    "Network",
    "NetworkConfig",
    "OnePair",
    "Universal",
    "build",
    "build_network",
    "on_base",
]
