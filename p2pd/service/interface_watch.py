"""Looks at the addresses of the interface that peers are talked to by, every few seconds."""

from __future__ import annotations

from typing import Callable

from p2pd.base.clock import Clock, DelayedCall
from p2pd.transports.way_out import InterfaceWay

LOOK_SECONDS = 3.0


class InterfaceWatch:
    """Calls `changed` with the addresses before and after."""

    def __init__(
        self,
        way: InterfaceWay,
        clock: Clock,
        changed: Callable[[tuple[str, ...], tuple[str, ...]], None],
    ) -> None:
        self._way = way
        self._clock = clock
        self._changed = changed
        self._call: DelayedCall | None = None

    def start(self) -> None:
        """Look, and go on looking."""
        before = self._way.addresses
        self._call = self._clock.callLater(LOOK_SECONDS, self.start)
        if self._way.look():
            self._changed(before, self._way.addresses)

    def stop(self) -> None:
        """Look no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()
