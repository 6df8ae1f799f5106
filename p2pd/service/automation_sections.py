"""What the daemon does by itself, in the configuration: a part of config.py."""

from __future__ import annotations

from dataclasses import dataclass

from p2pd.service.checks import (
    events,
    file,
    flag,
    folder,
    names,
    networks,
    number,
    one_of,
    whole,
    words,
)
from p2pd.service.config_key import key
from p2pd.session.settings.watch_settings import AFTERWARDS
from p2pd.swarm.share_limits import ACTIONS, MOST_MINUTES, MOST_RATIO, STOP

_MINUTES = whole(0, MOST_MINUTES)


@dataclass(frozen=True, slots=True)
class AutomationSection:
    """What the daemon does by itself. Feeds and their rules are set by clients."""

    private_addresses: tuple[str, ...] = key(
        (),
        networks,
        "Networks that feeds, their items and webhooks may lead to though they are not public,\n"
        'as ["127.0.0.0/8", "192.168.0.0/16"]: who writes a feed chooses where its items lead.',
    )
    script_torrent_added: str = key(
        "",
        file,
        "A program to run when a torrent was added; empty is none. What it is told is in\n"
        "docs/operations.rst.",
    )
    script_torrent_done: str = key("", file, "The same for when a download is complete.")
    script_torrent_done_seeding: str = key("", file, "The same for when seeding was enough.")
    command: tuple[str, ...] = key(
        (),
        words,
        "A program and its arguments, to run for everything that happens to torrents, or ...",
    )
    command_events: tuple[str, ...] = key(
        (), events, "... only for these of it: added, done, error, removed and so on."
    )
    allow_commands_over_rpc: bool = key(
        False,
        flag,
        "Whether admins may set programs to run over the control API: who has a token then may do\n"
        "all that the daemon's user may.",
    )


@dataclass(frozen=True, slots=True)
class WatchSection:
    """A folder in which .torrent, .magnet and .url files are added. Clients may set several."""

    dir: str = key("", folder, "The folder; empty is none.")
    recursive: bool = key(True, flag, "Whether its sub-folders are watched, too.")
    download_dir: str = key("", folder, "Where they are downloaded to; empty is where all are.")
    labels: tuple[str, ...] = key((), names, "Labels that they get.")
    folder_labels: bool = key(
        False, flag, "Whether the names of the sub-folders that a file is in are labels, too."
    )
    afterwards: str = key(
        "keep",
        one_of(*AFTERWARDS),
        "What becomes of a file that was added: keep (named .added), delete, or move (to move_to).",
    )
    move_to: str = key("", folder, "Where it is moved to then.")


@dataclass(frozen=True, slots=True)
class SeedingSection:
    """How much torrents give, unless they, their labels or trackers say otherwise."""

    ratio: float = key(
        0.0, number(0, MOST_RATIO), "What is given by the size of what was wanted; 0 is no limit."
    )
    idle_minutes: int = key(0, _MINUTES, "Without anybody who asked for data; 0 is no limit.")
    minutes: int = key(0, _MINUTES, "As a seed, in all; 0 is no limit.")
    then: str = key(
        STOP,
        one_of(*ACTIONS),
        "What is done with a torrent that reached one of these: stop, remove, remove_with_data\n"
        "(its files are deleted) or super_seed.",
    )
