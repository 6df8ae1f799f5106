"""Many datagrams with one call of the kernel: recvmmsg(2) and sendmmsg(2), which Python lacks.

A busy node of the DHT gets and sends tens of thousands a second. Addresses are in the kernel's own
form (sockaddr_in, sockaddr_in6), made for each peer once and remembered, in bounds. What datagrams
mean is not known here, nor what becomes of those that are not sent.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import socket
import struct
from collections.abc import Sequence
from typing import Protocol

from p2pd.base.addresses import PeerAddress, canonical_host

Datagram = tuple[bytes, PeerAddress]
"""What was received and from whom, or what is to be sent and to whom."""

COUNT = 64
"""Datagrams of one call."""

LARGEST = 65_536
"""Bytes of one that comes."""

LARGEST_SENT = 2048
"""Bytes of one that goes with others."""

REMEMBERED = 8192
"""Addresses."""

MAPPED = "::ffff:"

_NAME_ROOM = 32
_DONT_WAIT = int(socket.MSG_DONTWAIT)

LIBC = ctypes.CDLL(None, use_errno=True)


class Vector(ctypes.Structure):
    """Struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class Header(ctypes.Structure):
    """Struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint32),
        ("vector", ctypes.c_void_p),
        ("vectors", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class Message(ctypes.Structure):
    """Struct mmsghdr."""

    _fields_ = (("header", Header), ("size", ctypes.c_uint32))


class Batches(Protocol):
    """Takes many datagrams from a socket at once, or hands many to it."""

    def receive(self, by: socket.socket) -> list[Datagram]:
        """What is there, at most COUNT. Raises OSError, BlockingIOError if there is nothing."""

    def send(self, by: socket.socket, datagrams: Sequence[Datagram]) -> int:
        """Send the first of these, none over LARGEST_SENT; how many went, at least one.

        Raises OSError for the very first, BlockingIOError if there is no room for it.
        """


_SIZE_AT = Message.size.offset // 4
_SIZE_STEP = ctypes.sizeof(Message) // 4


class _Batch:
    """The kernel's view of COUNT datagrams with `room` bytes each, and of their addresses."""

    def __init__(self, room: int, *, ipv6: bool) -> None:
        self._family = socket.AF_INET6 if ipv6 else socket.AF_INET
        self._name_size = 28 if ipv6 else 16
        # Pages that no datagram ever reaches are not there.
        self._pages = mmap.mmap(-1, COUNT * room)
        self._content = (ctypes.c_char * (COUNT * room)).from_buffer(self._pages)
        self._names = (ctypes.c_char * (COUNT * _NAME_ROOM))()
        self._vectors = (Vector * COUNT)()
        self._messages = (Message * COUNT)()
        for number in range(COUNT):
            vector, header = self._vectors[number], self._messages[number].header
            vector.base, vector.size = ctypes.addressof(self._content) + number * room, room
            header.name = ctypes.addressof(self._names) + number * _NAME_ROOM
            header.name_size = self._name_size
            header.vector, header.vectors = ctypes.addressof(vector), 1
        self.room = room
        self.content = memoryview(self._content).cast("B")
        self.names = memoryview(self._names).cast("B")


class Incoming(_Batch):
    """What comes by sockets of one family."""

    def __init__(self, *, ipv6: bool) -> None:
        super().__init__(LARGEST, ipv6=ipv6)
        self._sizes = memoryview(self._messages).cast("B").cast("I")
        self._known: dict[bytes, PeerAddress] = {}

    def receive(self, fd: int) -> list[Datagram]:
        """See Batches."""
        done = LIBC.recvmmsg(fd, self._messages, COUNT, _DONT_WAIT, None)
        if done < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        content, names, known, size = self.content, self.names, self._known, self._name_size
        used = size if size > 16 else 8
        found, at, name_at = [], 0, 0
        for length in self._sizes[_SIZE_AT : _SIZE_STEP * done : _SIZE_STEP].tolist():
            name = names[name_at : name_at + used].tobytes()
            address = known.get(name) or self._learn(name)
            found.append((content[at : at + length].tobytes(), address))
            at += LARGEST
            name_at += _NAME_ROOM
        return found

    def _learn(self, name: bytes) -> PeerAddress:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        (port,) = struct.unpack_from("!H", name, 2)
        packed = name[8:24] if self._family is socket.AF_INET6 else name[4:8]
        host = socket.inet_ntop(self._family, packed)
        address = PeerAddress(canonical_host(host) if "." in host else host, port)
        self._known[name] = address
        return address


class Outgoing(_Batch):
    """What goes by sockets of one family."""

    def __init__(self, *, ipv6: bool) -> None:
        super().__init__(LARGEST_SENT, ipv6=ipv6)
        self._sizes = memoryview(self._vectors).cast("B").cast("P")
        self._known: dict[PeerAddress, bytes] = {}

    def send(self, fd: int, datagrams: Sequence[Datagram]) -> int:
        """See Batches."""
        content, names, sizes, known = self.content, self.names, self._sizes, self._known
        at = name_at = number = 0
        size = self._name_size
        for data, address in datagrams[:COUNT]:
            length = len(data)
            if length > LARGEST_SENT:
                break
            try:
                names[name_at : name_at + size] = known.get(address) or self._learn(address)
            except OSError:
                if not number:
                    raise
                break
            content[at : at + length] = data
            sizes[number + number + 1] = length
            at += LARGEST_SENT
            name_at += _NAME_ROOM
            number += 1
        done: int = LIBC.sendmmsg(fd, self._messages, number, _DONT_WAIT)
        if done < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return done

    def _learn(self, address: PeerAddress) -> bytes:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        host, port = address
        if self._family is socket.AF_INET6:
            packed = socket.inet_pton(socket.AF_INET6, host if ":" in host else MAPPED + host)
            name = struct.pack("=H", socket.AF_INET6) + struct.pack("!HI16sI", port, 0, packed, 0)
        else:
            packed = socket.inet_pton(socket.AF_INET, host)
            name = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, packed)
        self._known[address] = name
        return name


class KernelBatches:
    """Batches of real sockets; all of a process share two buffers for each address family."""

    def receive(self, by: socket.socket) -> list[Datagram]:
        """See Batches."""
        return _incoming(by.family is socket.AF_INET6).receive(by.fileno())

    def send(self, by: socket.socket, datagrams: Sequence[Datagram]) -> int:
        """See Batches."""
        return _outgoing(by.family is socket.AF_INET6).send(by.fileno(), datagrams)


@functools.cache
def _incoming(ipv6: bool) -> Incoming:
    return Incoming(ipv6=ipv6)


@functools.cache
def _outgoing(ipv6: bool) -> Outgoing:
    return Outgoing(ipv6=ipv6)
