"""Certificates of this node that no torrent here has any more: they are let go.

What the node issued to itself, of a CA that is here, goes soon: a torrent that comes back is issued
another. What another node issued took a token, so it is renewed for a while, and then no more; it
goes when it has ended. Since when nothing has one is kept beside it, for daemons do not run long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from twisted.logger import Logger

from p2pd.automation.swarm_ca.own_certificates import Known, OwnCertificates, lacks, unfit
from p2pd.base.errors import P2pdError
from p2pd.session.api import TorrentView

OWN_SECONDS = 600.0
"""After so long one goes that the node issued to itself: it may just be looked at anew."""
GIVEN_SECONDS = 90 * 86_400.0
"""After so long one of another node is not renewed any more."""


class IdleCertificates:
    """Knows which they are. `wall` tells Unix seconds."""

    log = Logger()

    def __init__(self, own: OwnCertificates, wall: Callable[[], float]) -> None:
        self._own = own
        self._wall = wall

    async def look(self, torrents: Sequence[TorrentView]) -> None:
        """Note which nobody has, and let those go that are of no use. Raises P2pdError."""
        serials = {each.tls.serial for each in torrents if each.tls is not None}
        every = list(self._own.all.values())
        idle = [one for one in every if one.enrolled.certificate.serial_number not in serials]
        awaited = await self._awaited(idle, [each for each in torrents if lacks(each)])
        useless = {one.enrolled.id for one in idle} - awaited
        for known in every:
            serial = known.enrolled.certificate.serial_number
            if known.enrolled.id not in useless:
                await self._note(known, 0)
            elif not known.enrolled.idle_since:
                await self._note(known, int(self._wall()))
            elif self._is_useless(known):
                await self._own.forget(known.enrolled.id)
                self.log.info(
                    "the certificate {serial:x} of this node is forgotten: no torrent here has it",
                    serial=serial,
                )

    def why_not_renewed(self, known: Known) -> str:
        """In words; empty: it is renewed."""
        since = known.enrolled.idle_since
        if not since or self._wall() < since + GIVEN_SECONDS:
            return ""
        day = datetime.fromtimestamp(since, UTC)
        return f"no torrent here has it since {day:%Y-%m-%d}: it is not renewed by itself"

    def _is_useless(self, known: Known) -> bool:
        now, enrolled = self._wall(), known.enrolled
        if not enrolled.addresses:
            return now >= enrolled.idle_since + OWN_SECONDS
        has_ended = now >= enrolled.certificate.not_valid_after_utc.timestamp()
        return has_ended and bool(self.why_not_renewed(known))

    async def _awaited(self, idle: Sequence[Known], lacking: Iterable[TorrentView]) -> set[str]:
        """The ids of those that a torrent may get that waits for a certificate."""
        left = {one.enrolled.id: one.enrolled for one in idle}
        awaited: set[str] = set()
        for torrent in lacking:
            if not left:
                break
            try:
                metainfo = await self._own.metainfo(torrent)
            except P2pdError:
                continue  # it says so itself
            for id_, enrolled in list(left.items()):
                if metainfo is not None and not unfit(enrolled, metainfo):
                    awaited.add(id_)
                    del left[id_]
        return awaited

    async def _note(self, known: Known, since: int) -> None:
        if known.enrolled.idle_since != since:
            await self._own.note_idle(known, since)
