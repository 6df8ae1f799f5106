"""addTrackers, editTracker and removeTrackers: the announce addresses of one torrent."""

from __future__ import annotations

from collections.abc import Iterable

from p2pd.control.methods.torrent_set import checked_tiers, tracker_url
from p2pd.control.qbittorrent.call import Action, Answer, Call, one_torrent
from p2pd.control.qbittorrent.refusals import conflict
from p2pd.session.api import SessionApi, TorrentView
from p2pd.session.torrents.torrent_requests import TorrentChanges


class Trackers:
    """The actions on a torrent's trackers."""

    def __init__(self, api: SessionApi) -> None:
        self._api = api

    def actions(self) -> dict[str, Action]:
        """By path."""
        return {
            "torrents/addTrackers": Action(self.add, "torrent_set"),
            "torrents/editTracker": Action(self.edit, "torrent_set"),
            "torrents/removeTrackers": Action(self.remove, "torrent_set"),
        }

    async def add(self, call: Call) -> Answer:
        """More of them, each in a tier of its own; one that is there stays where it is."""
        torrent = one_torrent(self._api, call)
        given = [tracker_url("urls", line) for line in call.text("urls").split() if line.strip()]
        known = {url for tier in torrent.tracker_tiers for url in tier}
        new = [(url,) for url in dict.fromkeys(given) if url not in known]
        await self._replace(torrent, [*torrent.tracker_tiers, *new])
        return ""

    async def edit(self, call: Call) -> Answer:
        """Another address in the place of one."""
        torrent = one_torrent(self._api, call)
        old, new = call.text("origUrl").strip(), tracker_url("newUrl", call.text("newUrl"))
        known = [url for tier in torrent.tracker_tiers for url in tier]
        if old == new:
            return ""
        if new in known:
            raise conflict("the new tracker is there already")
        if old not in known:
            raise conflict("there is no such tracker")
        tiers = [[new if url == old else url for url in tier] for tier in torrent.tracker_tiers]
        await self._replace(torrent, tiers)
        return ""

    async def remove(self, call: Call) -> Answer:
        """Fewer of them."""
        torrent = one_torrent(self._api, call)
        gone = set(call.listed("urls"))
        known = {url for tier in torrent.tracker_tiers for url in tier}
        if not gone & known:
            raise conflict("there is no such tracker")
        tiers = [[url for url in tier if url not in gone] for tier in torrent.tracker_tiers]
        await self._replace(torrent, tiers)
        return ""

    async def _replace(self, torrent: TorrentView, tiers: Iterable[Iterable[str]]) -> None:
        kept = checked_tiers(tiers)
        if kept != torrent.tracker_tiers:
            await self._api.change(torrent, TorrentChanges(tracker_tiers=kept))
