"""What control may ask of how peers outside reach us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from p2pd.reachability.port_mapper import FamilyStatus, PortStatus

__all__ = ["FamilyStatus", "PortStatus", "ReachingReport"]


@dataclass(frozen=True, slots=True)
class ReachingReport:
    """All that is known. By family: true is IPv6.

    `own_port` is where we listen, `port` what peers are told, and the same for peers of TLS
    torrents, 0 if nobody listens for these. `addresses` are ours outside, empty
    while that is not sure; `votes` has of each address that was told how many told it, by source.
    """

    enabled: bool
    own_port: int
    port: int
    own_tls_port: int
    tls_port: int
    families: Mapping[bool, FamilyStatus]
    addresses: Mapping[bool, str]
    votes: Mapping[bool, Mapping[str, Mapping[str, int]]]
