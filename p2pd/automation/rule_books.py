"""The rules of labels and of trackers: read, changed, taken away, and a label called otherwise.

They are kept as settings of the session, which says what they mean (session/torrent_rules.py).
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterable, Mapping, NamedTuple

from p2pd.base.errors import P2pdError
from p2pd.session.api import SessionApi, TorrentView
from p2pd.session.settings.rule_checks import MOST_RULES, host, label
from p2pd.session.torrent_rules import first_with_folder, ruling
from p2pd.session.torrents.torrent_requests import TorrentChanges

Rules = dict[str, dict[str, Any]]


class Entry(NamedTuple):
    """A label, or the host of trackers, and what it says; what it does not say is not there."""

    name: str
    torrents: int
    rule: Mapping[str, Any]


class LabelBook:
    """All labels: those that say something, and those that torrents have."""

    def __init__(self, api: SessionApi) -> None:
        self._api = api

    def entries(self) -> list[Entry]:
        """By name."""
        rules = self._api.settings.label_rules
        counts = Counter(name for torrent in self._api.torrents() for name in torrent.labels)
        return _entries(rules, counts)

    async def set(self, name: str, changes: Mapping[str, Any]) -> None:
        """Have a label say these things, and no more those that are None. Raises P2pdError.

        If its torrents are to be where it says, they are moved there.
        """
        name = label(name)
        await self._api.change_settings(
            {"label_rules": _changed(self._api.settings.label_rules, name, changes)}
        )
        if {"download_dir", "move_torrents"} & changes.keys():
            await self.move_torrents(self._labelled(name))

    async def remove(self, name: str, *, from_torrents: bool) -> None:
        """Have a label say nothing; `from_torrents`: and be on none. Raises P2pdError."""
        name = label(name)
        rules = self._api.settings.label_rules
        if name not in rules and not self._labelled(name):
            raise P2pdError(f"there is no label {name!r}")
        if from_torrents:
            for torrent in self._labelled(name):
                await self._relabel(torrent, [one for one in torrent.labels if one != name])
        await self._forget(name)

    async def rename(self, name: str, new: str) -> int:
        """Call a label otherwise, on all torrents; how many these are. Raises P2pdError.

        When it is cut off there are both, and to do it again does the rest.
        """
        name, new = label(name), label(new)
        rules, labelled = self._api.settings.label_rules, self._labelled(name)
        if name not in rules and not labelled:
            raise P2pdError(f"there is no label {name!r}")
        if name == new:
            return len(labelled)
        if new in rules and name in rules and rules[new] != rules[name]:
            raise P2pdError(f"there is a label {new!r} already, which says other things")
        if name in rules:
            await self._api.change_settings({"label_rules": {**rules, new: dict(rules[name])}})
        for torrent in labelled:
            renamed = [new if one == name else one for one in torrent.labels]
            await self._relabel(torrent, renamed)
        await self._forget(name)
        return len(labelled)

    async def move_torrents(self, torrents: Iterable[TorrentView]) -> None:
        """Move those that are not where their label says, if it wants them there."""
        for torrent in torrents:
            folder = wanted_folder(self._api, torrent)
            if folder is not None and self._api.find(torrent.id) is not None:
                await self._api.set_location(torrent, folder, move=True)

    async def _forget(self, name: str) -> None:
        rules = self._api.settings.label_rules
        if name in rules:
            kept = {one: rule for one, rule in rules.items() if one != name}
            await self._api.change_settings({"label_rules": kept})

    async def _relabel(self, torrent: TorrentView, labels: Iterable[str]) -> None:
        if self._api.find(torrent.id) is not None:
            changes = TorrentChanges(labels=tuple(dict.fromkeys(labels)))
            await self._api.change(torrent, changes)

    def _labelled(self, name: str) -> list[TorrentView]:
        return [torrent for torrent in self._api.torrents() if name in torrent.labels]


class TrackerBook:
    """The rules for torrents of a tracker, by the name of its host."""

    def __init__(self, api: SessionApi) -> None:
        self._api = api

    def entries(self) -> list[Entry]:
        """By name."""
        rules = self._api.settings.tracker_rules
        tiers = (torrent.tracker_tiers for torrent in self._api.torrents()) if rules else ()
        counts = Counter(name for one in tiers for name in ruling(rules, one))
        return _entries(rules, counts)

    async def set(self, name: str, changes: Mapping[str, Any]) -> None:
        """Have a rule for a host say these things, and no more those that are None.

        Raises P2pdError.
        """
        rules = _changed(self._api.settings.tracker_rules, host(name), changes)
        await self._api.change_settings({"tracker_rules": rules})

    async def remove(self, name: str) -> None:
        """Take the rule for a host away. Raises P2pdError."""
        name = host(name)
        rules = self._api.settings.tracker_rules
        if name not in rules:
            raise P2pdError(f"there is no rule for {name!r}")
        kept = {one: rule for one, rule in rules.items() if one != name}
        await self._api.change_settings({"tracker_rules": kept})


def wanted_folder(api: SessionApi, torrent: TorrentView) -> str | None:
    """Where a torrent is to be moved since its label wants it there; None: nowhere."""
    rules = api.settings.label_rules
    found = first_with_folder(rules, torrent.labels)
    if found is None or not rules[found].get("move_torrents"):
        return None
    folder: str = rules[found]["download_dir"]
    there = torrent.download_dir if torrent.move is None else torrent.move.target
    return None if folder == there else folder


def _entries(rules: Mapping[str, Mapping[str, Any]], counts: Mapping[str, int]) -> list[Entry]:
    names = sorted({*rules, *counts})
    return [Entry(name, counts.get(name, 0), rules.get(name, {})) for name in names]


def _changed(
    rules: Mapping[str, Mapping[str, Any]], name: str, changes: Mapping[str, Any]
) -> Rules:
    changed: Rules = {one: dict(rule) for one, rule in rules.items()}
    if name not in changed and len(changed) >= MOST_RULES:
        raise P2pdError(f"there are {MOST_RULES} rules already")
    rule = changed.setdefault(name, {})
    rule |= changes
    changed[name] = {key: value for key, value in rule.items() if value is not None}
    return changed
