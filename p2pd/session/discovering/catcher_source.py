"""The host catcher: a torrent that finds nobody tries peers that worked for other torrents.

Nobody is asked whether he has the torrent but by a handshake, so this is done sparingly: one
address in DIAL_SECONDS over all torrents, TRIES of them for a torrent before it waits for
RESTED_SECONDS, each once. Private torrents (BEP 27) neither try nor tell, nor those that may be.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any, Container, Iterable, Protocol, Sequence

from twisted.internet.defer import Deferred

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock, DelayedCall
from p2pd.discovery.source_report import CATCHER, SourceReport
from p2pd.session.connecting.admission import Way
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.swarm.caught_hosts import CaughtHost, CaughtHosts
from p2pd.swarm.kept_away import KeptAway

LONELY_SECONDS = 60.0
"""What the other sources have, before and between looks whether they found somebody."""

FOUND_SECONDS = 600.0
"""Until the next look when there is somebody, or nobody who was not tried."""

DIAL_SECONDS = 15.0
TRIES = 20
RESTED_SECONDS = 3600.0
SAVE_SECONDS = 300.0

MOST_TRIED = 500
"""Addresses of which a torrent remembers that it tried them; then it tries nobody any more."""

IS_OFF = "it is switched off (host_catcher_enabled)"
IS_CLOSED = "its peers are not reached as those of other torrents are"
IS_COMPLETE = "the torrent is complete"
NOBODY = "nobody is known who was not tried"


class CaughtMemory(Protocol):
    """Where they are kept (state.caught_hosts.CaughtHostStore)."""

    def load(self) -> Deferred[tuple[Sequence[CaughtHost], Sequence[tuple[str, float]]]]:
        """What was kept last."""

    def save(self, hosts: Sequence[CaughtHost], kept_out: Sequence[tuple[str, float]]) -> Any:
        """Keep this instead."""


class CatcherHost(Protocol):
    """What is needed of the session."""

    clock: Clock
    settings: SessionSettings
    kept_away: KeptAway

    @property
    def torrents(self) -> Iterable[Any]: ...
    def wall(self) -> float: ...
    def background(self, work: Any, what: str) -> None: ...


class _Search:
    """A torrent that may find nobody."""

    __slots__ = ("call", "due", "exhausted", "left", "tried")

    def __init__(self) -> None:
        self.due = 0.0
        self.exhausted = False
        self.tried: frozenset[PeerAddress] = frozenset()
        self.left = TRIES
        self.call: DelayedCall | None = None


class CatcherSource:
    """All torrents of a session, and who worked for them (source_report.DiscoverySource)."""

    name = CATCHER

    def __init__(self, host: CatcherHost, memory: CaughtMemory | None, timers: Clock) -> None:
        self.hosts = CaughtHosts()
        self._host = host
        self._memory = memory
        self._timers = timers
        self._searches: dict[Any, _Search] = {}
        self._line: deque[Any] = deque()
        self._answering: set[PeerAddress] = set()
        self._next_dial = float("-inf")
        self._wake: DelayedCall | None = None
        self._saving: DelayedCall | None = None
        self._recalled = memory is None
        self._was_on = True

    # -- who worked ----------------------------------------------------------------------------

    async def recall(self) -> None:
        """Bring back what was kept."""
        if self._memory is not None:
            hosts, kept_out = await self._memory.load()
            self.hosts.recall(hosts, kept_out, self._host.wall())
            self._recalled = True
            self.settings_changed()

    def met(self, torrent: Any, peer: Any, now: float) -> None:
        """A connection that we made is over, and was not held against the peer."""
        is_open = torrent.way is Way.OPEN and not torrent.why_untold
        if self.is_on and is_open and not peer.incoming:
            self.hosts.met(
                peer.address,
                received=peer.download.total,
                sent=peer.upload.total,
                seconds=now - peer.connected_at,
                wall=self._host.wall(),
            )
            self._save_later()

    def keep_out(self, host: str) -> None:
        """Somebody there is a peer of a private torrent: he is nobody else's."""
        if self.is_on:
            self.hosts.keep_out(host, self._host.wall())
            self._save_later()

    def misbehaved(self, address: PeerAddress) -> None:
        """Whoever is there is not worth another try."""
        self.hosts.forget(address)
        self._save_later()

    def answered(self, address: PeerAddress) -> None:
        """Somebody is there, whatever he has."""
        if len(self._answering) < MOST_TRIED:
            self._answering.add(address)

    def dialled(self, address: PeerAddress, *, failed: bool) -> None:
        """An attempt is over: it counts against an address that nobody was there."""
        if address in self._answering:
            self._answering.discard(address)
        elif failed:
            self.hosts.failed(address)
            self._save_later()

    # -- who looks for somebody ----------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        """Whether it is wanted."""
        return self._host.settings.host_catcher_enabled

    def started(self, torrent: Any) -> None:
        """It runs: if nobody is found it is its turn here."""
        if not self._why_not(torrent) and torrent not in self._searches:
            search = self._searches[torrent] = _Search()
            self._look_in(torrent, search, LONELY_SECONDS)

    def selection_changed(self, torrent: Any) -> None:
        """It may lack something again."""
        if torrent.running:
            self.started(torrent)

    def stopped(self, torrent: Any) -> None:
        """It runs no more, is complete, or proved private."""
        search = self._searches.pop(torrent, None)
        if search is not None and search.call is not None:
            search.call.cancel()

    def settings_changed(self) -> None:
        """It may be off now: then nothing is kept, and nobody tried."""
        was_on, self._was_on = self._was_on, self.is_on
        if self.is_on:
            for torrent in () if was_on else self._host.torrents:
                if torrent.running:
                    self.started(torrent)
        else:
            for torrent in list(self._searches):
                self.stopped(torrent)
            self.hosts.clear()
            self._save_later()

    def close(self) -> None:
        """The session ends: what is known is kept."""
        for torrent in list(self._searches):
            self.stopped(torrent)
        for call in (self._wake, self._saving):
            if call is not None and call.active():
                call.cancel()
        self._save()

    # -- for readers ---------------------------------------------------------------------------

    def report(self, torrent: Any) -> SourceReport:
        """What it does for this torrent."""
        why_not = self._why_not(torrent)
        search = None if why_not else self._searches.get(torrent)
        return SourceReport(
            self.name,
            enabled=not why_not,
            why_not=why_not,
            found=torrent.found_by(self.name),
            last_at=torrent.told_at(self.name),
            next_at=None if search is None else max(search.due, self._host.wall()),
            error=NOBODY if search is not None and search.exhausted else "",
        )

    def _why_not(self, torrent: Any) -> str:
        if not self.is_on:
            return IS_OFF
        if torrent.why_untold:
            return str(torrent.why_untold)
        if torrent.way is not Way.OPEN:
            return IS_CLOSED
        return IS_COMPLETE if torrent.is_complete() else ""

    # -- trying --------------------------------------------------------------------------------

    def _look_in(self, torrent: Any, search: _Search, seconds: float) -> None:
        search.due = self._host.wall() + seconds
        search.call = self._timers.callLater(seconds, partial(self._look, torrent))

    def _look(self, torrent: Any) -> None:
        """Whether it found somebody meanwhile; else it stands in line."""
        search = self._searches[torrent]
        search.call = None
        if self._why_not(torrent) or not torrent.running:
            self.stopped(torrent)
        elif not torrent.finds_nobody(LONELY_SECONDS):
            self._look_in(torrent, search, FOUND_SECONDS)
        else:
            search.left = search.left or TRIES
            self._line.append(torrent)
            self._go_on()

    def _go_on(self) -> None:
        """Let the first in line try somebody, when it is time for that."""
        if self._wake is not None and self._wake.active():
            return
        now = self._host.clock.seconds()
        wait = self._next_dial - now
        if self._line and wait <= 0:
            self._try_one(self._line.popleft(), now)
            wait = self._next_dial - now
        if self._line:
            self._wake = self._timers.callLater(max(wait, 0.0), self._go_on)

    def _try_one(self, torrent: Any, now: float) -> None:
        search = self._searches.get(torrent)
        if search is None or search.call is not None:  # it was stopped meanwhile
            return
        address = self._untried(torrent, search.tried)
        search.exhausted = address is None
        if address is None or not torrent.finds_nobody(LONELY_SECONDS):
            self._look_in(torrent, search, FOUND_SECONDS)
            return
        self._next_dial = now + DIAL_SECONDS
        search.tried |= {address}
        search.left -= 1
        torrent.add_peers([address], self.name)
        self._look_in(torrent, search, LONELY_SECONDS if search.left else RESTED_SECONDS)

    def _untried(self, torrent: Any, tried: Container[PeerAddress]) -> PeerAddress | None:
        if len(self._searches[torrent].tried) >= MOST_TRIED:
            return None

        def wanted(address: PeerAddress) -> bool:
            return address not in tried and not self._host.kept_away.covers(*address)

        return self.hosts.best(self._host.wall(), wanted)

    # -- keeping -------------------------------------------------------------------------------

    def _save_later(self) -> None:
        if self.hosts.changed and self._saving is None and self._memory is not None:
            self._saving = self._timers.callLater(SAVE_SECONDS, self._save)

    def _save(self) -> None:
        self._saving = None
        if self._memory is None or not self.hosts.changed or not self._recalled:
            return  # what is kept must not be replaced before it is known
        self.hosts.changed = False
        saving = self._memory.save(*self.hosts.to_keep(self._host.wall()))
        self._host.background(saving, "caught hosts")
