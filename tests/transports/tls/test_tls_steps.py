"""TLS handshakes that are none, that never end, and whose steps are made in other threads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock

from p2pd.base.addresses import PeerAddress
from p2pd.transports.encryption.fair_line import BATCH
from p2pd.transports.tls.handshake_work import SAVED_SECONDS, SHARE, HandshakeWork
from p2pd.transports.tls.openings import MOST_HEARD
from tests.transports.tls.swarm import (
    Later,
    accepted,
    dialled,
    work_of,
)

# -- what is no handshake ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"\x13BitTorrent protocol" + bytes(48), "what the peer says is no TLS"),
        (b"GET / HTTP/1.1\r\n\r\n", "what the peer says is no TLS"),
        (b"\x16\x03\x01\x00\x00", "what the peer says is no TLS"),
        (b"\x16\x03\x01\xff\xff", "what the peer says is no TLS"),
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", "what the peer says is no ClientHello"),
        (b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", "the ClientHello has 16777215 bytes"),
        (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", "the ClientHello ends too early"),
        (
            b"\x16\x03\x01\x00\x04\x01\x00\x3f\x00" + b"\x16\x03\x01\x00\x01\x00" * 11000,
            "before it is answered",
        ),
    ],
)
def test_what_is_no_hello_ends_it_in_words(said: bytes, words: str) -> None:
    side = accepted()
    side.hear(said)
    assert side.end.aborted
    assert not side.end.sent
    assert len(side.above.lost) == 1
    assert words in side.above.lost[0]
    side.end.receiver.stream_lost("closed")
    assert len(side.above.lost) == 1


def test_who_says_half_of_it_waits_in_vain_and_may_be_given_up() -> None:
    one, side = dialled(), accepted()
    hello = one.taken()
    side.hear(hello[:-1])
    assert not side.end.sent
    side.stream.close()
    assert side.end.aborted
    side.hear(hello[-1:])
    assert not side.end.sent


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_damaged_handshake_ends_in_words_or_goes_nowhere(
    rounds: int, where: float, change: int
) -> None:
    speaks, hears = dialled(), accepted()
    for _ in range(rounds):
        hears.hear(speaks.taken())
        speaks, hears = hears, speaks
    said = bytearray(speaks.taken())
    said[int(where * len(said))] ^= change
    hears.hear(bytes(said))
    hears.hear(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert not hears.heard
    assert not hears.above.lost or hears.end.aborted or hears.end.closed


@pytest.mark.parametrize("which", ["dialled", "accepted"])
def test_what_follows_a_handshake_that_never_ends_is_bounded(which: str) -> None:
    one, other = dialled(), accepted()
    other.hear(one.taken())
    side = one if which == "dialled" else other
    side.hear(b"\x16\x03\x03\x40\x00")
    for _ in range(100):
        if side.above.lost:
            break
        side.hear(bytes(10_000))
    assert len(side.above.lost) == 1
    assert side.opening._heard <= MOST_HEARD + 10_000


# -- other threads -------------------------------------------------------------------------------


def test_nothing_is_read_while_a_step_is_under_way() -> None:
    later = Later()
    one, other = dialled(), accepted(work=work_of(later))
    other.hear(one.taken())
    assert other.end.paused
    assert not other.end.sent
    later.go_on()
    assert not other.end.paused
    assert other.end.sent


def test_there_is_a_bound_on_handshakes_under_way() -> None:
    work = work_of(Later(), limit=1)
    first, second = (accepted(work=work) for _ in range(2))
    first.hear(dialled().taken())
    assert (work.in_line, work.has_room_for(second.end.address.host)) == (1, False)
    second.hear(dialled().taken())
    assert second.above.lost == ["TLS: too many handshakes are under way"]
    assert second.end.aborted
    third = dialled(work=work)
    assert not third.above.lost, "nobody else takes the place of whom we dial"
    assert work.refused == 1


def test_who_gives_way_to_another_network_is_told_why() -> None:
    work = work_of(Later(), limit=3)
    sides = [accepted(work=work) for _ in range(4)]
    sides[3].end.address = PeerAddress("9.9.9.9", 9)
    for side in sides:
        side.hear(dialled().taken())
    assert [side.above.lost for side in sides] == [
        [], [], ["TLS: too many handshakes are under way, most of them for its network"], [],
    ]  # fmt: skip
    assert sides[2].end.aborted
    assert (work.in_line, work.refused) == (3, 1)


def test_who_has_begun_goes_on_whatever_is_under_way() -> None:
    later = Later()
    work = work_of(later, limit=1)
    one, other = dialled(), accepted(work=work)
    other.hear(one.taken())
    later.go_on()
    accepted(work=work).hear(dialled().taken())
    assert not work.has_room_for(other.end.address.host)
    one.hear(other.taken())
    other.hear(one.taken())
    while later.line:
        later.go_on()
    assert other.above.stream is not None
    assert work.in_line == 0


def test_who_hangs_up_leaves_the_line_and_no_step_is_made_for_him() -> None:
    later = Later()
    work = work_of(later)
    first, second = (accepted(work=work) for _ in range(2))
    first.hear(dialled().taken())
    second.hear(dialled().taken())
    assert work.in_line == 2
    second.end.receiver.stream_lost("closed by the peer")
    assert work.in_line == 1
    later.go_on()
    assert not later.line
    assert first.end.sent


def test_strangers_have_a_share_of_one_core_for_their_handshakes() -> None:
    clock, used = Clock(), [0.0]

    def timer() -> float:
        used[0] += 0.1
        return used[0]

    work = HandshakeWork(maybeDeferred, clock, timer=timer)
    sides = [accepted(work=work) for _ in range(20)]
    for side in sides:
        side.hear(dialled().taken())
    answered = [sum(bool(side.end.sent) for side in sides)]
    for _ in range(4):
        clock.advance(1.0)
        answered.append(sum(bool(side.end.sent) for side in sides))
    assert answered[0] <= SAVED_SECONDS / 0.1 + BATCH
    assert answered[-1] - answered[0] <= 4.0 * SHARE / 0.1 + BATCH
    assert answered[-1] > answered[0]
    ours = dialled(work=work)
    assert ours.end.sent, "that is no matter to whom we dial"


def test_who_hangs_up_during_a_step_is_forgotten() -> None:
    later = Later()
    side = accepted(work=work_of(later))
    side.hear(dialled().taken())
    side.end.receiver.stream_lost("closed by the peer")
    later.go_on()
    assert side.above.lost == ["closed by the peer"]
    assert not side.end.sent
    assert side.work.in_line == 0


def test_what_comes_during_a_step_waits_its_turn() -> None:
    later = Later()
    one, other = dialled(), accepted(work=work_of(later))
    other.hear(one.taken())
    later.go_on()
    one.hear(other.taken())
    one.say(b"behind the handshake")
    said = one.taken()
    other.hear(said[:40])
    other.hear(said[40:])
    while later.line:
        later.go_on()
    assert other.heard == b"behind the handshake"


@pytest.mark.parametrize("is_too_much", [False, True])
def test_what_waited_beneath_may_come_at_once(is_too_much: bool) -> None:
    later = Later()
    one, other = dialled(), accepted(work=work_of(later))
    other.hear(one.taken())
    later.go_on()
    one.hear(other.taken())
    one.say(b"behind the handshake")
    said = one.taken()
    more = b"\x16\x03\x03\x40\x00" + bytes(MOST_HEARD) if is_too_much else b""
    other.hear(said[:40])
    other.end.resumed = lambda: other.hear(said[40:] + more)
    while later.line:
        later.go_on()
    assert len(other.above.lost) == is_too_much
    assert (other.above.stream is None) is is_too_much
    assert other.heard == (b"" if is_too_much else b"behind the handshake")


def test_threads_that_are_gone_end_it_in_words() -> None:
    def gone(*_: Any) -> Any:
        from twisted.internet.defer import fail

        return fail(RuntimeError("no threads"))

    side = dialled(work=work_of(gone))
    assert side.above.lost == ["TLS: the handshake could not be made"]
