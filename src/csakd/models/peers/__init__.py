"""The competitors: one a file, the call of our own networks, built from published descriptions.

Those that learn from training scenes are listed here, those that learn from the pair they fuse in
`csakd.models.one_pair`.
"""

from __future__ import annotations

from csakd.models.network import Network
from csakd.models.peers.dhif_net import DHIFNet
from csakd.models.peers.dual_unet import DualUNet
from csakd.models.peers.mssjfl import MSSJFL
from csakd.models.peers.pzresnet import PZResNet
from csakd.models.peers.ssrnet import SSRNet

PEERS: dict[str, type[Network]] = {
    "pzresnet": PZResNet,
    "mssjfl": MSSJFL,
    "dual-unet": DualUNet,
    "dhif-net": DHIFNet,
    "ssrnet": SSRNet,
}
