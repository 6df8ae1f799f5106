"""One TCP connection on a socket that does as the test says: order, landing, pauses, the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import main
from twisted.python.failure import Failure

from p2pd.transports.tcp import BUFFERS_PER_SEND, LOW_WATER
from tests.transports.fake_socket import Link, Places

HUNG_UP = b""


@pytest.fixture
def link() -> Link:
    """A stream on a fake socket."""
    return Link()


# -- order of what is sent -----------------------------------------------------------------------


@given(
    writes=st.lists(st.lists(st.binary(max_size=40), max_size=90), max_size=6),
    takes=st.lists(st.integers(0, 200) | st.just(BlockingIOError()), max_size=40),
    turns=st.lists(st.integers(0, 3), min_size=6, max_size=6),
)
def test_bytes_leave_in_order_whatever_the_socket_takes(
    writes: list[list[bytes]], takes: list[int | OSError], turns: list[int]
) -> None:
    link = Link()
    link.socket.takes.extend(takes)
    for buffers, count in zip(writes, turns, strict=False):
        link.stream.write([memoryview(buffer) for buffer in buffers])
        link.reactor.turn(count)
    everything = b"".join(b"".join(buffers) for buffers in writes)
    assert everything.startswith(link.socket.sent)
    assert link.stream.pending == len(everything) - len(link.socket.sent)
    link.reactor.turn(100)
    assert link.socket.sent == everything
    assert link.stream.pending == 0
    assert not link.reactor.writers, "with nothing to send it is not called"
    assert max(link.socket.batches, default=0) <= BUFFERS_PER_SEND


def test_a_send_that_ends_between_two_buffers_and_one_within(link: Link) -> None:
    link.socket.takes.extend([4, BlockingIOError(), 3, BlockingIOError()])
    link.stream.write([b"head", b"block", b"end"])
    assert bytes(link.socket.sent) == b"head"
    link.reactor.turn()
    link.reactor.turn()
    assert bytes(link.socket.sent) == b"headblo"
    link.stream.write([b"!"])
    assert link.stream.pending == 6
    link.reactor.turn(3)
    assert bytes(link.socket.sent) == b"headblockend!"


def test_an_error_in_a_write_is_told_in_a_later_turn(link: Link) -> None:
    link.socket.takes.extend([OSError("reset"), OSError("reset")])
    link.stream.write([b"x" * 10])
    assert not link.ear.lost, "the writer must not lose its stream while it writes"
    link.reactor.turn()
    assert len(link.ear.lost) == 1
    assert link.stream.pending == 0
    link.stream.write([b"more"])
    link.stream.call_when_writable()
    link.stream.resume()
    assert not link.busy()
    assert link.socket.sent == b""


# -- room to write -------------------------------------------------------------------------------


def test_room_is_told_once_in_a_later_turn_though_nothing_waits(link: Link) -> None:
    link.stream.call_when_writable()
    link.stream.call_when_writable()
    assert link.ear.writable == 0
    link.reactor.turn(3)
    assert link.ear.writable == 1
    assert not link.reactor.writers


def test_room_may_be_asked_for_again_while_it_is_told(link: Link) -> None:
    def send_more() -> None:
        link.stream.write([bytes([link.ear.writable])])
        if link.ear.writable < 3:
            link.stream.call_when_writable()

    link.ear.on_room = send_more
    link.stream.call_when_writable()
    link.reactor.turn()
    assert link.ear.writable == 1
    link.reactor.turn(5)
    assert bytes(link.socket.sent) == b"\1\2\3"
    assert not link.reactor.writers


def test_room_is_told_only_below_the_low_water_mark(link: Link) -> None:
    link.socket.takes.extend([0, 100, LOW_WATER])
    link.stream.write([bytes(2 * LOW_WATER)])
    link.stream.call_when_writable()
    link.socket.takes.insert(1, BlockingIOError())
    link.reactor.turn(2)
    assert (link.ear.writable, link.stream.pending) == (0, 2 * LOW_WATER - 100)
    link.reactor.turn()
    assert (link.ear.writable, link.stream.pending) == (1, LOW_WATER - 100)


@pytest.mark.parametrize("waiting", [0, 10, 2 * LOW_WATER])
def test_a_close_ends_although_room_was_asked_for(link: Link, waiting: int) -> None:
    link.socket.takes.append(0)
    link.stream.write([bytes(waiting)])
    link.stream.call_when_writable()
    link.stream.close()
    link.reactor.turn(5)
    assert len(link.socket.sent) == waiting
    assert len(link.ear.lost) == 1
    assert link.ear.writable == 0, "who closed it has nothing more to write"
    assert link.socket.closed
    assert not link.busy()


def test_a_close_while_room_is_told_ends(link: Link) -> None:
    def last_words() -> None:
        link.stream.call_when_writable()
        link.stream.write([b"bye"])
        link.stream.close()

    link.ear.on_room = last_words
    link.stream.call_when_writable()
    link.reactor.turn(5)
    assert bytes(link.socket.sent) == b"bye"
    assert len(link.ear.lost) == 1
    assert not link.busy()


# -- scattered reads -----------------------------------------------------------------------------


def test_a_read_is_scattered_over_the_places_in_their_order(link: Link) -> None:
    landing = link.stream.landing = Places([3, 5, 4], [6, 6])
    link.socket.arriving.extend([b"abcdefghijkl" + b"mnopqrst"])
    link.reactor.turn()
    assert landing.given[0] == [b"abc", b"defgh", b"ijkl"]
    assert landing.filled_sizes == [12]
    link.reactor.turn()
    assert landing.given[1] == [b"mnopqr", b"st\0\0\0\0"]
    assert landing.filled_sizes == [12, 8]
    assert link.ear.data == b""


def test_without_places_it_is_read_as_ever(link: Link) -> None:
    landing = link.stream.landing = Places([2])
    link.socket.arriving.extend([b"ab", b"cd"])
    link.reactor.turn(2)
    assert landing.given == [[b"ab"]]
    assert landing.filled_sizes == [2]
    assert link.ear.data == b"cd"
    link.stream.landing = None
    link.socket.arriving.append(b"ef")
    link.reactor.turn()
    assert link.ear.data == b"cdef"


def test_a_read_that_brings_nothing_fills_nothing(link: Link) -> None:
    landing = link.stream.landing = Places([4], [4])
    link.socket.arriving.extend([InterruptedError(), b"abcd"])
    link.reactor.turn()
    assert landing.filled_sizes == []
    link.reactor.turn()
    assert landing.filled_sizes == [4]
    assert landing.given[1] == [b"abcd"]


@pytest.mark.parametrize("end", [HUNG_UP, OSError("reset")])
def test_the_end_of_the_stream_fills_nothing_and_lets_go_of_the_landing(
    link: Link, end: bytes | OSError
) -> None:
    landing = link.stream.landing = Places([4], [4])
    link.socket.arriving.append(end)
    link.reactor.turn(2)
    assert landing.filled_sizes == []
    assert len(link.ear.lost) == 1
    assert link.stream.landing is None
    assert link.socket.closed


def test_a_stream_may_be_aborted_by_what_landed(link: Link) -> None:
    landing = link.stream.landing = Places([4], [4])
    landing.then = link.stream.abort
    link.socket.arriving.extend([b"abcd", b"efgh"])
    link.reactor.turn(3)
    assert landing.filled_sizes == [4]
    assert len(link.ear.lost) == 1
    assert not link.busy()


# -- pauses --------------------------------------------------------------------------------------


def test_nothing_is_read_while_paused_and_everything_afterwards(link: Link) -> None:
    link.socket.arriving.extend([b"one ", b"two ", b"three"])
    link.ear.then = link.stream.pause
    link.reactor.turn(3)
    assert link.ear.data == b"one "
    link.stream.resume()
    link.reactor.turn(3)
    assert link.ear.data == b"one two "
    link.ear.then = lambda: None
    link.stream.resume()
    link.reactor.turn(3)
    assert link.ear.data == b"one two three"


def test_a_pause_within_a_scattered_read_ends_reading(link: Link) -> None:
    landing = link.stream.landing = Places([4], [4])
    landing.then = link.stream.pause
    link.socket.arriving.extend([b"abcd", b"efgh"])
    link.reactor.turn(3)
    assert landing.filled_sizes == [4]
    link.stream.resume()
    link.reactor.turn(3)
    assert landing.filled_sizes == [4, 4]
    assert landing.given[1] == [b"efgh"]


def test_a_paused_stream_still_sends(link: Link) -> None:
    link.stream.pause()
    link.socket.takes.extend([2, BlockingIOError()])
    link.stream.write([b"request"])
    link.reactor.turn(2)
    assert bytes(link.socket.sent) == b"request"
    assert link.ear.writable


def test_a_hang_up_while_paused_is_heard_behind_what_came_before(link: Link) -> None:
    link.stream.pause()
    link.socket.arriving.extend([b"last words", HUNG_UP])
    link.reactor.turn(3)
    assert not link.ear.lost
    link.stream.resume()
    link.reactor.turn(3)
    assert link.ear.data == b"last words"
    assert len(link.ear.lost) == 1
    assert not link.busy()


def test_a_connection_lost_while_paused_is_over(link: Link) -> None:
    """The reactor hears of a reset even from a socket that it does not read."""
    link.stream.pause()
    link.socket.arriving.append(b"never read")
    link.connection.connectionLost(Failure(main.CONNECTION_LOST))
    assert len(link.ear.lost) == 1
    for late in (link.stream.resume, link.stream.pause, link.stream.close, link.stream.abort):
        late()
    link.reactor.turn(2)
    assert link.ear.data == b""
    assert len(link.ear.lost) == 1
    assert not link.busy()


@pytest.mark.parametrize("abort", [False, True])
def test_our_own_close_while_paused_reads_nothing_more(link: Link, abort: bool) -> None:
    link.stream.pause()
    link.socket.arriving.append(b"never read")
    if abort:
        link.stream.abort()
    else:
        link.stream.close()
    link.stream.resume()
    link.reactor.turn(3)
    assert link.ear.data == b""
    assert len(link.ear.lost) == 1
    assert link.socket.closed
    assert not link.busy()
