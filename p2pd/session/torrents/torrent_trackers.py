"""The trackers of one torrent: which they are, and what its announcer tells them.

Besides its own there are those of the session (the setting `default_trackers`), unless strangers
are told nothing of it: it is private (BEP 27) or may be (a torrent file that was not read yet), or
has a secret. They are not in its record.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Protocol, Sequence

from twisted.internet.defer import Deferred

from p2pd.base.ids import InfoHashes
from p2pd.discovery.tracker_client.announcer import PeersFound, Totals
from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.discovery.tracker_client.torrent_https import Credentials
from p2pd.formats.urls import tiers_of_text
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.session.connecting.admission import Way
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.state.resume import TorrentRecord

Tiers = tuple[tuple[str, ...], ...]

_tiers_of = functools.lru_cache(maxsize=4)(tiers_of_text)


class AnnouncedTorrent(Protocol):
    """The torrent that is announced."""

    host: TorrentHost
    record: TorrentRecord
    running: bool
    info_hashes: InfoHashes

    @property
    def way(self) -> Way:
        """How its peers are reached."""

    @property
    def content(self) -> TorrentContent | None: ...
    @property
    def why_untold(self) -> str:
        """Why others are not told of it (BEP 27, or a secret); empty: they are."""

    @property
    def listen_port(self) -> int:
        """The port by which its peers reach us."""

    @property
    def resting(self) -> bool:
        """Whether it has everything, and no content."""


class TorrentTrackers:
    """Tiers of URLs, kept in the record, and their announcer (announcer.AnnounceTorrent)."""

    __slots__ = ("_announced", "_owner", "announcer")

    def __init__(self, owner: AnnouncedTorrent, found: PeersFound) -> None:
        self._owner = owner
        self._announced = self._with_defaults()
        self.announcer = owner.host.new_announcer(
            self, self._announced, found, lambda: owner.listen_port
        )

    def states(self) -> Sequence[TrackerState]:
        """How each of them is doing, and why one cannot be asked by a torrent that waits."""
        states = self.announcer.states()
        if self._owner.running or self._owner.way is not Way.TLS:
            return states
        try:
            self.credentials()
        except TrackerError as why_not:
            return [_unasked(state, str(why_not)) for state in states]
        return states

    @property
    def tiers(self) -> Tiers:
        """Its own trackers."""
        return self._owner.record.trackers

    def refresh(self) -> None:
        """Others may be in use now: the session's changed, or it is known whether it is private."""
        wanted = self._with_defaults()
        if wanted != self._announced:
            self._announced = wanted
            self.announcer.set_tiers(wanted)

    def _with_defaults(self) -> Tiers:
        owner, own = self._owner, self.tiers
        text = owner.host.settings.default_trackers
        if not text or owner.why_untold:
            return own
        urls = {url for tier in own for url in tier}
        more = (tuple(url for url in tier if url not in urls) for tier in _tiers_of(text))
        return (*own, *(tier for tier in more if tier))

    def add(self, tiers: Sequence[Sequence[str]]) -> None:
        """Trackers of another copy of this torrent join ours, as tiers of their own."""
        known = {url for tier in self.tiers for url in tier}
        new = tuple(tuple(url for url in tier if url not in known) for tier in tiers)
        self.replace((*self.tiers, *(tier for tier in new if tier)))

    def replace(self, tiers: Sequence[Sequence[str]]) -> None:
        """Use these trackers from now on."""
        wanted = tuple(tuple(tier) for tier in tiers)
        if wanted != self.tiers:
            host, record = self._owner.host, self._owner.record
            record.trackers = wanted
            self.refresh()
            host.background(host.store.save(record), record.name)

    # -- where the torrent is announced: trackers, the DHT, neighbours ------------------------

    def start(self) -> None:
        """It runs, and its files were looked at."""
        self.announcer.start()
        self._owner.host.dht.started(self._owner)
        self._owner.host.lsd.started(self._owner)
        self._owner.host.catcher.started(self._owner)

    def stop(self) -> Deferred[None]:
        """It runs no more. Fires when the trackers heard of it, within 5 seconds."""
        self._owner.host.dht.stopped(self._owner)
        self._owner.host.lsd.stopped(self._owner)
        self._owner.host.catcher.stopped(self._owner)
        return self.announcer.stop()

    def sources_changed(self) -> None:
        """Strangers are told of it from now on, or not any more."""
        self.refresh()
        if self._owner.running:
            for source in (self._owner.host.dht, self._owner.host.lsd, self._owner.host.catcher):
                source.stopped(self._owner)
                source.started(self._owner)

    def complete(self) -> None:
        """The last piece came."""
        self.announcer.complete()
        self._owner.host.catcher.stopped(self._owner)
        self._owner.host.dht.needs_changed(self._owner)

    def reannounce(self) -> None:
        """Somebody wants peers now."""
        self.announcer.reannounce()
        self._owner.host.dht.reannounce(self._owner)
        self._owner.host.lsd.reannounce(self._owner)

    # -- what the announcer asks ---------------------------------------------------------------

    @property
    def info_hashes(self) -> InfoHashes:
        """Those to announce."""
        return self._owner.info_hashes

    def announced(self) -> None:
        """A tracker is asked, or answered."""
        self._owner.host.activity.noted(self._owner)

    def credentials(self) -> Credentials | None:
        """What HTTPS trackers are shown. Raises TrackerError."""
        return self._owner.host.tls.credentials(self._owner)

    def totals(self) -> Totals:
        """What the trackers are told."""
        record, content = self._owner.record, self._owner.content
        if self._owner.resting:
            return Totals(record.uploaded, record.downloaded, 0)
        left = content.selection.left(content.have) if content else 1
        partial = content is not None and not left and not content.have.is_full
        if content is not None and partial:
            left = sum(map(content.layout.data_size, content.have.missing()))
        return Totals(record.uploaded, record.downloaded, left, partial)


def _unasked(state: TrackerState, why: str) -> TrackerState:
    is_https = state.url.partition(":")[0].lower() == "https"
    return replace(state, last_announce_result=why) if is_https else state
