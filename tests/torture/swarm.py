"""The other side of every transfer: one seed of all torrents, and leechers that look closely."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from peers.scripted import BITFIELD, BLOCK_DATA, HAVE, UNCHOKE, ScriptedPeer, Wire

from tests.torture.contents import Content

INTERESTED, REQUEST = 2, 6
BLOCK = 16 * 1024
RATE = 2 * 1024 * 1024
LEECH_SECONDS = 10


class Seed(ScriptedPeer):
    """Has every torrent, and counts what is asked for that was had already.

    It lets nobody in while it is `shut`: what a daemon finds on its own disk is then its own doing.
    """

    def __init__(self, contents: Iterable[Content]) -> None:
        self._contents = {content.wire_id: content for content in contents}
        self._had: dict[bytes, frozenset[int]] = {}
        self.shut = True
        self.sent = 0
        self.asked_again: Counter[str] = Counter()
        super().__init__(self._seed)

    def had(self, content: Content, pieces: Iterable[int]) -> None:
        """What the daemon says that it has: it must not ask for any of it."""
        self._had[content.wire_id] = frozenset(pieces)

    def forget(self, content: Content) -> None:
        """Nothing is known of what the daemon has."""
        self._had.pop(content.wire_id, None)

    def _seed(self, wire: Wire) -> None:
        content = self._contents.get(wire.read_handshake()[28:48])
        if content is None or self.shut:
            wire.socket.close()
            return
        wire.handshake(content.wire_id, name=b"seed")
        wire.have_all(content.piece_count)
        wire.message(UNCHOKE)
        for piece, begin, length in wire.requests():
            if piece in self._had.get(content.wire_id, ()):
                self.asked_again[content.name] += length
            time.sleep(length / RATE)
            wire.block(piece, begin, content.block(piece, begin, length))
            self.sent += length


class Leechers:
    """Dial the daemon, ask for some of what it shows, and compare every byte."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._count = threading.Lock()
        self.received = 0
        self.wrong: list[str] = []

    def leech(self, content: Content, node: Any) -> None:
        """Have one of them take some blocks of this torrent, in a thread of its own."""
        thread = threading.Thread(target=self._run, args=(content, node.host, node.port))
        thread.daemon = True
        thread.start()

    def _run(self, content: Content, host: str, port: int) -> None:
        with (
            contextlib.suppress(OSError, EOFError),
            socket.create_connection((host, port), LEECH_SECONDS) as sock,
        ):
            self._leech(Wire(sock), content)

    def _leech(self, wire: Wire, content: Content) -> None:
        wire.handshake(content.wire_id, name=b"leecher")
        wire.read_handshake()
        wire.message(INTERESTED)
        shown: set[int] = set()
        for kind, payload in wire.messages():
            if kind == BITFIELD:
                bits = (
                    (piece, payload[piece // 8] << piece % 8)
                    for piece in range(content.piece_count)
                )
                shown.update(piece for piece, bit in bits if bit & 0x80)
            elif kind == HAVE:
                shown.add(int.from_bytes(payload, "big"))
            elif kind == UNCHOKE and shown:
                self._ask(wire, content, self._rng.sample(sorted(shown), min(4, len(shown))))
            elif kind == BLOCK_DATA:
                self._look(content, payload)

    def _ask(self, wire: Wire, content: Content, pieces: Iterable[int]) -> None:
        for piece in pieces:
            size = content.layout.piece_size(piece)
            for begin in range(0, size, BLOCK):
                asked = (piece, begin, min(BLOCK, size - begin))
                wire.message(REQUEST, b"".join(number.to_bytes(4, "big") for number in asked))

    def _look(self, content: Content, payload: bytes) -> None:
        piece, begin = (int.from_bytes(payload[at : at + 4], "big") for at in (0, 4))
        data = payload[8:]
        with self._count:
            self.received += len(data)
            if data != content.block(piece, begin, len(data)):
                self.wrong.append(f"{content.name}: a peer was sent wrong bytes of piece {piece}")
