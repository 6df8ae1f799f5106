"""One connection of the peer wire protocol as a state machine: bytes in, events out, and back.

It covers the handshake (BEP 3), the framing of messages (BEP 3, 6), keep-alives and
silence. It knows no socket, no clock and no torrent: whether a piece exists is for others to say.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire.decoding import KINDS, MAX_MESSAGE, UNKNOWN, Kind, check_length
from p2pd.protocols.peerwire.handshake import HANDSHAKE_SIZE, Handshake, check_prefix
from p2pd.protocols.peerwire.messages import (
    MAX_BLOCK,
    Block,
    Have,
    KeepAlive,
    Message,
    Request,
    encode,
)

HANDSHAKE_SECONDS = 20.0
"""How long the peer's whole handshake may take."""
KEEP_ALIVE_SECONDS = 110.0
"""Our silence that a keep-alive ends; peers give up after two minutes or more (BEP 3)."""
SILENCE_SECONDS = 180.0
"""The peer's silence that ends the connection."""

_LENGTH = struct.Struct(">I")
_BLOCK = struct.Struct(">IBII")
_HAVE = struct.Struct(">IBI")
_HAVE_SIZE = _HAVE.size
_BLOCK_HEADER = _BLOCK.size
_LONGEST_BLOCK = 9 + MAX_BLOCK
_KEEP_ALIVE = KeepAlive()
_INCOMPLETE = -1


class PeerTimedOut(NamedTuple):
    """The peer was silent too long; `waiting_for` says for what, in words."""

    waiting_for: str


Event = Handshake | Message | PeerTimedOut


class PeerWireError(FormatError):
    """The peer broke the protocol, said in words; `events` came in order before that."""

    def __init__(self, reason: str, events: tuple[Event, ...] = ()) -> None:
        super().__init__(reason)
        self.events = events


