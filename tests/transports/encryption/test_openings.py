"""Streams that begin encrypted, between two ends in memory: every slice, and every way to end."""

from __future__ import annotations

import random
from typing import Any, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from p2pd.base.addresses import PeerAddress
from p2pd.protocols.mse.key_exchange import KeyPair, MseError
from p2pd.protocols.mse.policy import EncryptionPolicy
from p2pd.protocols.mse.swarm_keys import SwarmKeys
from p2pd.protocols.peerwire.handshake import PREFIX
from p2pd.transports.encryption.key_work import KeyWork
from p2pd.transports.encryption.openings import AcceptedOpening, DialledOpening, Opening
from p2pd.transports.interfaces import Buffer, PeerStream

HASH = b"h" * 20
OFF, ALLOWED, PREFERRED, REQUIRED = EncryptionPolicy


class End:
    """One end of a connection: what is written waits in `sent` until the test carries it over."""

    address = PeerAddress("192.0.2.1", 6881)
    landing: Any = None
    binding: bytes | None = None

    def __init__(self) -> None:
        self.receiver: Any = None
        self.sent = bytearray()
        self.aborted = False
        self.said: list[str] = []

    @property
    def pending(self) -> int:
        return len(self.sent)

    def write(self, buffers: Sequence[Buffer]) -> None:
        self.sent += b"".join(map(bytes, buffers))

    def call_when_writable(self) -> None:
        self.said.append("call")

    def pause(self) -> None:
        self.said.append("pause")

    def resume(self) -> None:
        self.said.append("resume")

    def close(self) -> None:
        self.said.append("close")

    def abort(self) -> None:
        self.aborted = True


