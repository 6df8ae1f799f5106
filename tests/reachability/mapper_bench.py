"""A mapper and a gateway that plays its part, on a virtual clock."""

from __future__ import annotations

import random

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pd.reachability.family_mapper import (
    RELEASE_SECONDS,
)
from p2pd.reachability.gateways import Gateways
from p2pd.reachability.port_mapper import PortMapper
from p2pd.transports.way_out import AddressWay
from tests.reachability.scripted_gateway import Network, ScriptedGateway

PORT = 6881


class Bench:
    """One mapper and its gateway."""

    def __init__(self, way=None, **gateway):
        self.clock = Clock()
        self.network = Network()
        self.gateway = ScriptedGateway(self.clock, **gateway)
        self.changes = []
        self.seen = []
        self.mapper = self.new_mapper(way)

    def new_mapper(self, way=None):
        return PortMapper(
            self.clock,
            random.Random(7),
            Gateways(way or AddressWay(), system=self.network),
            self.gateway,
            changed=lambda: self.changes.append(self.port),
            seen=lambda gateway, address: self.seen.append((gateway, address)),
            secret=lambda: b"s" * 16,
        )

    def run(self, seconds):
        """In small steps, so that what is due later than something else comes later."""
        end = self.clock.seconds() + seconds
        while (calls := self.clock.getDelayedCalls()) and calls[0].getTime() <= end:
            self.clock.advance(max(calls[0].getTime() - self.clock.seconds(), 0.0))
        self.clock.advance(end - self.clock.seconds())

    def start(self, seconds=30.0):
        self.mapper.start(PORT)
        self.run(seconds)

    @property
    def port(self):
        return self.mapper.external_port()

    @property
    def status(self):
        return self.mapper.status()[False]

    def stop(self, seconds=RELEASE_SECONDS):
        stopping = Deferred.fromCoroutine(self.mapper.stop())
        self.run(seconds)
        assert stopping.called
        assert self.gateway.sockets == 0
        assert self.clock.getDelayedCalls() == []


def value(measures, name, *labels):
    return next(each for each in measures if each.name == name).values[labels]
