"""What PCP and NAT-PMP have in common: a mapping is a question of one packet, and each answer tells
for how long the gateway has remembered.
"""

from __future__ import annotations

from p2pd.base.clock import Clock
from p2pd.protocols.nat.epochs import GatewayEpoch
from p2pd.protocols.nat.mapping import Granted, PortKind
from p2pd.reachability.mapping_way import LEASE_SECONDS
from p2pd.reachability.questions import Questions


class PacketWay:
    """A MappingWay but for its name, what it checks, and how it asks for a mapping (`ask_map`)."""

    def __init__(self, clock: Clock, questions: Questions, drift: float) -> None:
        self.questions = questions
        self.restarted = False
        """Whether the gateway forgot what it was asked."""
        self._clock = clock
        self._epoch = GatewayEpoch(drift)

    async def ask_map(self, kind: PortKind, port: int, lease: int, wished: int) -> Granted:
        """What is granted; a lease of 0 ends a mapping."""
        raise NotImplementedError

    async def map(self, kind: PortKind, port: int, wished: int) -> Granted:
        """See MappingWay."""
        granted = await self.ask_map(kind, port, LEASE_SECONDS, wished)
        self.restarted = False
        return granted

    async def unmap(self, kind: PortKind, granted: Granted) -> None:
        """See MappingWay."""
        await self.ask_map(kind, granted.internal_port, 0, 0)

    def close(self) -> None:
        """See MappingWay."""
        self.questions.close()

    def told(self, epoch: int) -> None:
        """An answer came with this epoch."""
        if self._epoch.restarted(epoch, self._clock.seconds()):
            self.restarted = True