class Above:
    """Who uses the stream."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.lost: list[str] = []
        self.stream: PeerStream | None = None
        self.encrypted: bool | None = None
        self.binding: bytes | None = None
        self.writable = 0

    def opened(self, stream: PeerStream, encrypted: bool, binding: bytes | None) -> None:
        assert self.stream is None
        self.stream, self.encrypted, self.binding = stream, encrypted, binding

    def stream_received(self, data: memoryview) -> None:
        self.heard += data

    def stream_writable(self) -> None:
        self.writable += 1

    def stream_lost(self, reason: str) -> None:
        self.lost.append(reason)


def at_once(work: Any, *args: Any) -> Deferred[Any]:
    try:
        return succeed(work(*args))
    except MseError:
        return fail()


class Later:
    """Makes nothing before it is told to."""

    def __init__(self) -> None:
        self.line: list[tuple[Deferred[Any], Any]] = []

    def __call__(self, work: Any, *args: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.line.append((done, lambda: at_once(work, *args)))
        return done

    def go_on(self) -> None:
        done, work = self.line.pop(0)
        work().chainDeferred(done)


def work_of(elsewhere: Any = at_once, limit: int = 10) -> KeyWork:
    return KeyWork(elsewhere, random.Random(1), Clock(), limit=limit)


class Side:
    """An end, what opens it, and who is above."""

    def __init__(self, opening: type[Opening], policy: EncryptionPolicy, **options: Any) -> None:
        self.end, self.above = End(), Above()
        self.work = options.pop("work", None) or work_of()
        if opening is AcceptedOpening:
            options.setdefault("swarms", swarms())
        else:
            options.setdefault("info_hash", HASH)
        self.opening: Any = opening(
            self.end, self.above.opened, self.work, policy=policy, **options
        )
        self.opening.receiver = self.above
        self.end.receiver = self.opening

    @property
    def stream(self) -> Any:
        return self.above.stream or self.opening

    def say(self, words: bytes) -> None:
        self.stream.write([words])

    def hear(self, data: bytes, *, writable: bool = True) -> None:
        self.end.receiver.stream_received(memoryview(bytearray(data) if writable else data))


def swarms() -> SwarmKeys:
    found = SwarmKeys()
    found.add(HASH)
    return found


def carry(one: Side, other: Side, sizes: Sequence[int] = (), *, writable: bool = True) -> None:
    """Until nobody says anything more."""
    sizes = list(sizes)
    while one.end.sent or other.end.sent:
        for source, target in ((one, other), (other, one)):
            while source.end.sent:
                size = sizes.pop(0) if sizes else len(source.end.sent)
                data = bytes(source.end.sent[:size])
                del source.end.sent[:size]
                target.hear(data, writable=writable)


@given(
    st.sampled_from([ALLOWED, PREFERRED, REQUIRED]),
    st.sampled_from([ALLOWED, PREFERRED, REQUIRED]),
    st.lists(st.integers(1, 400), max_size=30),
    st.booleans(),
)
def test_what_one_says_the_other_hears(
    dials: EncryptionPolicy, accepts: EncryptionPolicy, sizes: list[int], writable: bool
) -> None:
    one, other = Side(DialledOpening, dials), Side(AcceptedOpening, accepts)
    one.say(PREFIX + b" first")
    one.opening.begin()
    carry(one, other, sizes, writable=writable)
    assert bytes(other.above.heard) == PREFIX + b" first"
    one.say(b" second")
    other.say(b"answer" * 100)
    carry(one, other, sizes, writable=writable)
    assert bytes(other.above.heard) == PREFIX + b" first second"
    assert bytes(one.above.heard) == b"answer" * 100
    required = REQUIRED in (dials, accepts)
    assert one.above.encrypted is other.above.encrypted is (required or accepts is PREFERRED)
    assert one.above.binding == other.above.binding
    assert len(one.above.binding or b"") == 32
    for side in (one, other):
        assert side.stream.binding == (side.above.binding if side.above.encrypted else None)


def test_the_stream_beneath_is_used_where_it_goes_on_in_the_clear() -> None:
    one, other = Side(DialledOpening, ALLOWED), Side(AcceptedOpening, ALLOWED)
    one.opening.begin()
    carry(one, other)
    for side in (one, other):
        assert side.above.stream is side.end
        assert side.end.receiver is side.above


@pytest.mark.parametrize("policy", [ALLOWED, PREFERRED])
@pytest.mark.parametrize("step", [1, 7, 19, 20, 100])
def test_who_speaks_in_the_clear_is_heard_at_once(policy: EncryptionPolicy, step: int) -> None:
    side = Side(AcceptedOpening, policy)
    said = PREFIX + bytes(48) + b"and very much more" * 1000
    for at in range(0, len(said), step):
        side.hear(said[at : at + step])
    assert bytes(side.above.heard) == said
    assert (side.above.stream, side.above.encrypted) == (side.end, False)
    assert side.above.binding is None
    assert side.work.in_line == 0


def test_who_speaks_in_the_clear_is_refused_where_that_is_not_allowed() -> None:
    side = Side(AcceptedOpening, REQUIRED)
    side.hear(PREFIX + bytes(48))
    assert side.end.aborted
    assert side.above.lost == ["the peer speaks in the clear, which is not allowed here"]
    assert not side.end.sent, "nothing is said to who is refused"
    side.end.receiver.stream_lost("closed")
    assert len(side.above.lost) == 1


def test_there_is_a_bound_on_keys_in_the_making() -> None:
    work = work_of(Later(), limit=1)
    first, second = (Side(AcceptedOpening, REQUIRED, work=work) for _ in range(2))
    first.hear(bytes(96))
    assert (work.in_line, work.has_room_for(second.end.address.host)) == (1, False)
    second.hear(bytes(96))
    assert second.above.lost == ["too many keys are being exchanged"]
    assert work.refused == 1
    dialled = Side(DialledOpening, REQUIRED, work=work)
    dialled.opening.begin()
    assert not dialled.above.lost, "nobody else takes the place of whom we dial"
    assert work.in_line == 2


def test_who_gives_way_to_another_network_is_told_why() -> None:
    work = work_of(Later(), limit=3)
    sides = [Side(AcceptedOpening, REQUIRED, work=work) for _ in range(4)]
    sides[3].end.address = PeerAddress("9.9.9.9", 9)
    for side in sides:
        side.hear(KeyPair(2**159 + 3).public)
    assert [side.above.lost for side in sides] == [
        [], [], ["too many keys are being exchanged, most of them for its network"], [],
    ]  # fmt: skip
    assert sides[2].end.aborted
    assert (work.in_line, work.refused) == (3, 1)


def test_who_floods_while_keys_are_made_is_cut_off() -> None:
    side = Side(AcceptedOpening, REQUIRED, work=work_of(Later()))
    side.hear(bytes(608))
    assert not side.above.lost
    side.hear(b"!")
    assert side.above.lost == ["the peer says more than it may before the keys are exchanged"]


def test_nothing_is_calculated_for_less_than_a_key() -> None:
    later = Later()
    side = Side(AcceptedOpening, REQUIRED, work=work_of(later))
    key = KeyPair(2**159 + 5).public
    for byte in key[:-1]:
        side.hear(bytes([byte]))
    assert not later.line
    side.hear(key[-1:])
    side.hear(b"padding")
    assert len(later.line) == 1


@pytest.mark.parametrize("steps", [0, 1])
def test_who_hangs_up_while_keys_are_made_is_forgotten(steps: int) -> None:
    later = Later()
    side = Side(AcceptedOpening, REQUIRED, work=work_of(later))
    side.hear(KeyPair(2**159 + 5).public)
    for _ in range(steps):
        later.go_on()
    sent = len(side.end.sent)
    side.end.receiver.stream_lost("closed by the peer")
    while later.line:
        later.go_on()
    assert side.above.lost == ["closed by the peer"]
    assert len(side.end.sent) == sent
    assert side.work.in_line == 0


def test_a_key_that_hides_nothing_ends_it_in_words() -> None:
    side = Side(AcceptedOpening, REQUIRED)
    side.hear(bytes(96))
    assert side.above.lost == ["the peer's key is one that hides nothing"]


def test_what_is_said_while_it_opens_waits_its_turn() -> None:
    later = Later()
    one, other = (
        Side(DialledOpening, PREFERRED, work=work_of(later)),
        Side(AcceptedOpening, PREFERRED),
    )
    one.say(b"first")
    one.opening.begin()
    assert (one.end.sent, one.opening.pending) == (b"", 5)
    later.go_on()
    one.say(b" later")
    carry(one, other)
    later.go_on()
    carry(one, other)
    assert bytes(other.above.heard) == b"first later"
    assert one.opening.pending == 0


def test_what_the_user_of_a_stream_wants_reaches_the_one_beneath() -> None:
    one, other = Side(DialledOpening, REQUIRED), Side(AcceptedOpening, REQUIRED)
    for side in (one, other):
        side.opening.pause()
        side.opening.resume()
        side.opening.call_when_writable()
        side.end.receiver.stream_writable()
    one.opening.begin()
    carry(one, other)
    for side in (one, other):
        side.stream.pause()
        side.stream.resume()
        side.stream.call_when_writable()
        side.end.receiver.stream_writable()
        side.stream.close()
        assert side.end.said == ["pause", "resume", "call"] * 2 + ["close"]
        assert side.above.writable == 2
        assert side.stream.address == End.address
        side.stream.abort()
        assert side.end.aborted
        side.end.receiver.stream_lost("closed")
        assert side.above.lost == ["closed"]


class Places:
    """A landing of three places, which takes what is read there."""

    def __init__(self, *sizes: int) -> None:
        self.data = [memoryview(bytearray(size)) for size in sizes]
        self.sizes: list[int] = []

    def buffers(self) -> Sequence[memoryview]:
        return self.data

    def filled(self, size: int) -> None:
        self.sizes.append(size)


@pytest.mark.parametrize("size", [1, 5, 6, 11, 30])
def test_what_lands_is_decrypted_where_it_lies(size: int) -> None:
    one, other = Side(DialledOpening, REQUIRED), Side(AcceptedOpening, REQUIRED)
    one.opening.begin()
    carry(one, other)
    places = other.stream.landing = Places(5, 6, 50)
    said = bytes(range(1, size + 1))
    one.say(said)
    data, at = bytes(one.end.sent), 0
    one.end.sent.clear()
    for place in other.end.landing.buffers():
        part = data[at : at + len(place)]
        place[: len(part)] = part
        at += len(part)
    other.end.landing.filled(size)
    assert b"".join(places.data)[:size] == said
    assert not any(b"".join(places.data)[size:]), "no more than what was read is touched"
    assert places.sizes == [size]
    assert other.stream.landing is places
    other.stream.landing = None
    assert other.end.landing is None
