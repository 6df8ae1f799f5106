"""Warnings before authorities that are here end, and certificates that they issued to others.

Torrents' own certificates, and the CAs of torrents that are here, the session watches by itself; it
is told here of CAs that no torrent has, and of those certificates that nobody renews.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.logger import Logger

from p2pd.automation.swarm_ca.authorities import Authorities
from p2pd.automation.swarm_ca.rounds import Rounds
from p2pd.base.errors import P2pdError
from p2pd.formats.x509.revocation import ca_id
from p2pd.session.revoking.endings import Ending, Subject
from p2pd.session.revoking.revocations import name_of
from p2pd.session.revoking.revocations_api import RevocationsApi
from p2pd.state.swarm_ca.ends import ends_of
from p2pd.state.swarm_ca.views import AuthorityView

LOOK_SECONDS = 3600.0


class AuthorityEndings:
    """Of all authorities that are here."""

    log = Logger()

    def __init__(self, authorities: Authorities, lists: RevocationsApi, clock: Any) -> None:
        self._authorities = authorities
        self._lists = lists
        self._endings: Sequence[Ending] = ()
        self._rounds = Rounds(self._look_at_all, LOOK_SECONDS, "what ends of the CAs here", clock)

    def start(self) -> None:
        """Look now, and every hour."""
        self._lists.watch(lambda: self._endings)
        self._rounds.start()

    def stop(self) -> None:
        """Look no more."""
        self._rounds.stop()

    async def _look_at_all(self) -> None:
        try:
            views = await self._authorities.list()
        except P2pdError as problem:
            self.log.error("the CAs here cannot be read: {problem}", problem=problem)
            return
        now = self._authorities.now().timestamp()
        self._endings = [ending for view in views for ending in _endings_of(view, now)]
        self._lists.ends_changed()


def _endings_of(view: AuthorityView, now: float) -> list[Ending]:
    if view.certificate is None:
        return []
    of, name = ca_id(view.certificate).hex(), name_of(view.certificate)
    return [
        Ending(Subject.ISSUED, f"{Subject.ISSUED}:{of}:{end.serial:x}", end.name, end.ends_at)
        if end.serial
        else Ending(Subject.CA, f"{Subject.CA}:{of}", name, end.ends_at)
        for end in ends_of(view, now)
    ]
