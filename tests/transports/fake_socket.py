"""A socket and a reactor that do as a test says, and a TCP stream on them."""

from __future__ import annotations

import socket
from collections import deque
from typing import Any, Callable, Sequence, cast

from twisted.python.failure import Failure

from p2pd.base.addresses import PeerAddress
from p2pd.transports.tcp import TcpStream, VectoredConnection
from p2pd.transports.tcp_counts import TcpCounts


class FakeSocket:
    """Brings `arriving`, at most one item a read; takes what `takes` says, then everything."""

    def __init__(self) -> None:
        self.arriving: deque[bytes | OSError] = deque()
        self.takes: deque[int | OSError] = deque()
        self.sent = bytearray()
        self.batches: list[int] = []
        self.places_read: list[int] = []
        self.closed = False

    def setblocking(self, flag: bool) -> None:
        assert not flag

    def setsockopt(self, *_: Any) -> None: ...

    def fileno(self) -> int:
        return 7

    def shutdown(self, how: int) -> None:
        assert how == socket.SHUT_RDWR

    def close(self) -> None:
        self.closed = True

    def recv_into(self, buffer: memoryview) -> int:
        return self._read([buffer])

    def recvmsg_into(self, buffers: Sequence[memoryview]) -> tuple[int, list[Any], int, None]:
        self.places_read.append(len(buffers))
        return self._read(buffers), [], 0, None

    def sendmsg(self, buffers: Sequence[Any]) -> int:
        self.batches.append(len(buffers))
        data = b"".join(bytes(buffer) for buffer in buffers)
        takes = self.takes.popleft() if self.takes else len(data)
        if isinstance(takes, OSError):
            raise takes
        self.sent += data[:takes]
        return min(takes, len(data))

    def _read(self, buffers: Sequence[memoryview]) -> int:
        if not self.arriving:
            raise BlockingIOError
        data = self.arriving.popleft()
        if isinstance(data, OSError):
            raise data
        size = 0
        for buffer in buffers:
            part = data[size : size + len(buffer)]
            buffer[: len(part)] = part
            size += len(part)
        if size < len(data):
            self.arriving.appendleft(data[size:])
        return size


class FakeReactor:
    """Knows who reads and writes; `turn` is one turn of the reactor with a socket that is ready."""

    def __init__(self) -> None:
        self.readers: dict[VectoredConnection, None] = {}
        self.writers: dict[VectoredConnection, None] = {}
        self.later: list[Callable[[], None]] = []

    def addReader(self, reader: VectoredConnection) -> None:
        self.readers[reader] = None

    def addWriter(self, writer: VectoredConnection) -> None:
        self.writers[writer] = None

    def removeReader(self, reader: VectoredConnection) -> None:
        self.readers.pop(reader, None)

    def removeWriter(self, writer: VectoredConnection) -> None:
        self.writers.pop(writer, None)

    def callLater(self, _seconds: float, call: Callable[..., None], *args: Any) -> None:
        self.later.append(lambda: call(*args))

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            later, self.later = self.later, []
            for call in later:
                call()
            for reader in list(self.readers):
                self._end(reader, reader.doRead())
            for writer in list(self.writers):
                self._end(writer, writer.doWrite())

    def _end(self, connection: VectoredConnection, why: Exception | None) -> None:
        if why is not None:
            self.removeReader(connection)
            self.removeWriter(connection)
            connection.connectionLost(Failure(why))


class Ear:
    """Notes what it hears; `then` is called when something came, `on_room` when more fits."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.lost: list[str] = []
        self.writable = 0
        self.then: Callable[[], None] = lambda: None
        self.on_room: Callable[[], None] = lambda: None

    def stream_received(self, data: memoryview) -> None:
        assert not self.lost
        self.data += data
        self.then()

    def stream_writable(self) -> None:
        assert not self.lost
        self.writable += 1
        self.on_room()

    def stream_lost(self, reason: str) -> None:
        self.lost.append(reason)


class Places:
    """A landing whose next reads go to places of these sizes."""

    def __init__(self, *sizes: list[int]) -> None:
        self.reads = deque([[bytearray(size) for size in read] for read in sizes])
        self.given: list[list[bytearray]] = []
        self.filled_sizes: list[int] = []
        self.then: Callable[[], None] = lambda: None

    def buffers(self) -> list[memoryview]:
        if not self.reads:
            return []
        self.given.append(self.reads.popleft())
        return [memoryview(place) for place in self.given[-1]]

    def filled(self, size: int) -> None:
        self.filled_sizes.append(size)
        self.then()


class Link:
    """A connected stream and what is around it."""

    def __init__(self) -> None:
        self.reactor = FakeReactor()
        self.socket = FakeSocket()
        self.ear = Ear()
        self.stream = TcpStream(lambda stream: self.ear, PeerAddress("10.0.0.1", 1), TcpCounts())
        self.connection = VectoredConnection(self.socket, self.stream, cast(Any, self.reactor))
        self.connection.connected = 1
        self.connection.startReading()
        self.stream.makeConnection(self.connection)

    def busy(self) -> bool:
        return bool(self.reactor.readers or self.reactor.writers or self.reactor.later)
