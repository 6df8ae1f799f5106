"""Between plain bytes and the records of TLS: what OpenSSL does, behind a handshake.

Bytes of the network go in with `feed` and come out decrypted where `read` is told to put them;
`seal` gives the records of plain bytes. What OpenSSL says of itself (alerts, key updates) is for
`said`. None of these raises: `ended` and `problem` tell how it ended.

This is done with pyOpenSSL's methods alone. direct_records.py does the same with fewer copies.
"""

from __future__ import annotations

from typing import Sequence

from OpenSSL import SSL

from p2pd.transports.interfaces import Buffer

SLICE = 64 * 1024
"""Bytes that are given to OpenSSL at once: the memory that it takes for them it keeps."""

RECORD = 16 * 1024
"""Plain bytes of a record, at most."""

SAID = 64 * 1024

FAILED = "TLS failed"


class Records:
    """The records of one connection, in both directions."""

    __slots__ = ("_connection", "_is_dry", "_unfed", "ended", "problem")

    def __init__(self, connection: SSL.Connection) -> None:
        self._connection = connection
        self._unfed = memoryview(b"")
        self._is_dry = False
        self.ended = False
        """Whether the peer said that it says nothing more (close_notify)."""
        self.problem = ""
        """Why there is no going on, in words; empty: nothing is wrong."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be read."""
        return self.ended or bool(self.problem)

    # -- what comes ------------------------------------------------------------------------------

    def feed(self, data: memoryview) -> None:
        """These came, behind what came before. They may change after `keep`."""
        self._unfed = memoryview(bytes(self._unfed) + data) if self._unfed else data
        self._is_dry = False

    def keep(self) -> None:
        """Copy what was not read: it lies in memory of others, who want it back."""
        self._unfed = memoryview(bytes(self._unfed))

    @property
    def has_unread(self) -> bool:
        """Whether there may be more to read although nothing more came."""
        return not self._is_dry and not self.is_over

    def read(self, places: Sequence[memoryview]) -> int:
        """Fill these one after the other, as far as it goes; how many bytes were decrypted."""
        total = 0
        for place in places:
            got = self._fill(place)
            total += got
            if got < len(place):
                break
        return total

    def _fill(self, place: memoryview) -> int:
        at = 0
        while at < len(place) and not self.is_over:
            try:
                at += self._connection.recv_into(place[at : at + RECORD])
            except SSL.WantReadError:
                if not self._unfed:
                    self._is_dry = True
                    break
                self._connection.bio_write(self._unfed[:SLICE])
                self._unfed = self._unfed[SLICE:]
            except SSL.Error as error:
                self._failed(error)
        return at

    # -- what goes -------------------------------------------------------------------------------

    def seal(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """The records of these, joined: few records, however many buffers."""
        plain = memoryview(buffers[0] if len(buffers) == 1 else b"".join(buffers))
        sealed: list[Buffer] = []
        try:
            while plain:
                plain = plain[self._connection.send(plain[:SLICE]) :]
                sealed.append(self._connection.bio_read(2 * SLICE))
        except SSL.Error as error:
            self._failed(error)
        return sealed

    def said(self) -> bytes:
        """What is to be sent beside what was sealed; mostly nothing."""
        try:
            return self._connection.bio_read(SAID)
        except SSL.Error:
            return b""

    def close(self) -> bytes:
        """The last record: nothing more is said by us (close_notify)."""
        if self.problem:
            return b""
        try:
            self._connection.shutdown()
        except SSL.Error:
            return b""
        return self.said()

    def _failed(self, error: SSL.Error) -> None:
        if isinstance(error, SSL.ZeroReturnError):
            self.ended = True
        else:
            self.problem = words_of(error)


def words_of(error: SSL.Error) -> str:
    """What OpenSSL says of an error, as short as it goes."""
    if isinstance(error, SSL.SysCallError):
        return "TLS: the connection ended too early"
    found = error.args[0] if error.args else ()
    reasons = [reason for *_, reason in found if reason] if isinstance(found, list) else []
    return f"TLS: {reasons[0]}" if reasons else FAILED
