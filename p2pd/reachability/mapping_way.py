"""What every protocol that maps ports is to the mapper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from p2pd.protocols.nat.mapping import Granted, PortKind

LEASE_SECONDS = 3600
"""What is asked for: a machine that vanished leaves its mappings for an hour at most."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a gateway said between two renewals.

    `external_host` is its address outside, empty where it is not told; `restarted` says that it
    forgot what it was asked.
    """

    external_host: str = ""
    restarted: bool = False


class MappingWay(Protocol):
    """One protocol with one gateway.

    All that ask raise UnreachableError, NatRefusalError and NatFormatError.
    """

    @property
    def name(self) -> str:
        """For people and programs: ``pcp``."""

    async def map(self, kind: PortKind, port: int, wished: int) -> Granted:
        """Have a port of ours mapped, or its mapping renewed; `wished` is the port outside."""

    async def unmap(self, kind: PortKind, granted: Granted) -> None:
        """End a mapping."""

    async def check(self) -> Checked:
        """Ask for little: whether the gateway is still the same, and what its address is."""

    def close(self) -> None:
        """Ask no more."""
