"""Datagrams of sockets that are connected, many with one call of the kernel, made before.

For a load that has to be quicker than what it loads.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence

from p2pd.transports.datagram_batches import LIBC, Message, Vector

_MSG_DONTWAIT = 0x40


_SIZE = ctypes.sizeof(Message)


class _Batch:
    """Messages over parts of one buffer."""

    def __init__(self, buffer: ctypes.Array[ctypes.c_char], parts: Sequence[tuple[int, int]]):
        self._buffer = buffer
        self._vectors = (Vector * len(parts))()
        self._messages = (Message * len(parts))()
        origin = ctypes.addressof(buffer)
        for vector, message, (start, size) in zip(
            self._vectors, self._messages, parts, strict=True
        ):
            vector.base, vector.size = origin + start, size
            message.header.vector = ctypes.addressof(vector)
            message.header.vectors = 1

    def __len__(self) -> int:
        return len(self._messages)


class Outgoing(_Batch):
    """Datagrams that are sent again and again, in turn, from a socket that is connected."""

    def __init__(self, datagrams: Sequence[bytes]) -> None:
        starts, end = [], 0
        for each in datagrams:
            starts.append((end, len(each)))
            end += len(each)
        buffer = ctypes.create_string_buffer(b"".join(datagrams), end)
        super().__init__(buffer, starts)
        self._next = 0

    def send(self, fd: int, count: int) -> int:
        """Send the next `count` of them, or as many as there is room for; how many these were."""
        sent = 0
        while sent < count:
            some = min(count - sent, len(self) - self._next)
            first = ctypes.byref(self._messages, self._next * _SIZE)
            done = LIBC.sendmmsg(fd, first, some, _MSG_DONTWAIT)
            if done <= 0:
                _check()
                break
            sent += done
            self._next = (self._next + done) % len(self)
        return sent


class Incoming(_Batch):
    """Room for `count` datagrams of `size` bytes; what came is in `data`."""

    def __init__(self, count: int, size: int) -> None:
        self._stride = size
        buffer = ctypes.create_string_buffer(count * size)
        super().__init__(buffer, [(number * size, size) for number in range(count)])
        self.data = memoryview(buffer).cast("B")

    def receive(self, fd: int) -> list[bytes]:
        """What is there to be read, at most `count` of them; the others are there the next time."""
        done = LIBC.recvmmsg(fd, self._messages, len(self), _MSG_DONTWAIT, None)
        if done <= 0:
            _check()
            return []
        data, stride = self.data, self._stride
        return [
            data[number * stride : number * stride + self._messages[number].size].tobytes()
            for number in range(done)
        ]


def _check() -> None:
    """A full or empty buffer is nothing, nor is a port where nobody listens any more."""
    number = ctypes.get_errno()
    if number not in (errno.EAGAIN, errno.ECONNREFUSED, errno.ENOBUFS, 0):
        raise OSError(number, os.strerror(number))
