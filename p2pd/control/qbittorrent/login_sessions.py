"""Login sessions: who logged in with a form is known by a cookie from then on.

A session stands for the credentials of the form: every request with its cookie is judged as if it
had them in its Authorization header, so what is refused to these is refused to it. There are at
most so many; the one that was unused longest gives way, and one that nobody uses ends.
"""

from __future__ import annotations

import base64
import random
import string
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from p2pd.base.clock import Clock
from p2pd.base.measures import Measure, bounded

COOKIE = "SID"
MAX_SESSIONS = 1024
IDLE_SECONDS = 3600.0


@dataclass(slots=True)
class _Session:
    authorization: bytes | None = field(repr=False)
    used: float


class LoginSessions:
    """The sessions by the value of their cookies."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        """`rng` is a SystemRandom but in tests."""
        self._clock = clock
        self._rng = rng
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._sessions)

    def begin(self, authorization: bytes | None) -> str:
        """A new session for who has these credentials; None for who needs none."""
        value = "".join(self._rng.choices(string.ascii_letters + string.digits, k=32))
        self._sessions[value] = _Session(authorization, self._clock.seconds())
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return value

    def authorization(self, value: str) -> bytes | None:
        """The credentials that a cookie stands for; None if for none, or no more."""
        session = self._sessions.get(value)
        if session is None:
            return None
        now = self._clock.seconds()
        if now - session.used >= IDLE_SECONDS:
            del self._sessions[value]
            return None
        session.used = now
        self._sessions.move_to_end(value)
        return session.authorization

    def end(self, value: str) -> None:
        """Log out."""
        self._sessions.pop(value, None)

    def measures(self) -> Sequence[Measure]:
        """How many there are, of how many."""
        words = "Login sessions of qBittorrent's clients."
        return bounded("qbittorrent_sessions", words, len(self), MAX_SESSIONS)


def basic(user: str, password: str) -> bytes:
    """The Authorization header for a name and a password (RFC 7617)."""
    # A name with a colon is nobody's: it would say another name and another password.
    pair = "" if ":" in user else f"{user}:{password}"
    return b"Basic " + base64.b64encode(pair.encode())
