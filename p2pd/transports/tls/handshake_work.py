"""The steps of TLS handshakes, each in another thread: keys are made, and certificates judged.

Whoever has begun may go on; who comes while too many are under way is refused, or displaces one.
"""

from __future__ import annotations

import time
from typing import Any, Callable

from twisted.internet.defer import Deferred

from p2pd.base.clock import Clock
from p2pd.transports.encryption.cpu_share import CpuShare
from p2pd.transports.encryption.fair_line import Elsewhere, FairLine
from p2pd.transports.spare_cpu import all_of_it

UNDER_WAY = 128
"""Steps of strangers that may be under way or in line: some take two milliseconds, with a large RSA
key."""

SHARE = 0.15
"""Of the spare part of one core, for the handshakes of strangers: up to a hundred a second on a
usual machine."""

SAVED_SECONDS = 0.3
"""CPU that they may take at once after a quiet time: a swarm that comes back has many peers."""


class HandshakeWork(FairLine):
    """Runs steps."""

    def __init__(
        self,
        elsewhere: Elsewhere,
        clock: Clock,
        *,
        limit: int = UNDER_WAY,
        timer: Callable[[], float] = time.thread_time,
        spare: Callable[[], float] = all_of_it,
    ) -> None:
        share = CpuShare(clock, SHARE, SAVED_SECONDS, spare)
        super().__init__(elsewhere, clock, limit=limit, share=share, timer=timer)

    def run(self, step: Callable[..., Any], *args: Any, host: str | None = None) -> Deferred[Any]:
        """Its result, in the reactor's thread. `host`: where the stranger came from, None: ours."""
        if host is None:
            return self.for_us(lambda: step(*args))
        return self.for_stranger(lambda: step(*args), host)
