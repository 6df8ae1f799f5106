"""How much is believed of what one peer tells of others (BEP 11, "Security Considerations").

It may send a message a minute; a few more are forgiven, others are not read, and who goes on is to
be hung up on. Of each message some addresses count, of each host one, and none that the sender
could not reach itself. Only so many of them may be new to us, so that no peer fills the pool alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Container

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError
from p2pd.discovery.pex.scopes import Scope, scope_of
from p2pd.protocols.peerwire.extensions.ut_pex import PexMessage, PexPeer

MESSAGES_AT_ONCE = 4
"""Which are believed without a pause: a client may begin anew, or be held up on its way."""
MESSAGE_SECONDS = 45.0
"""For each of which one more is. An honest minute may come out shorter here."""
PATIENCE = 12
"""Messages beyond that which are not read and no more; with another one the connection ends."""
FORGIVE_SECONDS = 60.0
"""After which one of them is forgotten."""

MOST = 50
MOST_AT_FIRST = 200

NEW_AT_ONCE = 200
"""Addresses nobody else told us of, that a peer may have us know of."""
NEW_PER_MINUTE = 20.0


class PexFloodError(FormatError):
    """A peer sends far more messages than it may."""


@dataclass(slots=True)
class PexCounts:
    """Over all peers of a session."""

    sent: int = 0
    received: int = 0
    too_often: int = 0
    """Messages that were not read."""
    addresses: int = 0
    """Those that were believed."""
    refused: int = 0
    """Those that were not."""


class Heard:
    """One sender. `host` is its IP address."""

    __slots__ = ("_at", "_first", "_impatience", "_messages", "_new", "_new_at", "_scope")

    def __init__(self, host: str, now: float) -> None:
        self._scope = scope_of(host)
        self._at = self._new_at = now
        self._first = True
        self._messages = float(MESSAGES_AT_ONCE)
        self._impatience = 0.0
        self._new = float(NEW_AT_ONCE)

    def may_speak(self, now: float) -> bool:
        """A message came: whether it is to be read. Raises PexFloodError."""
        passed, self._at = now - self._at, now
        earned = self._messages + passed / MESSAGE_SECONDS
        self._messages = min(float(MESSAGES_AT_ONCE), earned)
        self._impatience = max(0.0, self._impatience - passed / FORGIVE_SECONDS)
        if self._messages >= 1.0:
            self._messages -= 1.0
            return True
        self._impatience += 1.0
        if self._impatience > PATIENCE:
            raise PexFloodError("it tells of peers far more often than once a minute")
        return False

    def believed(self, message: PexMessage, own: Container[PeerAddress]) -> list[PexPeer]:
        """The peers that it may be telling the truth about; `own` are addresses of ours."""
        most = MOST_AT_FIRST if self._first else MOST
        self._first = False
        hosts: set[str] = set()
        found = []
        for peer in message.added[:most]:
            host = peer.address.host
            scope = scope_of(host)
            alone = scope is Scope.MACHINE or host not in hosts
            if alone and scope <= self._scope and peer.address not in own:
                hosts.add(host)
                found.append(peer)
        return found

    def room_for_new(self, now: float) -> int:
        """How many addresses that nobody told of yet may come of it."""
        passed, self._new_at = now - self._new_at, now
        self._new = min(float(NEW_AT_ONCE), self._new + passed * NEW_PER_MINUTE / 60.0)
        return int(self._new)

    def was_new(self, count: int) -> None:
        """So many came of it."""
        self._new -= count
