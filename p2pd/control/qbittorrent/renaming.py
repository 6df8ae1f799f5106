"""rename, renameFile and renameFolder: other names for a torrent, a file or a folder of it."""

from __future__ import annotations

from p2pd.control.qbittorrent.call import Action, Answer, Call, one_torrent
from p2pd.control.qbittorrent.refusals import conflict, wrong
from p2pd.session.api import SessionApi


class Renaming:
    """The actions that change names."""

    def __init__(self, api: SessionApi) -> None:
        self._api = api

    def actions(self) -> dict[str, Action]:
        """By path."""
        return {
            "torrents/rename": Action(self.torrent, "torrent_rename_path"),
            "torrents/renameFile": Action(self.path, "torrent_rename_path"),
            "torrents/renameFolder": Action(self.path, "torrent_rename_path"),
        }

    async def torrent(self, call: Call) -> Answer:
        """Another name for the torrent: it is that of its file or folder, too."""
        torrent = one_torrent(self._api, call)
        name = call.text("name").strip()
        if not name:
            raise conflict("a torrent cannot be without a name")
        await self._api.rename(torrent, torrent.name, name)
        return ""

    async def path(self, call: Call) -> Answer:
        """Another name for a file or folder, which stays in the folder that it is in."""
        torrent = one_torrent(self._api, call)
        old, new = call.text("oldPath").strip("/"), call.text("newPath").strip("/")
        if not old or not new:
            raise wrong("oldPath and newPath cannot be empty")
        folder, _, name = new.rpartition("/")
        if folder != old.rpartition("/")[0]:
            raise conflict("only the last part of a path can be changed")
        await self._api.rename(torrent, old, name)
        return ""
