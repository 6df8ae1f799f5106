"""Datagrams of real sockets, many at once; on loopback they are there when they were sent."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.transports import datagram_batches
from p2pd.transports.datagram_batches import (
    COUNT,
    LARGEST_SENT,
    Datagram,
    Incoming,
    KernelBatches,
    Outgoing,
)

KERNEL = KernelBatches()
ROOM = 200_000
"""Bytes of a socket's buffer: for all that is sent here at once."""


class Ends:
    """Sockets of loopback, which are closed in the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def new(self, host: str = "127.0.0.1", *, both: bool = False) -> socket.socket:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made = self._stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not both))
        try:
            made.bind((host, 0))
        except OSError:
            pytest.skip(f"this host has no {host}")
        return made


@pytest.fixture
def ends() -> Iterator[Ends]:
    with ExitStack() as stack:
        yield Ends(stack)


def address_of(one: socket.socket) -> PeerAddress:
    return PeerAddress(*one.getsockname()[:2])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_is_sent_at_once_comes_in_its_order_and_says_from_whom(ends: Ends, host: str) -> None:
    one, other = ends.new(host), ends.new(host)
    said = [(b"%d" % number * (1 + 5 * number), address_of(other)) for number in range(COUNT + 3)]
    assert KERNEL.send(one, said) == COUNT
    assert KERNEL.send(one, said[COUNT:]) == 3
    came = KERNEL.receive(other)
    assert len(came) == COUNT
    came += KERNEL.receive(other)
    assert came == [(data, address_of(one)) for data, _ in said]
    with pytest.raises(BlockingIOError):
        KERNEL.receive(other)


def test_a_socket_of_both_families_reaches_both_and_names_each_as_it_is(ends: Ends) -> None:
    both, four, six = ends.new("::", both=True), ends.new(), ends.new("::1")
    port = both.getsockname()[1]
    assert KERNEL.send(both, [(b"4", address_of(four)), (b"6", address_of(six))]) == 2
    assert KERNEL.receive(four) == [(b"4", PeerAddress("127.0.0.1", port))]
    assert KERNEL.receive(six) == [(b"6", PeerAddress("::1", port))]
    KERNEL.send(four, [(b"a", PeerAddress("127.0.0.1", port))])
    KERNEL.send(six, [(b"b", PeerAddress("::1", port))])
    assert KERNEL.receive(both) == [(b"a", address_of(four)), (b"b", address_of(six))]


def test_the_largest_datagram_there_is_comes_whole_and_an_empty_one_too(ends: Ends) -> None:
    one, other = ends.new(), ends.new()
    largest = bytes(range(256)) * 255
    one.sendto(largest, address_of(other))
    one.sendto(b"", address_of(other))
    assert KERNEL.receive(other) == [(largest, address_of(one)), (b"", address_of(one))]


@pytest.mark.parametrize(
    "stops",
    [
        (bytes(LARGEST_SENT + 1), PeerAddress("127.0.0.1", 9)),
        (b"x", PeerAddress("no address", 9)),
        (b"x", PeerAddress("::1", 9)),
        (b"x", PeerAddress("127.0.0.1", 0)),
    ],
)
def test_what_cannot_go_with_others_holds_up_nothing_before_it(ends: Ends, stops: Datagram) -> None:
    one, other = ends.new(), ends.new()
    before = [(b"1", address_of(other)), (b"2", address_of(other))]
    assert KERNEL.send(one, [*before, stops, (b"3", address_of(other))]) == 2
    assert [data for data, _ in KERNEL.receive(other)] == [b"1", b"2"]


def test_what_the_system_refuses_is_an_error_when_it_is_the_first(ends: Ends) -> None:
    one = ends.new()
    with pytest.raises(OSError, match="Invalid argument") as caught:
        KERNEL.send(one, [(b"x", PeerAddress("127.0.0.1", 0))])
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(OSError, match="illegal IP address"):
        KERNEL.send(one, [(b"x", PeerAddress("no address", 9))])


def test_a_full_buffer_is_told_as_such(ends: Ends) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        one.setblocking(False)
        with suppress(BlockingIOError):
            for _ in range(10_000):
                one.send(bytes(1000))
        outgoing = Outgoing(ipv6=False)
        outgoing._messages[0].header.name = None  # connected: no name
        with pytest.raises(BlockingIOError):
            outgoing.send(one.fileno(), [(b"x", PeerAddress("127.0.0.1", 9))])


def test_addresses_are_remembered_in_bounds(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagram_batches, "REMEMBERED", 2)
    incoming, outgoing, ear = Incoming(ipv6=False), Outgoing(ipv6=False), ends.new()
    for number in range(7):
        mouth = ends.new()
        assert outgoing.send(mouth.fileno(), [(b"%d" % number, address_of(ear))]) == 1
        assert incoming.receive(ear.fileno()) == [(b"%d" % number, address_of(mouth))]
        assert outgoing.send(ear.fileno(), [(b"", address_of(mouth))]) == 1
        assert len(incoming._known) <= 2
        assert len(outgoing._known) <= 2
