"""What labels and trackers have their torrents do: where to be saved, how much to give, and so on.

The rules are settings (settings_rules.py checks them). A torrent is first what itself says, then
what the first of its labels says that says anything, in their order, then its trackers, then the
session. A rule for a host holds for hosts within it, unless these have one of their own.
"""

from __future__ import annotations

import functools
from dataclasses import fields
from typing import Any, Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from p2pd.session.settings.session_settings import SessionSettings
from p2pd.state.records import Tiers, TorrentRecord
from p2pd.swarm.share_limits import (
    LimitsInForce,
    ShareLimits,
    limits_in_force,
)

SHARE_LIMIT_NAMES = tuple(field.name for field in fields(ShareLimits))

Rule = Mapping[str, Any]


class TorrentRules:
    """The rules of one session."""

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings
        self._session = LimitsInForce()
        self._labels: dict[str, ShareLimits] = {}
        self._trackers: dict[str, ShareLimits] = {}
        self.settings_changed()

    def settings_changed(self) -> None:
        """Settings may be others than they were."""
        settings = self._settings
        self._session = LimitsInForce(
            settings.seed_ratio_limit if settings.seed_ratio_limited else None,
            settings.idle_seeding_limit * 60.0 if settings.idle_seeding_limit_enabled else None,
            settings.seed_time_limit * 60.0 if settings.seed_time_limited else None,
            settings.seed_limit_action,
        )
        self._labels = _share_limits(settings.label_rules)
        self._trackers = _share_limits(settings.tracker_rules)

    def share_limits(self, record: TorrentRecord) -> LimitsInForce:
        """What holds for a torrent."""
        if record.share_limits is None and not self._labels and not self._trackers:
            return self._session
        return limits_in_force(self._asked(record), self._session)

    def _asked(self, record: TorrentRecord) -> Iterator[ShareLimits]:
        if record.share_limits is not None:
            yield record.share_limits
        if self._labels:
            yield from (self._labels[label] for label in record.labels if label in self._labels)
        if self._trackers:
            yield from (self._trackers[name] for name in ruling(self._trackers, record.trackers))

    def tracker_names(self, tiers: Tiers) -> list[str]:
        """The names of the rules that hold for these trackers, in their order."""
        rules = self._settings.tracker_rules
        return ruling(rules, tiers) if rules else []

    def labels_for(self, tiers: Tiers) -> tuple[str, ...]:
        """What torrents of these trackers are labelled."""
        rules = self._settings.tracker_rules
        names = self.tracker_names(tiers)
        return tuple(
            dict.fromkeys(rules[name]["label"] for name in names if "label" in rules[name])
        )

    def folder_for(self, labels: Iterable[str], tiers: Tiers) -> str | None:
        """Where a torrent goes that was not told a folder; None: where the session says."""
        settings = self._settings
        for rules, names in (
            (settings.label_rules, labels),
            (settings.tracker_rules, self.tracker_names(tiers)),
        ):
            name = first_with_folder(rules, names)
            if name is not None:
                folder: str = rules[name]["download_dir"]
                return folder
        return None


def _share_limits(rules: Mapping[str, Rule]) -> dict[str, ShareLimits]:
    """Those of the rules that say anything about how much to give."""
    found = {}
    for name, rule in rules.items():
        said = {key: rule[key] for key in SHARE_LIMIT_NAMES if key in rule}
        limits = ShareLimits(**said)
        if limits != ShareLimits():
            found[name] = limits
    return found


def first_with_folder(rules: Mapping[str, Rule], names: Iterable[str]) -> str | None:
    """The first of these names whose rule says where torrents are to be."""
    return next((name for name in names if "download_dir" in rules.get(name, ())), None)


def ruling(rules: Mapping[str, Any], tiers: Tiers) -> list[str]:
    """Of rules by host, the names of those that hold for these trackers, each once."""
    found: dict[str, None] = {}
    for host in hosts_of(tiers):
        name = next((name for name in _within(host) if name in rules), None)
        if name is not None:
            found[name] = None
    return list(found)


def _within(host: str) -> Iterator[str]:
    """The host, and the domains that it is in, the innermost first."""
    yield host
    if ":" in host or host.replace(".", "").isdigit():
        return  # an address is in no domain
    while "." in host:
        host = host.partition(".")[2]
        yield host


@functools.lru_cache(maxsize=4096)
def hosts_of(tiers: Tiers) -> tuple[str, ...]:
    """The hosts of trackers in their order, in small letters."""
    found: dict[str, None] = {}
    for tier in tiers:
        for url in tier:
            try:
                host = urlsplit(url).hostname
            except ValueError:
                continue
            if host:
                found[host.rstrip(".")] = None
    return tuple(found)
