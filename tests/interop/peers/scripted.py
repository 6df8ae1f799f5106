"""Peers that follow a script over real sockets: for hostile behaviour, and to count requests.

`ScriptedPeer` only listens and hands each connection to a script in a thread; `Wire` knows the few
messages that scripts need (BEP 3), written apart from p2pd so that both cannot share a mistake.
`CountingSeed` is an honest v1 seed that remembers every request.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from p2pd.clients.free_port import free_port

PROTOCOL = b"\x13BitTorrent protocol"
CHOKE, UNCHOKE, INTERESTED, HAVE, BITFIELD, REQUEST, BLOCK_DATA, EXTENDED = 0, 1, 2, 4, 5, 6, 7, 20


class Wire:
    """A connection to the peer under test, from the script's side."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def handshake(self, info_hash: bytes, *, reserved: bytes = bytes(8), name: bytes = b"") -> None:
        peer_id = (b"-XX0001-" + name).ljust(20, b"x")[:20]
        self.send(PROTOCOL + reserved + info_hash + peer_id)

    def message(self, kind: int, payload: bytes = b"") -> None:
        self.send(struct.pack(">IB", 1 + len(payload), kind) + payload)

    def block(self, piece: int, begin: int, data: bytes) -> None:
        self.message(BLOCK_DATA, struct.pack(">II", piece, begin) + data)

    def have_all(self, pieces: int) -> None:
        """A bit field of all ones, with the spare bits at its end clear."""
        bits = ((1 << pieces) - 1) << (-pieces % 8)
        self.message(BITFIELD, bits.to_bytes((pieces + 7) // 8, "big"))

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes; EOFError when the other side has closed."""
        data = bytearray()
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return bytes(data)

    def read_handshake(self) -> bytes:
        return self.read(68)

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """Kind and payload of each message until the other side closes; keep-alives left out."""
        while True:
            (length,) = struct.unpack(">I", self.read(4))
            if length:
                body = self.read(length)
                yield body[0], body[1:]

    def requests(self) -> Iterator[tuple[int, int, int]]:
        """Piece, begin and length of each request."""
        for kind, payload in self.messages():
            if kind == REQUEST:
                yield struct.unpack(">III", payload)


Script = Callable[[Wire], None]


class ScriptedPeer:
    """Listens on loopback and runs its script on every connection it gets, or makes."""

    def __init__(self, script: Script, *, host: str = "127.0.0.1") -> None:
        self._script = script
        self.host, self.port = host, free_port(host)
        self.connections = 0
        self.ended = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((host, self.port))
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._start(self._run, self._listener.accept()[0])

    def dial(self, other: Any) -> None:
        """Connect to the peer under test and run the script there too."""
        with contextlib.suppress(OSError):  # to turn it away is the other side's right
            sock = socket.create_connection(
                (other.host, other.port), 5, source_address=(self.host, 0)
            )
            sock.settimeout(None)
            self._start(self._run, sock)

    def _run(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.add(sock)
            self.connections += 1
        with contextlib.suppress(OSError, EOFError), sock:
            self._script(Wire(sock))
        with self._lock:
            self._open.discard(sock)
            self.ended += 1

    def hang_up(self) -> None:
        """Close every connection, and keep listening."""
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(5)


class CountingSeed(ScriptedPeer):
    """An honest seed of a v1 torrent of one file, which remembers what it was asked for."""

    def __init__(
        self, path: Path, info_hash: bytes, piece_length: int, *, bytes_per_second: float
    ) -> None:
        self._data = path.read_bytes()
        self._info_hash = info_hash
        self._piece_length = piece_length
        self._seconds_per_byte = 1 / bytes_per_second
        self.requests: list[tuple[int, int, int]] = []
        super().__init__(self._seed)

    @property
    def piece_count(self) -> int:
        return -(-len(self._data) // self._piece_length)

    def _seed(self, wire: Wire) -> None:
        wire.read_handshake()
        wire.handshake(self._info_hash, name=b"counts")
        wire.have_all(self.piece_count)
        wire.message(UNCHOKE)
        for piece, begin, length in wire.requests():
            self.requests.append((piece, begin, length))
            start = piece * self._piece_length + begin
            time.sleep(length * self._seconds_per_byte)
            wire.block(piece, begin, self._data[start : start + length])
