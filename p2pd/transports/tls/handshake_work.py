"""The steps of TLS handshakes, each in another thread: keys are made, and certificates judged.

How many may be under way is bounded: who comes then is refused, and costs nothing more. Whoever has
begun may go on.
"""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet.defer import Deferred

from p2pd.transports.encryption.key_work import Elsewhere

UNDER_WAY = 64
"""Steps that may be under way or in line: some take two milliseconds, with a large RSA key."""


class HandshakeWork:
    """Runs steps. `refused` counts the handshakes for which there was no place."""

    def __init__(self, elsewhere: Elsewhere, *, limit: int = UNDER_WAY) -> None:
        self._elsewhere = elsewhere
        self.limit = limit
        self.in_line = 0
        self.refused = 0

    @property
    def has_room(self) -> bool:
        """Whether one more handshake may begin."""
        return self.in_line < self.limit

    def run(self, step: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Its result, in the reactor's thread."""
        self.in_line += 1
        return self._elsewhere(step, *args).addBoth(self._done)

    def _done(self, result: Any) -> Any:
        self.in_line -= 1
        return result
