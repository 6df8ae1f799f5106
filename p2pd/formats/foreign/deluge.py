"""Deluge's state: torrents.state (a pickle), torrents.fastresume, HASH.torrent, and label.conf.

The pickle has what users chose, the fast resume file libtorrent's resume data of all torrents by
info-hash. The label plugin's file is two JSON values, the first about its form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from p2pd.formats.foreign.entries import MAX_TEXT, Entries
from p2pd.formats.foreign.libtorrent_resume import decoded, read_resume
from p2pd.formats.foreign.model import (
    ForeignStateError,
    ForeignTorrent,
    as_labels,
    limit_of,
    own_limit,
    read_metainfo,
    saved_by,
    shown_name,
)
from p2pd.formats.foreign.plain_pickle import PlainObject, read_pickle
from p2pd.formats.magnet import parse_magnet

MAX_STATE = 256 * 1024 * 1024
MAX_LABEL_FILE = 64 * 1024 * 1024
KIB = 1024
HIGH, NORMAL = 5, 4
_HASH = re.compile(r"[0-9a-f]{40}\Z")


@dataclass(frozen=True, slots=True)
class Choices:
    """What torrents.state has of one torrent: `info_hash` in hex, other values by name."""

    info_hash: str
    values: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A string, or nothing."""
        value = self.values.get(name)
        return value if isinstance(value, str) and len(value) <= MAX_TEXT * 16 else ""

    def number(self, name: str) -> float:
        """A number; -1, its word for "none", where there is no sensible one."""
        value = self.values.get(name)
        return value if isinstance(value, (int, float)) and -1 <= value < 2**40 else -1


def read_state(data: bytes) -> list[Choices]:
    """All torrents of torrents.state, as they stand in its queue. Raises FormatError."""
    if len(data) > MAX_STATE:
        raise ForeignStateError(f"torrents.state has {len(data)} bytes, too many")
    state = read_pickle(data)
    torrents = state.attributes.get("torrents") if isinstance(state, PlainObject) else None
    if not isinstance(torrents, list):
        raise ForeignStateError("torrents.state holds no list of torrents")
    found = {}
    for one in torrents:
        values = one.attributes if isinstance(one, PlainObject) else {}
        info_hash = values.get("torrent_id")
        if isinstance(info_hash, str) and _HASH.match(info_hash):
            found[info_hash] = Choices(info_hash, values)
    return sorted(found.values(), key=_place_in_queue)


def _place_in_queue(choices: Choices) -> float:
    """Those that are complete have none, and come last."""
    place = choices.number("queue")
    return place if place >= 0 else float("inf")


def read_fastresume(data: bytes) -> dict[str, bytes]:
    """Resume data by info-hash. Raises ForeignStateError."""
    entries = Entries.decoded(data, "torrents.fastresume", max_size=MAX_STATE)
    return {name.decode("ascii", "replace"): entries.raw(name) for name in entries.names()}


def read_labels(data: bytes) -> dict[str, str]:
    """Labels by info-hash, of label.conf. Raises ForeignStateError."""
    try:
        text = data.decode() if len(data) <= MAX_LABEL_FILE else ""
        _, end = json.JSONDecoder().raw_decode(text)
        values = json.loads(text[end:])
        labels = values["torrent_labels"].items()
        return {key: value for key, value in labels if isinstance(value, str)}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ForeignStateError("label.conf cannot be read: the labels are not known") from None


def read(
    choices: Choices, resume: bytes | None, torrent: bytes | None, label: str, saved_at: float
) -> ForeignTorrent:
    """One torrent. Raises FormatError."""
    if resume:
        found = read_resume(decoded(resume), torrent, saved_at, file_priority)
    else:
        found = _without_resume(choices, torrent, saved_at)
    if torrent is None and (link := choices.text("magnet")):
        found.magnet = parse_magnet(link).to_uri()
    found.labels = as_labels([label])
    found.paused = bool(choices.values.get("paused"))
    connections = choices.number("max_connections")
    found.peer_limit = int(connections) if 0 < connections < 65536 else None
    found.upload_limit = limit_of(choices.number("max_upload_speed") * KIB)
    found.download_limit = limit_of(choices.number("max_download_speed") * KIB)
    found.sequential = bool(choices.values.get("sequential_download"))
    found.super_seeding = bool(choices.values.get("super_seeding"))
    _finish(found, choices)
    return found


def file_priority(level: int) -> int | None:
    """libtorrent's 0 to 7; 4 is the usual one."""
    if level <= 0:
        return None
    return 1 if level >= HIGH else 0 if level == NORMAL else -1


def _without_resume(choices: Choices, torrent: bytes | None, saved_at: float) -> ForeignTorrent:
    folder = choices.text("save_path")
    name = shown_name(choices.text("name") or choices.text("filename"), choices.info_hash)
    found = ForeignTorrent(name=name, folder=folder, changed_before=saved_by(saved_at))
    if torrent is not None:
        found.metainfo = read_metainfo(torrent)
        found.name = found.metainfo.name
    elif not choices.text("magnet"):
        found.magnet = f"magnet:?xt=urn:btih:{choices.info_hash}"
    return found


def _finish(found: ForeignTorrent, choices: Choices) -> None:
    if (given := choices.text("name")) and given != found.name:
        found.left_out.append(f"the name that it was given ({given[:100]})")
    if choices.values.get("stop_at_ratio"):  # else its ratio is no matter, as of most of them
        found.share_limits = own_limit("ratio", choices.number("stop_ratio"))
        removed = bool(choices.values.get("remove_at_ratio"))
        found.share_limits["seed_limit_action"] = "remove" if removed else "stop"
    target = choices.text("move_completed_path")
    if choices.values.get("move_completed") and target and not found.completed_at:
        found.final_folder = target
