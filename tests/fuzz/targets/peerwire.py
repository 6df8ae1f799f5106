"""Fuzz the peer wire protocol: the same bytes, cut anywhere, come to the same events and end."""

from __future__ import annotations

from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import Event, PeerWire, PeerWireError
from p2pd.protocols.peerwire.handshake import Handshake, our_reserved

_SHAKE = Handshake(b"h" * 20, b"p" * 20, our_reserved()).encode()
_ROOT = bytes(range(32))

SEEDS: list[bytes] = [
    _SHAKE,
    b"GET / HTTP/1.1\r\n\r\n",
    *(
        _SHAKE + b"".join(map(wire.encode, messages))
        for messages in (
            [wire.Extended(0, b"d1:mdee"), wire.Bitfield(b"\xff\x80"), wire.Unchoke()],
            [wire.HaveAll(), wire.AllowedFast(3), wire.Suggest(4), wire.Reject(1, 0, 16384)],
            [wire.HaveNone(), wire.Have(1), wire.Interested(), wire.Request(0, 0, 16384)],
            [wire.Block(0, 0, b"x" * 40), wire.KeepAlive(), wire.Block(0, 40, b"y" * 40)],
            [wire.Cancel(1, 2, 3), wire.Port(6881), wire.NotInterested(), wire.Choke()],
            [wire.HashRequest(_ROOT, 0, 0, 2, 1), wire.HashReject(_ROOT, 0, 0, 2, 1)],
            [wire.Hashes(_ROOT, 0, 0, 2, 1, _ROOT + _ROOT)],
        )
    ),
]


def fuzz(data: bytes) -> None:
    """Only PeerWireError may end a connection, and not because of how the bytes were cut."""
    whole = _outcome([data])
    cut = sum(data) % (len(data) + 1)
    if whole != _outcome([data[:cut], data[cut:]]):
        raise AssertionError("two chunkings of the same bytes differ")
    events, _ = whole
    again = b"".join(_encoded(event) for _, event in events)
    if _outcome([again])[0] != events:
        raise AssertionError("what was read cannot be written and read again")


def _outcome(chunks: list[bytes]) -> tuple[list[tuple[type, Event]], str]:
    connection = PeerWire(initiator=False, now=0.0)
    events: list[tuple[type, Event]] = []
    try:
        for chunk in chunks:
            events += map(_copied, connection.receive_data(chunk, 0.0))
    except PeerWireError as problem:
        return events + [_copied(event) for event in problem.events], str(problem)
    return events, ""


def _copied(event: Event) -> tuple[type, Event]:
    if isinstance(event, wire.Block):
        event = event._replace(data=bytes(event.data))
    return type(event), event


def _encoded(event: Event) -> bytes:
    return event.encode() if isinstance(event, Handshake) else wire.encode(event)  # type: ignore[arg-type]
