"""Certificates of this node are renewed before they run out, and torrents get what there is.

A third of its life before its end a certificate is renewed where it came from, for a new key. A
torrent that has none, or one that ran out, gets it as soon as there are both; of a CA that is here
it gets one without being asked for. What no torrent has any more is let go.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Coroutine, Protocol

from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.logger import Logger

from p2pd.automation.refusals import RefusedError
from p2pd.automation.swarm_ca.asking import Post, ask, checked, enrolled_by, for_renewal
from p2pd.automation.swarm_ca.authorities import Authorities
from p2pd.automation.swarm_ca.idle_certificates import IdleCertificates
from p2pd.automation.swarm_ca.own_certificates import (
    InThread,
    Known,
    OwnCertificates,
    Torrents,
    lacks,
    print_of,
    unfit,
)
from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import P2pdError
from p2pd.formats.metainfo import Metainfo
from p2pd.formats.x509.pem import certificate_pem, private_key_pem
from p2pd.formats.x509.swarm_ca import fingerprint, new_key
from p2pd.session.api import TorrentView
from p2pd.session.session_events import EventKind, SessionEvents, TorrentEvent
from p2pd.state.swarm_ca.enrolled import Enrolled
from p2pd.state.swarm_ca.folder import SwarmCaFolder, Wanted
from p2pd.state.swarm_ca.issuing import issue

ROUND_SECONDS = 600.0
"""Between looks at what runs out."""
RETRY_SECONDS = 3600.0
"""After nobody could be asked; sooner, when there is less time left."""
REFUSED_SECONDS = 6 * 3600.0
"""After the node with the CA refused."""
LEAST_SECONDS = 60.0
KEPT_SECONDS = 30 * 86_400.0
"""For so long it is tried to renew one that ran out."""

LOOK_SECONDS = 2.0
"""After a torrent was added: by then it is known whether its peers are reached by TLS."""

_LOOKED_AT = (EventKind.METADATA, EventKind.CHECKED, EventKind.STARTED, EventKind.ERROR)


class Session(Torrents, Protocol):
    """What is asked of the session (session/api.py)."""

    @property
    def events(self) -> SessionEvents: ...
    def find(self, key: int | str) -> TorrentView | None: ...


class Renewals:
    """Sees to all certificates of this node, and to torrents without one."""

    log = Logger()

    def __init__(
        self,
        session: Session,
        own: OwnCertificates,
        authorities: Authorities,
        post: Post,
        *,
        clock: Clock,
        wall: Callable[[], float],
        in_thread: InThread,
        label: str = "",
    ) -> None:
        """`label` is what this node calls itself in what it issues to itself."""
        self._session = session
        self._own = own
        self._authorities = authorities
        self._post = post
        self._clock = clock
        self._wall = wall
        self._in_thread = in_thread
        self._label = label
        self._idle = IdleCertificates(own, wall)
        self._one_by_one = DeferredLock()
        self._call: DelayedCall | None = None
        self._look: DelayedCall | None = None
        self._added: set[int] = set()
        self._running: set[Deferred[None]] = set()
        self._unlisten: Callable[[], object] = lambda: None
        self._seeing = False

    async def start(self) -> None:
        """Go on with what earlier runs had."""
        for sentence in await self._own.load():
            self.log.error("a certificate of this node is lost: {why}", why=sentence)
        self._unlisten = self._session.events.listen(self._happened)
        self._round()

    def stop(self) -> None:
        """No more; what is under way is given up."""
        self._unlisten()
        for call in (self._call, self._look):
            if call is not None and call.active():
                call.cancel()
        for running in list(self._running):
            running.cancel()

    async def renew(self, id_: str) -> Known:
        """Renew one now. Raises P2pdError."""
        known = self._own.all.get(id_)
        if known is None:
            raise RefusedError(f"this node has no certificate {id_[:40]!r}")
        try:
            return await self._renewed(known)
        except P2pdError as problem:
            self._failed(known, problem)
            raise

    async def _renewed(self, known: Known) -> Known:
        before = known.enrolled
        work = self._asked_again if before.addresses else self._issued_again
        enrolled, key = await self._in_turn(work(before))
        enrolled = replace(enrolled, idle_since=before.idle_since)
        renewed = await self._own.keep(enrolled, key)
        self.log.info(
            "the certificate {serial:x} is renewed, until {day:%Y-%m-%d %H:%M} UTC",
            serial=before.certificate.serial_number,
            day=enrolled.certificate.not_valid_after_utc,
        )
        wanting = (*self._own.having(before), *self._own.lacking())
        self._warn((await self._own.give(enrolled, wanting)).problems)
        return renewed

    async def _asked_again(self, before: Enrolled) -> tuple[Enrolled, str]:
        key = await self._own.key(before)
        asked = await self._in_thread(lambda: for_renewal(before, key, new_key()))
        answer, _ = await ask(self._post, before.addresses, asked.asking)
        checked(answer, self._now())
        return enrolled_by(answer, before.id, before.addresses), asked.key_pem

    async def _issued_again(self, before: Enrolled) -> tuple[Enrolled, str]:
        return await self._authorities.run(self._issue_again, before)

    def _issue_again(self, before: Enrolled) -> tuple[Enrolled, str]:
        folder = self._authorities.with_fingerprint(fingerprint(before.ca))
        if folder is None:
            raise RefusedError("the CA that issued it is not here any more")
        key = new_key()
        with folder.changing() as book:
            serial = before.certificate.serial_number
            made = folder.renewed(book, serial, key.public_key(), self._now())
        return Enrolled(before.id, certificate_pem(made), before.ca_pem), private_key_pem(key)

    def _failed(self, known: Known, problem: P2pdError) -> None:
        now, end = self._wall(), known.enrolled.certificate.not_valid_after_utc
        wait = REFUSED_SECONDS if isinstance(problem, RefusedError) else RETRY_SECONDS
        left = end.timestamp() - now
        if left > 0:
            wait = min(wait, max(LEAST_SECONDS, left / 10))
        known.tried_at, known.problem, known.next_at = now, str(problem), now + wait
        self.log.warn(
            "a certificate that is good until {day:%Y-%m-%d %H:%M} UTC is not renewed yet: {why}",
            day=end,
            why=str(problem),
        )

    # -- torrents without a certificate --------------------------------------------------------

    def _happened(self, event: TorrentEvent) -> None:
        if event.kind is EventKind.ADDED:
            self._added.add(event.torrent_id)
            if self._look is None:
                self._look = self._clock.callLater(LOOK_SECONDS, self._look_at_added)
        elif event.kind in _LOOKED_AT:
            self._look_at(event.torrent_id)

    def _look_at_added(self) -> None:
        self._look = None
        added, self._added = self._added, set()
        for torrent_id in sorted(added):
            self._look_at(torrent_id)

    def _look_at(self, torrent_id: int) -> None:
        torrent = self._session.find(torrent_id)
        if torrent is not None and lacks(torrent):
            self._begin(self._in_turn(self._see_to(torrent)))

    async def _see_to(self, torrent: TorrentView) -> None:
        """Give a torrent what there is for it, or issue it something."""
        if not lacks(torrent):
            return
        try:
            metainfo = await self._session.metainfo(torrent)
        except P2pdError as problem:
            self._warn([f"{torrent.name}: {problem}"])
            return
        if metainfo is None:
            return  # nobody said of which swarm the magnet is
        now = self._now()
        for known in list(self._own.all.values()):
            good = known.enrolled.certificate.not_valid_after_utc > now
            if good and not unfit(known.enrolled, metainfo):
                gift = await self._own.give(known.enrolled, [torrent])
                self._warn(gift.problems)
                if gift.torrents or gift.problems:
                    return
        try:
            await self._issue_to(torrent, metainfo)
        except P2pdError as problem:
            self._warn([f"{torrent.name}: {problem}"])

    async def _issue_to(self, torrent: TorrentView, metainfo: Metainfo) -> None:
        """Of a CA that is here. Raises P2pdError."""
        if metainfo.tls_ca is None:
            return
        wanted, name = print_of(metainfo.tls_ca), metainfo.name
        self._own.check_room()  # before anything is issued: each round would fill the CA's book
        made = await self._authorities.run(self._issue_own, wanted, name)
        if made is None:
            return
        known = await self._own.keep(*made)
        gift = await self._own.give(known.enrolled, [torrent])
        self._warn(gift.problems)
        self.log.info("{name}: the CA of it is here, and issued a certificate", name=name)

    def _issue_own(self, wanted: bytes, name: str) -> tuple[Enrolled, str] | None:
        folder = self._authorities.with_fingerprint(wanted)
        return None if folder is None else self._own_of(folder, name)

    def _own_of(self, folder: SwarmCaFolder, name: str) -> tuple[Enrolled, str]:
        given = issue(folder, Wanted((name,), label=self._label, own=True), None, self._now())
        texts = certificate_pem(given.certificate), certificate_pem(given.ca)
        return Enrolled(secrets.token_hex(8), *texts), given.private_key

    # -- time ----------------------------------------------------------------------------------

    def _round(self) -> None:
        self._call = self._clock.callLater(self._wait(), self._round)
        if not self._seeing:
            self._begin(self._see_to_all())

    def _wait(self) -> float:
        """Until the next round."""
        now = self._wall()
        due = [known.next_at - now for known in self._own.all.values() if known.next_at > now]
        return max(1.0, min([ROUND_SECONDS, *due]))

    async def _see_to_all(self) -> None:
        self._seeing = True
        try:
            now = self._wall()
            await self._let_go()
            for known in list(self._own.all.values()):
                if known.next_at <= now:
                    await self._renew_in_time(known)
            for torrent in self._own.lacking():
                await self._in_turn(self._see_to(torrent))
        finally:
            self._seeing = False

    async def _let_go(self) -> None:
        try:
            await self._in_turn(self._idle.look(list(self._session.torrents())))
        except P2pdError as problem:
            self._warn([f"certificates that no torrent has cannot be let go: {problem}"])

    async def _renew_in_time(self, known: Known) -> None:
        end = known.enrolled.certificate.not_valid_after_utc.timestamp()
        if why_not := self._idle.why_not_renewed(known):
            known.problem, known.next_at = why_not, self._wall() + REFUSED_SECONDS
            return
        try:
            if self._wall() > end + KEPT_SECONDS:
                await self._own.forget(known.enrolled.id)
            else:
                await self._renewed(known)
        except P2pdError as problem:
            self._failed(known, problem)

    async def _in_turn(self, work: Coroutine[Any, Any, Any]) -> Any:
        """One thing at a time: two torrents of one swarm shall not both be issued something."""
        await self._one_by_one.acquire()
        try:
            return await work
        finally:
            self._one_by_one.release()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC)

    def _warn(self, problems: Iterable[str]) -> None:
        for problem in problems:
            self.log.warn("{problem}", problem=problem)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        running = Deferred.fromCoroutine(work)
        if not running.called:
            self._running.add(running)
        running.addErrback(lambda failure: failure.trap(CancelledError))
        running.addErrback(lambda failure: self.log.failure("certificates", failure=failure))
        running.addBoth(lambda _: self._running.discard(running))
