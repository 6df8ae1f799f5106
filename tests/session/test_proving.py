"""Whatever a peer says before it has proved who it is: nothing goes to it, nothing breaks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from p2pd.base.addresses import PeerAddress
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import Event, PeerWire
from p2pd.protocols.peerwire.extensions.registry import ExtensionHandshake
from p2pd.protocols.peerwire.handshake import Handshake, our_reserved
from p2pd.session.connecting.arrivals import HandshakeEnd
from p2pd.session.connecting.proving import MOST_BYTES, MOST_EVENTS, Proving

HASH = b"h" * 20
OURS = wire.encode(wire.Extended(0, ExtensionHandshake(messages={"p2pd_node": 7}).encode()))
THEIRS = ExtensionHandshake(messages={"p2pd_node": 9}).encode()


class Bench:
    """A handshake that is through; `sent` is what went to the peer after it."""

    def __init__(self) -> None:
        self.address = PeerAddress("8.8.8.8", 1)
        self.encrypted = True
        self.entry = SimpleNamespace(binding=b"b" * 32)
        self.wire = PeerWire(initiator=True, now=0.0)
        self.wire.send_handshake(Handshake(HASH, b"a" * 20, our_reserved(v2=False)))
        theirs = Handshake(HASH, b"z" * 20, our_reserved(v2=False))
        self.wire.receive_data(theirs.encode(), 0.0)
        self.wire.data_to_send()
        self.remote = theirs
        self.stream = self
        self.sent = b""
        self.is_over = False
        self.ends: list[tuple[str, HandshakeEnd]] = []
        self.let: list[Any] = []
        nodes: Any = SimpleNamespace(
            speaks=True,
            trusted=[b"k" * 32],
            has_room=True,
            own=None,
            outcomes={"refused": 0},
            shows_itself=lambda *, private: False,
            hint=lambda channel: Deferred(),
            recognize=lambda hints, channel: Deferred(),
            check=lambda proof, channel: Deferred(),
            is_trusted=lambda key: False,
        )
        torrent: Any = SimpleNamespace(may_be_private=False)
        done: Any = self
        self.proving = Proving(done, torrent, nodes)

    def write(self, buffers: Any) -> None:
        self.sent += b"".join(buffers)

    def fail(self, reason: str, end: HandshakeEnd) -> None:
        assert not self.is_over
        self.is_over = True
        self.ends.append((reason, end))

    def let_in(self, node: Any, events: Any) -> None:
        self.let.append(node)


said = st.one_of(
    st.builds(wire.KeepAlive),
    st.builds(wire.Choke),
    st.builds(wire.Interested),
    st.builds(wire.Have, st.integers(0, 2**32 - 1)),
    st.builds(wire.Bitfield, st.binary(max_size=40)),
    st.builds(wire.Request, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    st.builds(wire.Block, st.integers(0, 9), st.integers(0, 9), st.binary(max_size=9)),
    st.builds(wire.Port, st.integers(0, 65535)),
    st.builds(wire.HaveAll),
    st.builds(
        wire.Extended,
        st.integers(0, 255),
        st.one_of(st.binary(max_size=40), st.just(THEIRS), st.just(b"de")),
    ),
    st.builds(wire.Extended, st.just(7), st.binary(max_size=300).map(lambda rest: b"\x01" + rest)),
)


@given(st.lists(st.lists(said, max_size=6), max_size=6))
def test_whatever_comes_nothing_goes_and_nobody_is_let_in(reads: list[list[Event]]) -> None:
    bench = Bench()
    bench.proving.begin(reads[0] if reads else [])
    for events in reads[1:]:
        if not bench.is_over:
            bench.proving.received(events, sum(len(wire.encode(one)) for one in events))
    assert bench.sent == OURS
    assert bench.let == []
    assert all(reason for reason, _ in bench.ends)


def test_payload_and_too_many_messages_are_refused() -> None:
    for events in ([wire.Block(0, 0, b"x")], [wire.Have(1)] * (MOST_EVENTS + 1)):
        bench = Bench()
        bench.proving.begin([])
        bench.proving.received(events, 10)
        assert [end for _, end in bench.ends] == [HandshakeEnd.GARBAGE]


def test_a_message_without_an_end_is_refused_too() -> None:
    bench = Bench()
    bench.proving.begin([])
    bench.proving.received([], MOST_BYTES)
    assert bench.ends == []
    bench.proving.received([], 1)
    assert [end for _, end in bench.ends] == [HandshakeEnd.GARBAGE]


def test_keep_alives_are_not_kept() -> None:
    bench = Bench()
    bench.proving.begin([wire.KeepAlive()] * (2 * MOST_EVENTS))
    assert bench.ends == []


def test_when_its_time_is_over_it_is_told_so() -> None:
    bench = Bench()
    bench.proving.begin([])
    bench.proving.too_late()
    assert [end for _, end in bench.ends] == [HandshakeEnd.NOT_PROVED]
