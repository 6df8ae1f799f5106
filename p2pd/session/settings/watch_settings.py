"""Watch folders as a setting: a list of objects, and what each of them means."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from typing import Any, Callable, Iterable, Mapping

from p2pd.base.errors import P2pdError

AFTERWARDS = ("keep", "delete", "move")
MOST_FOLDERS = 50
LONGEST = 4096


@dataclass(frozen=True, slots=True)
class WatchFolder:
    """A folder whose .torrent, .magnet and .url files are added."""

    folder: str
    recursive: bool = True
    download_dir: str = ""
    """Where they are downloaded to; empty: where all are."""
    labels: tuple[str, ...] = ()
    folder_labels: bool = False
    """Whether the names of the sub-folders that a file is in are labels, too."""
    paused: bool | None = None
    """None: as all that is added."""
    afterwards: str = "keep"
    """What becomes of the file: one of AFTERWARDS; what is kept is named ``.added``."""
    move_to: str = ""
    owner: str = ""
    """The user whose torrents they are; empty: nobody's."""


def watch_folders_of(values: Iterable[Mapping[str, Any]]) -> list[WatchFolder]:
    """The setting as it is kept, to work with."""
    return [WatchFolder(**{**value, "labels": tuple(value["labels"])}) for value in values]


def checked_watch_folders(value: Any) -> list[dict[str, Any]]:
    """The setting as it is kept, every member named. Raises P2pdError."""
    if not isinstance(value, (list, tuple)) or len(value) > MOST_FOLDERS:
        raise P2pdError(f"not a list of at most {MOST_FOLDERS} folders")
    found = [_checked(each) for each in value]
    if len({each["folder"] for each in found}) < len(found):
        raise P2pdError("a folder is in the list twice")
    return found


def _checked(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or "folder" not in value:
        raise P2pdError("a watch folder is an object with a folder, at the least")
    known = {field.name for field in fields(WatchFolder)}
    if unknown := sorted(map(str, set(value) - known)):
        raise P2pdError(f"a watch folder has no {', '.join(unknown)[:100]}")
    checked: dict[str, Any] = {name: _CHECKS[name](name, member) for name, member in value.items()}
    folder = WatchFolder(**checked)
    if folder.afterwards == "move" and not folder.move_to:
        raise P2pdError(f"{folder.folder}: move_to says where files are moved to, and is empty")
    if folder.move_to == folder.folder:
        raise P2pdError(f"{folder.folder}: move_to is the folder itself")
    return {**asdict(folder), "labels": list(folder.labels)}


def _path(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or not os.path.isabs(value):
        raise P2pdError(f"{name} is not an absolute path: {value!r:.100}")
    if not value.isprintable():
        raise P2pdError(f"{name} is not an absolute path: {value!r:.100}")
    return os.path.normpath(value)


def _path_or_none(name: str, value: Any) -> str:
    return "" if value == "" else _path(name, value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise P2pdError(f"{name} is not true or false: {value!r:.100}")
    return value


def _flag_or_none(name: str, value: Any) -> bool | None:
    return None if value is None else _flag(name, value)


def _labels(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > 100:
        raise P2pdError(f"{name} is not a list of at most 100 labels")
    for label in value:
        if not isinstance(label, str) or label_of(label) != label:
            raise P2pdError(f"not a label: {label!r:.100}")
    return tuple(dict.fromkeys(value))


def label_of(text: str) -> str:
    """A label as near to a text as one can be; empty if there is none."""
    words = "".join(letter if letter.isprintable() else " " for letter in text)
    return words.replace(",", " ").strip()[:255].strip()


def _afterwards(name: str, value: Any) -> str:
    if value not in AFTERWARDS:
        raise P2pdError(f"{name} is not one of {', '.join(AFTERWARDS)}: {value!r:.100}")
    return str(value)


def _user(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > 64 or not value.isprintable():
        raise P2pdError(f"{name} is no user's name: {value!r:.100}")
    return value


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "folder": _path,
    "recursive": _flag,
    "download_dir": _path_or_none,
    "labels": _labels,
    "folder_labels": _flag,
    "paused": _flag_or_none,
    "afterwards": _afterwards,
    "move_to": _path_or_none,
    "owner": _user,
}
