"""What is done to torrents: start, stop, remove, move, limits, priorities, categories and tags."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from p2pd.base.addresses import PeerAddress, parse_address
from p2pd.base.errors import FormatError
from p2pd.control.qbittorrent.call import (
    Action,
    Answer,
    Call,
    Run,
    each_torrent,
    one_torrent,
    torrents_named,
    whole,
)
from p2pd.control.qbittorrent.limits import kilobytes, of_torrent
from p2pd.control.qbittorrent.preferences import is_queueing
from p2pd.control.qbittorrent.refusals import conflict, wrong
from p2pd.control.qbittorrent.share_limits import asked_limits
from p2pd.control.schema import absolute_path
from p2pd.session.api import SessionApi, TorrentView
from p2pd.session.queueing.queue_order import QueueMove
from p2pd.session.torrents.torrent_requests import TorrentChanges

MAX_PEERS = 2000
SKIP, NORMAL, HIGH, HIGHEST = 0, 1, 6, 7
DONE = ""

Change = Callable[[TorrentView, Call], TorrentChanges]


class Changing:
    """The actions on torrents that are there."""

    def __init__(self, api: SessionApi) -> None:
        self._api = api

    def actions(self) -> dict[str, Action]:
        """By path; those of version 5 go by its names as well."""
        api = self._api
        start, stop = self._each(api.start), self._each(api.stop)
        changed = {
            "setDownloadLimit": _download_limit,
            "setUploadLimit": _upload_limit,
            "setSuperSeeding": _super_seeding,
            "setShareLimits": _share_limits,
            "toggleSequentialDownload": _other_sequence,
        }
        table = {
            "pause": Action(stop, "torrent_stop"),
            "stop": Action(stop, "torrent_stop"),
            "resume": Action(start, "torrent_start"),
            "start": Action(start, "torrent_start"),
            "setForceStart": Action(self.force_start, "torrent_start_now"),
            "recheck": Action(self._each(api.verify), "torrent_verify"),
            "delete": Action(self.delete, "torrent_remove"),
            "reannounce": Action(self.reannounce, "torrent_reannounce"),
            "addPeers": Action(self.add_peers, "peer_add"),
            "setLocation": Action(self.set_location, "torrent_set_location"),
            "setSavePath": Action(self.set_save_path, "torrent_set_location"),
            "topPrio": Action(self._moved(QueueMove.TOP), "queue_move_top"),
            "increasePrio": Action(self._moved(QueueMove.UP), "queue_move_up"),
            "decreasePrio": Action(self._moved(QueueMove.DOWN), "queue_move_down"),
            "bottomPrio": Action(self._moved(QueueMove.BOTTOM), "queue_move_bottom"),
            "toggleFirstLastPiecePrio": Action(self.first_and_last, "torrent_set"),
            "setAutoManagement": Action(self.set_auto_management, "torrent_set"),
            "filePrio": Action(self.file_priority, "torrent_set"),
            "downloadLimit": Action(self.download_limits, "torrent_get"),
            "uploadLimit": Action(self.upload_limits, "torrent_get"),
            **{name: Action(self._changed(how), "torrent_set") for name, how in changed.items()},
        }
        return {f"torrents/{name}": action for name, action in table.items()}

    def _each(self, act: Callable[[TorrentView], Awaitable[None]]) -> Run:
        async def run(call: Call) -> Answer:
            for torrent in each_torrent(self._api, call):
                await act(torrent)
                await call.pacer.pause()
            return DONE

        return run

    def _changed(self, change: Change) -> Run:
        async def run(call: Call) -> Answer:
            for torrent in each_torrent(self._api, call):
                await self._api.change(torrent, change(torrent, call))
                await call.pacer.pause()
            return DONE

        return run

    def _moved(self, where: QueueMove) -> Run:
        async def run(call: Call) -> Answer:
            if not is_queueing(self._api.settings):
                raise conflict("torrent queueing must be enabled")
            await self._api.move_in_queue(list(each_torrent(self._api, call)), where)
            return DONE

        return run

    async def force_start(self, call: Call) -> Answer:
        """Have torrents run whoever is before them in the queue, or when it is their turn."""
        start = self._api.start_now if call.flag("value") else self._api.start
        return await self._each(start)(call)

    async def delete(self, call: Call) -> Answer:
        """Remove torrents, and their data if asked to."""
        with_data = bool(call.flag("deleteFiles"))
        for torrent in each_torrent(self._api, call):
            await self._api.remove(torrent, delete_data=with_data)
        return DONE

    async def reannounce(self, call: Call) -> Answer:
        """Ask the trackers for peers now."""
        for torrent in each_torrent(self._api, call):
            self._api.reannounce(torrent)
        return DONE

    async def add_peers(self, call: Call) -> Answer:
        """Dial peers; says of each torrent how many of them were new to it."""
        given = call.listed("peers")
        if len(given) > MAX_PEERS:
            raise wrong(f"more than {MAX_PEERS} peers")
        addresses = [address for each in given if (address := _address(each)) is not None]
        if not addresses:
            raise wrong("no address is that of a peer")
        found: dict[str, Any] = {}
        for torrent in each_torrent(self._api, call):
            added = self._api.add_peers(torrent, addresses)
            found[torrent.hash_string] = {"added": added, "failed": len(given) - added}
        return found

    async def set_location(self, call: Call) -> Answer:
        """Move torrents with their files."""
        return await self._move(call, "hashes", "location")

    async def set_save_path(self, call: Call) -> Answer:
        """The same, by the names of its parameters in later versions."""
        return await self._move(call, "id", "path")

    async def _move(self, call: Call, ids: str, place: str) -> Answer:
        given = call.text(place).strip()
        if not given:
            raise wrong("the folder cannot be empty")
        folder = absolute_path(place, given)
        for torrent in torrents_named(self._api, call.listed(ids)):
            if self._api.find(torrent.id) is not None:
                await self._api.set_location(torrent, folder, move=True)
        return DONE

    async def set_auto_management(self, call: Call) -> Answer:
        """Off is how it is; who asks for it hears that it is not there."""
        if call.flag("enable"):
            raise conflict("torrents stay where they are saved: there is no automatic management")
        return DONE

    async def first_and_last(self, call: Call) -> Answer:
        """It is off for all, and stays so."""
        raise conflict("pieces are asked for in their order or the rarest first")

    async def download_limits(self, call: Call) -> Answer:
        """By hash what each may receive, in bytes per second; 0: no limit."""
        return {
            torrent.hash_string: max(0, of_torrent(torrent.limits)[0])
            for torrent in each_torrent(self._api, call)
        }

    async def upload_limits(self, call: Call) -> Answer:
        """By hash what each may send, in bytes per second; 0: no limit."""
        return {
            torrent.hash_string: max(0, of_torrent(torrent.limits)[1])
            for torrent in each_torrent(self._api, call)
        }

    async def file_priority(self, call: Call) -> Answer:
        """Which files are wanted, and which of them first."""
        torrent = one_torrent(self._api, call)
        indices = tuple(whole("id", each) for each in call.listed("id"))
        level = call.whole("priority")
        if torrent.summary is None:
            raise conflict("it has no metadata yet")
        if any(not 0 <= index < torrent.summary.files for index in indices):
            raise conflict("there is no file of that index")
        if indices:
            await self._api.change(torrent, _file_changes(indices, level))
        return DONE


def _address(given: str) -> PeerAddress | None:
    try:
        return parse_address(given)
    except FormatError:
        return None


def _file_changes(indices: tuple[int, ...], level: int) -> TorrentChanges:
    if level == SKIP:
        return TorrentChanges(files_unwanted=indices)
    if level == NORMAL:
        return TorrentChanges(files_wanted=indices, priority_normal=indices)
    if level in (HIGH, HIGHEST):
        return TorrentChanges(files_wanted=indices, priority_high=indices)
    raise wrong("a priority is 0, 1, 6 or 7")


def _download_limit(torrent: TorrentView, call: Call) -> TorrentChanges:
    limit = call.whole("limit")
    if limit <= 0:
        return TorrentChanges(download_limited=False)
    return TorrentChanges(download_limited=True, download_limit=kilobytes(limit))


def _upload_limit(torrent: TorrentView, call: Call) -> TorrentChanges:
    limit = call.whole("limit")
    if limit <= 0:
        return TorrentChanges(upload_limited=False)
    return TorrentChanges(upload_limited=True, upload_limit=kilobytes(limit))


def _share_limits(torrent: TorrentView, call: Call) -> TorrentChanges:
    limits = asked_limits(call)
    if not limits:
        raise wrong(
            "there is no limit among ratioLimit, seedingTimeLimit, inactiveSeedingTimeLimit"
        )
    return TorrentChanges(share_limits=limits)


def _super_seeding(torrent: TorrentView, call: Call) -> TorrentChanges:
    return TorrentChanges(super_seeding="on" if call.flag("value") else "off")


def _other_sequence(torrent: TorrentView, call: Call) -> TorrentChanges:
    return TorrentChanges(sequential=not torrent.sequential)
