"""The competitors: one a file, the call of our own networks, built from published descriptions."""

from __future__ import annotations

from csakd.models.network import Network

PEERS: dict[str, type[Network]] = {}
