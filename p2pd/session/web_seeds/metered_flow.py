"""A body under speed limits: it is not read while they allow nothing; TCP slows the server down."""

from __future__ import annotations

from typing import Protocol

from p2pd.discovery.web_seed_client.interfaces import Flow
from p2pd.session.rate_limits import PeerChains, RateLimits
from p2pd.swarm.bandwidth.meter import Meter
from p2pd.swarm.bandwidth.wire_cost import wire_cost

TAKEN = 64 * 1024
"""Bytes that are taken from the limits at once."""


class FlowLimits(Protocol):
    """Who knows the limits."""

    def rate_limits(self) -> RateLimits: ...
    def chains(self, host: str) -> PeerChains: ...
    def seconds(self) -> float: ...


class MeteredFlow:
    """What comes from one host. Without any limit there is no meter."""

    __slots__ = ("_credit", "_flow", "_host", "_limits", "_meter")

    def __init__(self, limits: FlowLimits, host: str, flow: Flow) -> None:
        self._limits = limits
        self._host = host
        self._flow = flow
        self._credit = 0
        self._meter: Meter | None = None
        self.limits_changed()

    def limits_changed(self) -> None:
        """Bring it under those that hold now."""
        chains = self._limits.chains(self._host)
        if not chains.down:
            self.close()
            self._flow.resume()
            return
        if self._meter is None:
            turns, cost = self._limits.rate_limits().down, wire_cost(self._host)
            self._meter = Meter(turns, chains.down, self._resume, cost=cost, weight=chains.weight)
        else:
            self._meter.weight = chains.weight
            self._meter.set_chain(chains.down)
        if self._credit <= 0 and not self._meter.waiting:
            self._resume()

    def came(self, size: int) -> None:
        """So many bytes were read."""
        if self._meter is None:
            return
        self._credit -= size
        if self._credit < 0:
            self._meter.charge(-self._credit, self._limits.seconds())
            self._credit = 0
        if not self._credit and not self._take():
            self._flow.pause()

    def close(self) -> None:
        """It is over, or under no limit any more."""
        if self._meter is not None:
            self._meter.close()
            self._meter.give_back(self._credit)
            self._credit, self._meter = 0, None

    def _resume(self) -> None:
        if self._take():
            self._flow.resume()
        else:
            self._flow.pause()

    def _take(self) -> bool:
        assert self._meter is not None
        self._credit += self._meter.take(TAKEN, self._limits.seconds())
        return self._credit > 0
