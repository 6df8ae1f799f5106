"""The actions on categories and tags."""

from __future__ import annotations

from p2pd.control.qbittorrent.call import Action, Answer, Call, each_torrent
from p2pd.control.qbittorrent.labels import Labels
from p2pd.session.api import SessionApi


class LabelActions:
    """What paths do with labels."""

    def __init__(self, api: SessionApi, labels: Labels) -> None:
        self._api = api
        self._labels = labels

    def actions(self) -> dict[str, Action]:
        """By path."""
        return {
            "torrents/categories": Action(self.categories, "session_get"),
            "torrents/createCategory": Action(self.create_category, "session_set"),
            "torrents/editCategory": Action(self.edit_category, "session_set"),
            "torrents/removeCategories": Action(self.remove_categories, "session_set"),
            "torrents/setCategory": Action(self.set_category, "torrent_set"),
            "torrents/tags": Action(self.tags, "torrent_get"),
            "torrents/createTags": Action(self.create_tags, "torrent_set"),
            "torrents/deleteTags": Action(self.delete_tags, "torrent_set"),
            "torrents/addTags": Action(self.add_tags, "torrent_set"),
            "torrents/removeTags": Action(self.remove_tags, "torrent_set"),
            "torrents/setTags": Action(self.set_tags, "torrent_set"),
        }

    async def categories(self, call: Call) -> Answer:
        """All categories, with where their torrents are saved."""
        return {**self._labels.categories()}

    async def create_category(self, call: Call) -> Answer:
        """A new one."""
        await self._labels.create(call.text("category"), call.text("savePath", ""))
        return ""

    async def edit_category(self, call: Call) -> Answer:
        """Another folder for one."""
        await self._labels.edit(call.text("category"), call.text("savePath"))
        return ""

    async def remove_categories(self, call: Call) -> Answer:
        """Fewer of them: one a line."""
        await self._labels.remove(call.listed("categories", "\n"))
        return ""

    async def set_category(self, call: Call) -> Answer:
        """Give torrents a category."""
        await self._labels.categorize(each_torrent(self._api, call), call.text("category"))
        return ""

    async def tags(self, call: Call) -> Answer:
        """All tags."""
        return [*self._labels.tags()]

    async def create_tags(self, call: Call) -> Answer:
        """More of them, on no torrent yet."""
        self._labels.create_tags(call.listed("tags", ","))
        return ""

    async def delete_tags(self, call: Call) -> Answer:
        """Fewer of them, also on torrents."""
        await self._labels.delete_tags(call.listed("tags", ","))
        return ""

    async def add_tags(self, call: Call) -> Answer:
        """Tag torrents."""
        await self._labels.tag(each_torrent(self._api, call), call.listed("tags", ","))
        return ""

    async def remove_tags(self, call: Call) -> Answer:
        """Take tags from torrents; all of them if none is named."""
        names = call.listed("tags", ",") if call.has("tags") else []
        await self._labels.untag(each_torrent(self._api, call), names or None)
        return ""

    async def set_tags(self, call: Call) -> Answer:
        """Have torrents tagged with these and no others."""
        torrents = list(each_torrent(self._api, call))
        await self._labels.untag(torrents, None)
        await self._labels.tag(torrents, call.listed("tags", ","))
        return ""
