"""A network of nodes with rates, latency, NAT, refused dials and broken connections.

Deterministic: everything that is left to chance comes from one seed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from p2pd.base.addresses import PeerAddress
from p2pd.testing.sim.event_clock import EventCall, EventClock
from p2pd.testing.sim.links import Downlink, Uplink
from p2pd.testing.sim.streams import LEAST_WINDOW, SimStream
from p2pd.testing.virtual_time import VirtualNetwork
from p2pd.transports.interfaces import Admits, Connected, Failed, everybody

SPEEDY = 100e6
"""Bytes per second that a link without a bound is taken for, where a window must be had."""


@dataclass(frozen=True, slots=True)
class Link:
    """How a node is connected.

    Rates in bytes per second, 0 for no bound; `delay` in seconds from the node to the middle of the
    network; `dialable` is false behind a NAT; `lifetime` is how long its connections last on the
    average, in seconds, 0 for ever; `dial_loss` the share of dials to it that come to nothing.
    """

    up: float = 0.0
    down: float = 0.0
    delay: float = 0.02
    dialable: bool = True
    lifetime: float = 0.0
    dial_loss: float = 0.0


class Place:
    """A node's place in the network, under its address."""

    def __init__(self, clock: EventClock, host: str, link: Link) -> None:
        self.host = host
        self.link = link
        self.online = True
        self.up = Uplink(clock, link.up)
        self.down = Downlink(clock, link.down)
        self.stream: type[SimStream] = SimStream
        self.listeners: dict[int, tuple[Connected, Admits]] = {}
        self.streams: dict[SimStream, None] = {}
        self.next_port = 40_000

    def open_streams(self) -> list[SimStream]:
        """Its ends of connections that are open; others are forgotten."""
        self.streams = {stream: None for stream in self.streams if not stream.lost}
        return list(self.streams)


class SimNetwork(VirtualNetwork):
    """Places by address. One that was never placed is there, with the `default` link."""

    clock: EventClock

    def __init__(self, seed: int | str = 0, default: Link | None = None) -> None:
        self.clock = EventClock()
        self.seed = seed
        self.rng = random.Random(f"network {seed}")
        self.default = default or Link()
        self.latency = 2 * self.default.delay
        self.places: dict[str, Place] = {}

    def place(self, host: str, link: Link | None = None) -> Place:
        """The place at this IP address, made with this link when there is none."""
        found = self.places.get(host)
        if found is None:
            found = self.places[host] = Place(self.clock, host, link or self.default)
        return found

    def transport(self, host: str) -> SimTransport:
        """A transport for the node at this IP address."""
        return SimTransport(self, self.place(host))

    def cut_off(self, host: str) -> None:
        """The node is gone without a word: nobody hears from it, nor it from anybody."""
        place = self.place(host)
        place.online = False
        place.listeners.clear()
        for stream in place.open_streams():
            stream.vanish()

    def next_due(self) -> float | None:
        """When the next thing happens."""
        return self.clock.next_due()

    def advance_to(self, moment: float) -> None:
        """Let time pass until then."""
        self.clock.run_to(moment)

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        self.clock.run_to(self.clock.now + seconds)

    # -- connections ---------------------------------------------------------------------------

    def connect(self, here: Place, port: int, there: Place, their_port: int) -> _Ends:
        """A connection between two places: this end and the other."""
        delay = here.link.delay + there.link.delay
        ours_to, theirs_to = PeerAddress(there.host, their_port), PeerAddress(here.host, port)
        ours = here.stream(self.clock, ours_to, here.up, here.down, delay)
        theirs = there.stream(self.clock, theirs_to, there.up, there.down, delay)
        ours.other, theirs.other = theirs, ours
        ours.window = _window(here.link, there.link, delay)
        theirs.window = _window(there.link, here.link, delay)
        here.streams[ours] = there.streams[theirs] = None
        lifetimes = [link.lifetime for link in (here.link, there.link) if link.lifetime]
        if lifetimes:
            ends_in = min(self.rng.expovariate(1.0 / lifetime) for lifetime in lifetimes)
            self.clock.at(self.clock.now + ends_in, _break, ours, theirs)
        return ours, theirs


_Ends = tuple[SimStream, SimStream]


def _window(sender: Link, receiver: Link, delay: float) -> int:
    """As TCP would have it: what the narrower link carries in a round trip, and some."""
    rate = min(sender.up or SPEEDY, receiver.down or SPEEDY)
    return LEAST_WINDOW + int(2 * rate * 2 * delay)


def _break(*ends: SimStream) -> None:
    for end in ends:
        end.break_off("connection reset")


class SimTransport:
    """A StreamTransport at one place of a SimNetwork."""

    name = "simulated"

    def __init__(self, network: SimNetwork, place: Place) -> None:
        self._network = network
        self._place = place

    def dial(
        self, address: PeerAddress, connected: Connected, failed: Failed, timeout: float
    ) -> _Dial:
        """Connect after a round trip; nobody answers for who is away or behind a NAT."""
        network, here = self._network, self._place
        clock, there = network.clock, network.places.get(address.host)
        here.next_port += 1
        port = here.next_port

        def arrive() -> None:
            listener = there.listeners.get(address.port) if there is not None else None
            if listener is None or there is None or not here.online:
                failed("connection refused")
                return
            accept, admits = listener
            ours, theirs = network.connect(here, port, there, address.port)
            if admits(here.host):
                theirs.receiver = accept(theirs)
            else:
                theirs.abort()
            ours.receiver = connected(ours)

        if there is None or not self._answers(there):
            return _Dial(clock.callLater(timeout, failed, "timed out"))
        round_trip = 2 * (here.link.delay + there.link.delay)
        return _Dial(clock.callLater(round_trip, arrive))

    def _answers(self, there: Place) -> bool:
        if not there.online or not there.link.dialable:
            return False
        return not there.link.dial_loss or self._network.rng.random() >= there.link.dial_loss

    def listen(self, port: int, connected: Connected, admits: Admits = everybody) -> _Listening:
        """Accept at this place."""
        port = port or 6881
        self._place.listeners[port] = connected, admits
        return _Listening(self._place, port)


class _Dial:
    def __init__(self, call: EventCall) -> None:
        self._call = call

    def cancel(self) -> None:
        self._call.cancel()


class _Listening:
    def __init__(self, place: Place, port: int) -> None:
        self._place = place
        self._port = port

    @property
    def port(self) -> int:
        return self._port

    async def close(self) -> None:
        self._place.listeners.pop(self._port, None)
