"""Categories and tags, which are both labels here.

A category is a label that the session has rules for (`label_rules`), be they empty; any other is a
tag. Of several such labels on a torrent the first is its category. A tag that no torrent has is
known until the daemon stops, and only to this dialect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from p2pd.control.qbittorrent.refusals import ApiError, conflict, wrong
from p2pd.control.schema import labels as checked_labels
from p2pd.session.api import SessionApi, TorrentView
from p2pd.session.torrents.torrent_requests import TorrentChanges

RULES = "label_rules"
FOLDER = "download_dir"

MAX_LOOSE_TAGS = 1000
"""Tags without a torrent that are remembered."""


class Labels:
    """Reads and changes labels the way that qBittorrent's clients do."""

    def __init__(self, api: SessionApi) -> None:
        self._api = api
        self._loose: dict[str, None] = {}

    # -- categories ----------------------------------------------------------------------------

    @property
    def rules(self) -> Mapping[str, Mapping[str, Any]]:
        """By category what the session does with its torrents."""
        rules: Mapping[str, Mapping[str, Any]] = getattr(self._api.settings, RULES)
        return rules

    def category_of(self, labels: Iterable[str]) -> str:
        """The category among a torrent's labels; empty if there is none."""
        if not labels:
            return ""
        rules = self.rules
        return next((label for label in labels if label in rules), "") if rules else ""

    def categories(self) -> dict[str, dict[str, str]]:
        """All of them, as clients get them."""
        return {
            name: {"name": name, "savePath": str(rule.get(FOLDER, ""))}
            for name, rule in self.rules.items()
        }

    async def create(self, name: str, folder: str) -> None:
        """A new category. Raises ApiError, P2pdError."""
        name = category_name(name)
        if name in self.rules:
            raise conflict("there is such a category already")
        await self._change_rules({**self.rules, name: _with_folder({}, folder)})

    async def edit(self, name: str, folder: str) -> None:
        """Have a category's torrents saved elsewhere. Raises ApiError, P2pdError."""
        rule = self.rules.get(category_name(name))
        if rule is None:
            raise conflict("there is no such category")
        await self._change_rules({**self.rules, name.strip(): _with_folder(rule, folder)})

    async def remove(self, names: Iterable[str]) -> None:
        """No such categories any more: neither rules nor labels."""
        gone = set(names) & set(self.rules)
        for torrent in list(self._api.torrents()):
            await self._relabel(torrent, [name for name in torrent.labels if name not in gone])
        await self._change_rules({k: rule for k, rule in self.rules.items() if k not in gone})

    async def categorize(self, torrents: Iterable[TorrentView], name: str) -> None:
        """Give torrents a category, or none. Raises ApiError if there is no such category."""
        wanted = [category_name(name)] if name.strip() else []
        rules = self.rules
        if wanted and wanted[0] not in rules:
            raise conflict("there is no such category")
        for torrent in torrents:
            await self._relabel(torrent, [*wanted, *(n for n in torrent.labels if n not in rules)])

    async def _change_rules(self, rules: Mapping[str, Mapping[str, Any]]) -> None:
        await self._api.change_settings({RULES: dict(rules)})

    # -- tags ----------------------------------------------------------------------------------

    def tags_of(self, labels: Iterable[str]) -> list[str]:
        """The tags among a torrent's labels."""
        if not labels:
            return []
        category = self.category_of(labels)
        return [label for label in labels if label != category]

    @property
    def loose(self) -> Mapping[str, None]:
        """Tags that were made without a torrent."""
        return self._loose

    def tags(self) -> list[str]:
        """All of them, in order."""
        found = dict(self._loose)
        for torrent in self._api.torrents():
            if torrent.labels:
                found.update(dict.fromkeys(self.tags_of(torrent.labels)))
        return sorted(found)

    def create_tags(self, names: Iterable[str]) -> None:
        """Know tags that no torrent has yet. Raises ApiError."""
        wanted = dict.fromkeys(tag_names(names))
        if len(self._loose | wanted) > MAX_LOOSE_TAGS:
            raise conflict(f"more than {MAX_LOOSE_TAGS} tags without torrents")
        self._loose |= wanted

    async def delete_tags(self, names: Iterable[str]) -> None:
        """No such tags any more, on no torrent."""
        gone = set(names)
        for name in gone:
            self._loose.pop(name, None)
        await self.untag(list(self._api.torrents()), gone)

    async def tag(self, torrents: Iterable[TorrentView], names: Iterable[str]) -> None:
        """Add tags to torrents. Raises ApiError."""
        wanted = tag_names(names)
        for torrent in torrents:
            await self._relabel(torrent, [*torrent.labels, *wanted])

    async def untag(self, torrents: Iterable[TorrentView], names: Iterable[str] | None) -> None:
        """Take tags from torrents; None: all of them."""
        gone = None if names is None else set(names)
        for torrent in torrents:
            tags = self.tags_of(torrent.labels)
            drop = set(tags) if gone is None else gone & set(tags)
            await self._relabel(torrent, [name for name in torrent.labels if name not in drop])

    async def _relabel(self, torrent: TorrentView, wanted: Iterable[str]) -> None:
        labels = tuple(dict.fromkeys(wanted))
        if labels == torrent.labels or self._api.find(torrent.id) is None:
            return
        checked_labels("labels", list(labels))
        await self._api.change(torrent, TorrentChanges(labels=labels))


def category_name(name: str) -> str:
    """A name that a category can have. Raises ApiError."""
    name = name.strip()
    if not name:
        raise wrong("a category cannot be without a name")
    if "\\" in name or "//" in name or name[0] == "/" or name[-1] == "/" or "," in name:
        raise conflict("a category's name holds no comma or backslash, and no part of it is empty")
    if len(name) > 255:
        raise conflict("a category's name has at most 255 letters")
    return name


def tag_names(names: Iterable[str]) -> list[str]:
    """Tags, each once. Raises ApiError."""
    found = [name.strip() for name in names if name.strip()]
    if any("," in name or len(name) > 255 for name in found):
        raise conflict("a tag has no comma, and at most 255 letters")
    if len(found) > 100:
        raise ApiError(400, "more than 100 tags")
    return list(dict.fromkeys(found))


def _with_folder(rule: Mapping[str, Any], folder: str) -> dict[str, Any]:
    kept = {name: value for name, value in rule.items() if name != FOLDER}
    return {**kept, FOLDER: folder.strip()} if folder.strip() else kept
