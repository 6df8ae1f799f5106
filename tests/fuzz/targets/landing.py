"""Fuzz scattered reads: any bytes read into expected places come to what an ordinary read gives."""

from __future__ import annotations

from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import Event, PeerWire, PeerWireError
from p2pd.protocols.peerwire.handshake import Handshake, our_reserved
from p2pd.protocols.peerwire.landing import Landing

_LENGTHS = (40, 40, 40, 7, 64)
_KEYS = [(1, 64 * number, length) for number, length in enumerate(_LENGTHS)]
_SHAKE = Handshake(b"h" * 20, b"p" * 20, our_reserved())


def _block(number: int) -> bytes:
    piece, begin, length = _KEYS[number]
    return wire.block_header(piece, begin, length) + bytes([number]) * length


SEEDS: list[bytes] = [
    b"".join(map(_block, order)) + end
    for order in ((0, 1, 2, 3, 4), (1, 0, 2), (0, 2, 1, 4), (0,), ())
    for end in (b"", wire.encode(wire.Have(3)), _block(1)[:20], b"\0\0\0\0", b"\xff\xff\xff\xff")
]


def fuzz(data: bytes) -> None:
    """However much was read before, scattered and ordinary reads agree."""
    lead = data[: sum(data[:3]) % 50]
    if _sorted(_scattered(lead, data[len(lead) :])) != _sorted(_ordinary(data)):
        raise AssertionError("a scattered read differs from an ordinary one")


def _sorted(outcome: tuple[list[Event], str]) -> tuple[list[str], str]:
    """Blocks that were displaced are told after those in their places: the order is not kept."""
    return sorted(map(repr, outcome[0])), outcome[1]


def _scattered(lead: bytes, data: bytes) -> tuple[list[Event], str]:
    connection = _connected()
    events, problem = _read(connection.receive_data, lead)
    memory = [bytearray(length) for length in _LENGTHS]
    try:
        landing = Landing(_KEYS, list(map(memoryview, memory)), connection.unfinished)
    except ValueError:
        more, problem = _read(connection.receive_data, data) if not problem else ([], problem)
        return events + more, problem
    if problem:
        return events, problem
    size = 0
    rest = data
    for place in landing.buffers:
        part, rest = rest[: len(place)], rest[len(place) :]
        place[: len(part)] = part
        size += len(part)
    found = landing.landed(size)
    landed = {
        key: wire.Block(key[0], key[1], memoryview(bytes(memory[_KEYS.index(key)])))
        for key in found.in_place
    }
    events += map(_copied, [*landed.values(), *found.displaced])
    behind, problem = _read(connection.receive_anew, found.rest)
    if not problem:
        more, problem = _read(connection.receive_data, rest)
        behind += more
    return events + behind, problem


def _ordinary(data: bytes) -> tuple[list[Event], str]:
    return _read(_connected().receive_data, data)


def _connected() -> PeerWire:
    connection = PeerWire(initiator=True, now=0.0)
    connection.send_handshake(_SHAKE)
    connection.receive_data(_SHAKE.encode(), 0.0)
    return connection


def _read(read: object, data: bytes) -> tuple[list[Event], str]:
    try:
        return list(map(_copied, read(data, 0.0))), ""  # type: ignore[operator]
    except PeerWireError as problem:
        return list(map(_copied, problem.events)), str(problem)


def _copied(event: Event) -> Event:
    return event._replace(data=bytes(event.data)) if isinstance(event, wire.Block) else event