class PeerWire:
    """The state of one connection; `initiator` says whether we dialled, `now` is in seconds.

    `max_message` bounds messages whose length is free; a bitfield has a bound of its own.
    """

    __slots__ = (
        "initiator", "local", "remote", "unknown_messages", "_broken", "_fast_refused",
        "_last_received", "_last_sent", "_max_message", "_now", "_out", "_tail",
        "_timed_out",
    )  # fmt: skip

    def __init__(self, *, initiator: bool, now: float, max_message: int = MAX_MESSAGE) -> None:
        self.initiator = initiator
        self.local: Handshake | None = None
        self.remote: Handshake | None = None
        self.unknown_messages = 0
        self._max_message = max_message
        self._out: list[bytes] = []
        self._tail = bytearray()
        self._broken = ""
        self._fast_refused = True
        self._timed_out = False
        self._now = self._last_received = self._last_sent = now

    # -- sending ------------------------------------------------------------------------------

    def send_handshake(self, handshake: Handshake) -> None:
        """Queue our handshake, before any message. Who was dialled may wait for the peer's."""
        if self.local is not None:
            raise RuntimeError("the handshake is sent once")
        self.local = handshake
        self._out.append(handshake.encode())
        self._settle_fast()

    def send(self, message: Message) -> None:
        """Queue a message."""
        self.send_bytes(encode(message))

    def send_bytes(self, raw: bytes) -> None:
        """Queue messages that are encoded already."""
        if self.local is None:
            raise RuntimeError("the handshake goes before every message")
        self._out.append(raw)

    def data_to_send(self) -> bytes:
        """Everything queued since the last call, in order.

        It counts as sent at the latest time this connection was told, so a keep-alive may come
        early but never late.
        """
        if not self._out:
            return b""
        data = b"".join(self._out)
        self._out.clear()
        self._last_sent = self._now
        return data

    # -- time ---------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When to call `handle_timer` next; None after the connection is over."""
        if self._timed_out or self._broken:
            return None
        if self.remote is None:
            return self._last_received + HANDSHAKE_SECONDS
        silence = self._last_received + SILENCE_SECONDS
        return silence if self.local is None else min(silence, self._keep_alive_at())

    def handle_timer(self, now: float) -> list[Event]:
        """Queue a keep-alive if it is time for one; PeerTimedOut, once, if the peer is silent."""
        self._now = now
        if self._timed_out or self._broken:
            return []
        shaken = self.remote is not None
        if now >= self._last_received + (SILENCE_SECONDS if shaken else HANDSHAKE_SECONDS):
            self._timed_out = True
            return [PeerTimedOut("a message" if shaken else "the handshake")]
        if shaken and self.local is not None and now >= self._keep_alive_at():
            if not self._out:
                self._out.append(encode(_KEEP_ALIVE))
            self._last_sent = now
        return []

    def excuse_silence(self, now: float) -> None:
        """The peer was not listened to until now: its silence says nothing."""
        self._last_received = now

    def _keep_alive_at(self) -> float:
        return self._last_sent + KEEP_ALIVE_SECONDS

    # -- receiving ----------------------------------------------------------------------------

    def receive_data(self, data: bytes | bytearray | memoryview, now: float) -> list[Event]:
        """The events in these bytes, in order: the handshake once, then messages.

        The views in blocks point into `data`. Raises PeerWireError when the peer broke the
        protocol, and from then on at every call.
        """
        if self._broken:
            raise PeerWireError(self._broken)
        events: list[Event] = []
        view = memoryview(data)
        self._now = now
        try:
            start = 0
            if self.remote is None:
                start = self._read_handshake(view, now, events)
            elif self._tail:
                start = self._finish_tail(view, events)
            if start < len(view):
                self._read_messages(view, start, events)
        except FormatError as problem:
            self._broken = str(problem)
            self._tail = bytearray()
            raise PeerWireError(self._broken, tuple(events)) from None
        if data and self.remote is not None:
            self._last_received = now
        return events

    @property
    def unfinished(self) -> bytes | bytearray:
        """The start of a message whose end has not come; empty between messages."""
        return self._tail

    def receive_anew(self, data: bytes, now: float) -> list[Event]:
        """As `receive_data`, with bytes that stand for `unfinished` and what came behind it.

        For who read the rest of that message, or what it stood for, by another way (landing.py).
        """
        self._tail = bytearray()
        self._last_received = now
        return self.receive_data(data, now)

    def _read_handshake(self, view: memoryview, now: float, events: list[Event]) -> int:
        """The handshake's bytes are gathered in the tail. Where in `view` messages start."""
        used = min(HANDSHAKE_SIZE - len(self._tail), len(view))
        self._tail += view[:used]
        check_prefix(self._tail)
        if len(self._tail) == HANDSHAKE_SIZE:
            self.remote = Handshake.parse(self._tail)
            self._tail = bytearray()
            self._settle_fast()
            events.append(self.remote)
        return used

    def _settle_fast(self) -> None:
        # A peer that pipelines cannot know our bits yet: its own decides until ours are sent.
        sides = (self.local, self.remote)
        self._fast_refused = not all(side.supports_fast for side in sides if side is not None)

    def _read_messages(self, view: memoryview, start: int, events: list[Event]) -> None:
        """Read whole messages in place; what remains of one at the end is kept.

        HOT: blocks, requests and haves are told by their header alone and cost no call and no copy.
        """
        end = len(view)
        append, new = events.append, tuple.__new__
        header, have = _BLOCK.unpack_from, _HAVE.unpack_from
        while start < end:
            if end - start > _BLOCK_HEADER:
                length, id_, piece, begin = header(view, start)
                if id_ == 7 and 9 < length <= _LONGEST_BLOCK:
                    after = start + 4 + length
                    if after > end:
                        break
                    append(new(Block, (piece, begin, view[start + 13 : after])))
                    start = after
                    continue
                if id_ == 6 and length == 13 and end - start >= 17:
                    append(new(Request, (piece, begin, _LENGTH.unpack_from(view, start + 13)[0])))
                    start += 17
                    continue
            if end - start >= _HAVE_SIZE:
                length, id_, piece = have(view, start)
                if id_ == 4 and length == 5:
                    append(new(Have, (piece,)))
                    start += _HAVE_SIZE
                    continue
            after = self._read_message(view, start, end, events)
            if after == _INCOMPLETE:
                break
            start = after
        if start < end:
            self._tail = bytearray(view[start:])

    def _read_message(self, view: memoryview, start: int, end: int, events: list[Event]) -> int:
        """Read one message. Where it ends, or `_INCOMPLETE`; its bounds are checked first."""
        if end - start < 4:
            return _INCOMPLETE
        length: int = _LENGTH.unpack_from(view, start)[0]
        if not length:
            events.append(_KEEP_ALIVE)
            return start + 4
        if end - start < 5:
            return _INCOMPLETE
        kind = KINDS.get(view[start + 4], UNKNOWN)
        check_length(kind, length, self._max_message)
        after = start + 4 + length
        if after > end:
            return _INCOMPLETE
        if kind is UNKNOWN:
            self.unknown_messages += 1
        else:
            self._check_agreed(kind)
            events.append(kind.read(view, start + 5, after))
        return after

    def _check_agreed(self, kind: Kind) -> None:
        """BEP 6 needs both sides.

        When all pieces are told is not checked. The letter of BEP 3 has the bitfield first of all,
        but clients in use send others before it, send it late when they had no metadata, and send
        it again instead of many haves.
        """
        if kind.fast and self._fast_refused:
            raise FormatError(f"{kind.name} message although the fast extension is not agreed on")

    def _finish_tail(self, view: memoryview, events: list[Event]) -> int:
        """Join to the kept bytes what their one message lacks. How many bytes of `view` it took."""
        tail, used = self._tail, 0
        while (missing := self._wanted(tail) - len(tail)) > 0:
            if used == len(view):
                return used
            more = view[used : used + missing]
            tail += more
            used += len(more)
        # Views of a block will point into this buffer, so it is never grown again.
        self._tail = bytearray()
        self._read_message(memoryview(tail), 0, len(tail), events)
        return used

    def _wanted(self, tail: bytearray) -> int:
        """How long the message that starts in `tail` is, as far as can be said already."""
        if len(tail) < 4:
            return 4
        length: int = _LENGTH.unpack_from(tail)[0]
        if not length or len(tail) < 5:
            return 5 if length else 4
        check_length(KINDS.get(tail[4], UNKNOWN), length, self._max_message)
        return 4 + length
