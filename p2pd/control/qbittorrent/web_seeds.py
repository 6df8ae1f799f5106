"""addWebSeeds, editWebSeed and removeWebSeeds: servers that have the files of one torrent."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from p2pd.control.methods.web_seed_fields import checked_web_seeds, web_seed_url
from p2pd.control.qbittorrent.call import Action, Answer, Call, one_torrent
from p2pd.control.qbittorrent.refusals import conflict
from p2pd.session.api import SessionApi, TorrentView
from p2pd.session.torrents.torrent_requests import TorrentChanges


class WebSeeds:
    """The actions on a torrent's web seeds; URLs may come percent-encoded as a whole."""

    def __init__(self, api: SessionApi) -> None:
        self._api = api

    def actions(self) -> dict[str, Action]:
        """By path."""
        return {
            "torrents/addWebSeeds": Action(self.add, "torrent_set"),
            "torrents/editWebSeed": Action(self.edit, "torrent_set"),
            "torrents/removeWebSeeds": Action(self.remove, "torrent_set"),
        }

    async def add(self, call: Call) -> Answer:
        """More of them."""
        torrent = one_torrent(self._api, call)
        given = [web_seed_url("urls", _whole(url)) for url in call.listed("urls")]
        await self._replace(torrent, [*torrent.web_seeds, *given])
        return ""

    async def edit(self, call: Call) -> Answer:
        """Another address in the place of one."""
        torrent = one_torrent(self._api, call)
        old = _whole(call.text("origUrl").strip())
        new = web_seed_url("newUrl", _whole(call.text("newUrl").strip()))
        if old == new:
            return ""
        if new in torrent.web_seeds:
            raise conflict("the new web seed is there already")
        if old not in torrent.web_seeds:
            raise conflict("there is no such web seed")
        urls = [new if url == old else url for url in torrent.web_seeds]
        await self._replace(torrent, urls)
        return ""

    async def remove(self, call: Call) -> Answer:
        """Fewer of them; those that are not there are gone already."""
        torrent = one_torrent(self._api, call)
        gone = {_whole(url) for url in call.listed("urls")}
        await self._replace(torrent, [url for url in torrent.web_seeds if url not in gone])
        pieces = tuple(url for url in torrent.http_seeds if url not in gone)
        if pieces != torrent.http_seeds:
            await self._api.change(torrent, TorrentChanges(http_seeds=pieces))
        return ""

    async def _replace(self, torrent: TorrentView, urls: Iterable[str]) -> None:
        kept = checked_web_seeds(urls)
        if kept != torrent.web_seeds:
            await self._api.change(torrent, TorrentChanges(web_seeds=kept))


def _whole(url: str) -> str:
    """A URL that was encoded once more for the list that it is in."""
    return url if "://" in url else unquote(url)
