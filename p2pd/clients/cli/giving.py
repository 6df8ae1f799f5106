"""Limits of what torrents give, as people write them, as the API takes them, and in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import Command

AS_OTHERS, OWN, UNLIMITED = 0, 1, 2
ACTIONS = ("stop", "remove", "remove-with-data", "super-seed")
DEFAULT = "default"

_TIME = re.compile(r"(\d{1,9})([mhd]?)\Z", re.IGNORECASE)
_MINUTES = {"": 1, "m": 1, "h": 60, "d": 1440}
MOST_MINUTES = 2**31 - 1


class Wish(NamedTuple):
    """A limit that is to be: a mode of the API's, and its number if it has one."""

    mode: int
    number: float | None = None


def read_ratio(text: str) -> Wish:
    """How often all of it is to be given. Raises click.BadParameter."""
    return _word(text) or Wish(OWN, _ratio(text))


def _ratio(text: str) -> float:
    if not re.fullmatch(r"\d{1,6}(\.\d{1,9})?", text.strip()):
        raise click.BadParameter("a ratio is a number like 1.5, none, or default")
    return float(text)


def read_minutes(text: str) -> Wish:
    """A time in minutes, hours or days. Raises click.BadParameter."""
    return _word(text) or Wish(OWN, _minutes(text))


def _minutes(text: str) -> int:
    match = _TIME.match(text.strip())
    minutes = int(match[1]) * _MINUTES[match[2].lower()] if match else MOST_MINUTES + 1
    if minutes > MOST_MINUTES:
        raise click.BadParameter("a time is in minutes, or like 90m, 12h or 7d; none, or default")
    return minutes


def _word(text: str) -> Wish | None:
    words = {"none": Wish(UNLIMITED), DEFAULT: Wish(AS_OTHERS)}
    return words.get(text.strip().lower())


def _reading(read: Callable[[str], Wish]) -> Callable[..., Wish | None]:
    def callback(context: click.Context, option: click.Parameter, text: str | None) -> Wish | None:
        return None if text is None else read(text)

    return callback


_OPTIONS = (
    click.option(
        "--ratio", callback=_reading(read_ratio), metavar="RATIO",
        help="What is given by the size of what is wanted of it.",
    ),
    click.option(
        "--idle", callback=_reading(read_minutes), metavar="TIME",
        help="Complete, and nobody asked for anything for so long.",
    ),
    click.option(
        "--time", "seeding", callback=_reading(read_minutes), metavar="TIME",
        help="As a seed, in all.",
    ),
    click.option(
        "--then", "action", type=click.Choice([*ACTIONS, DEFAULT]),
        help="What to do with it when it reached one of these.",
    ),
)  # fmt: skip


class Giving(NamedTuple):
    """What --ratio, --idle, --time and --then said; None for what was not said."""

    ratio: Wish | None
    idle: Wish | None
    seeding: Wish | None
    action: str | None

    @property
    def said(self) -> bool:
        """Whether anything was."""
        return any(each is not None for each in self)

    def for_torrents(self) -> dict[str, Any]:
        """Params of torrent_set."""
        params: dict[str, Any] = {}
        for kind, wish in self._wishes():
            params[f"seed_{kind}_mode"] = wish.mode
            if wish.number is not None:
                params[f"seed_{kind}_limit"] = wish.number
        if self.action is not None:
            default = self.action == DEFAULT
            params["seed_limit_action"] = "session" if default else _action(self.action)
        return params

    def for_rules(self) -> dict[str, Any]:
        """Params of label_set and tracker_rule_set, where null is what is not said."""
        params = self.for_torrents()
        for kind, wish in self._wishes():
            if wish.mode == AS_OTHERS:
                params |= {f"seed_{kind}_mode": None, f"seed_{kind}_limit": None}
        if self.action == DEFAULT:
            params["seed_limit_action"] = None
        return params

    def for_session(self) -> dict[str, Any]:
        """Params of session_set. Raises click.UsageError."""
        names = {
            "ratio": ("seed_ratio_limit", "seed_ratio_limited"),
            "idle": ("idle_seeding_limit", "idle_seeding_limit_enabled"),
            "time": ("seed_time_limit", "seed_time_limited"),
        }
        params: dict[str, Any] = {}
        if self.action == DEFAULT or any(wish.mode == AS_OTHERS for _, wish in self._wishes()):
            raise click.UsageError("the session has no default: say a limit, or none")
        for kind, wish in self._wishes():
            name, switch = names[kind]
            params[switch] = wish.mode == OWN
            if wish.number is not None:
                params[name] = wish.number
        if self.action is not None:
            params["seed_limit_action"] = _action(self.action)
        return params

    def _wishes(self) -> Iterator[tuple[str, Wish]]:
        for kind, wish in (("ratio", self.ratio), ("idle", self.idle), ("time", self.seeding)):
            if wish is not None:
                yield kind, wish


def giving_options(command: Command) -> Command:
    """Decorate a command with --ratio, --idle, --time and --then."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


def _action(word: str) -> str:
    return word.replace("-", "_")


# -- in words ------------------------------------------------------------------------------------


def limit_cells(said: JsonObject) -> tuple[str, str, str, str]:
    """What a torrent, a label or a tracker says of ratio, idleness, time, and what then."""
    action = said["seed_limit_action"]
    return (
        _cell(said["seed_ratio_mode"], ratio_words(said["seed_ratio_limit"])),
        _cell(said["seed_idle_mode"], minutes_words(said["seed_idle_limit"])),
        _cell(said["seed_time_mode"], minutes_words(said["seed_time_limit"])),
        "" if action in (None, "session") else action.replace("_", " "),
    )


def session_cells(settings: JsonObject) -> tuple[str, str, str, str]:
    """The same of the session."""
    ratio, idle, time = (
        settings["seed_ratio_limited"], settings["idle_seeding_limit_enabled"],
        settings["seed_time_limited"],
    )  # fmt: skip
    return (
        ratio_words(settings["seed_ratio_limit"] if ratio else None),
        minutes_words(settings["idle_seeding_limit"] if idle else None),
        minutes_words(settings["seed_time_limit"] if time else None),
        settings["seed_limit_action"].replace("_", " "),
    )


def force_cells(limits: JsonObject) -> tuple[str, str, str, str]:
    """What holds for a torrent (seed_limits_in_force)."""
    return (
        ratio_words(limits["ratio_limit"]),
        minutes_words(limits["idle_limit"]),
        minutes_words(limits["time_limit"]),
        limits["action"].replace("_", " "),
    )


def limits_words(limits: JsonObject) -> str:
    """The same in a sentence: ``ratio 2, idle 7 d, then stop``; nothing if there is no limit."""
    ratio, idle, time, action = force_cells(limits)
    said = [
        f"{kind} {limit}"
        for kind, limit in (("ratio", ratio), ("idle", idle), ("time", time))
        if limit != "none"
    ]
    return ", ".join([*said, f"then {action}"]) if said else ""


def _cell(mode: int | None, words: str) -> str:
    return {OWN: words, UNLIMITED: "none"}.get(mode or AS_OTHERS, "")


def ratio_words(ratio: float | None) -> str:
    """A ratio, or none."""
    return "none" if ratio is None else f"{ratio:g}"


def minutes_words(minutes: int | None) -> str:
    """A time in the greatest unit that it is a whole number of, or none."""
    if minutes is None:
        return "none"
    for unit in ("d", "h"):
        if minutes and minutes % _MINUTES[unit] == 0:
            return f"{minutes // _MINUTES[unit]} {unit}"
    return f"{minutes} min"
