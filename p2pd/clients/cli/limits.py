"""p2pctl limits, limit, alt-speeds: speed limits of the session, labels, torrents and peers."""

from __future__ import annotations

from typing import Any, NamedTuple

import click

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import ApiClient, JsonObject
from p2pd.clients.cli.choosing import WORDS, complete_labels
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.limit_tables import (
    alternative_sentence,
    limit_table,
    local_sentence,
    pair_words,
    schedule_sentence,
    session_limits,
)
from p2pd.clients.cli.speeds import NO_LIMIT, read_days, read_speed, read_time, reading
from p2pd.clients.selection import choose
from p2pd.clients.text import plain

SETTING_FIELDS = [
    "alt_speed_down", "alt_speed_enabled", "alt_speed_time_begin", "alt_speed_time_day",
    "alt_speed_time_enabled", "alt_speed_time_end", "alt_speed_up", "limit_local_peers",
    "peer_speed_limit_down", "peer_speed_limit_up", "speed_limit_down",
    "speed_limit_down_enabled", "speed_limit_up", "speed_limit_up_enabled",
]  # fmt: skip
TORRENT_FIELDS = [
    "download_limit", "download_limit_in_force", "download_limited", "hash_string",
    "honors_session_limits", "id", "labels", "name", "upload_limit", "upload_limit_in_force",
    "upload_limited",
]  # fmt: skip

DOWN = click.option("--down", callback=reading(read_speed), metavar="SPEED", help="Of downloads.")
UP = click.option("--up", callback=reading(read_speed), metavar="SPEED", help="Of uploads.")


class Speeds(NamedTuple):
    """What --down and --up said of torrents; None for what was not said."""

    down: int | None
    up: int | None

    def to_add(self) -> dict[str, int]:
        """Params of torrent_add."""
        limits = {"download_limit": self.down, "upload_limit": self.up}
        return {name: speed for name, speed in limits.items() if speed not in (None, NO_LIMIT)}

    def to_set(self) -> dict[str, Any]:
        """Params of torrent_set."""
        down = switched("download_limit", "download_limited", self.down)
        return down | switched("upload_limit", "upload_limited", self.up)


@click.command()
@WORDS
@api_options
@pass_invocation
def limits(invocation: Invocation, words: tuple[str, ...]) -> None:
    """Show the speed limits: of everything, or of some torrents and what holds for them."""
    with in_words():
        settings = {} if words else _settings(invocation.client)
        labels = [] if words else _limited_labels(invocation.client)
        torrents = _torrents(invocation.client, words)
    if invocation.as_json:
        shown = {"torrents": torrents}
        invocation.tell(shown if words else settings | {"labels": labels} | shown)
        return
    invocation.show(limit_table(settings, labels, torrents))
    if not words:
        invocation.say(schedule_sentence(settings))
        invocation.say(local_sentence(settings))


def _limited_labels(client: ApiClient) -> list[JsonObject]:
    labels: list[JsonObject] = client.call("label_get")["labels"]
    return [
        one for one in labels
        if one["speed_limit_down"] is not None or one["speed_limit_up"] is not None
    ]  # fmt: skip


def _torrents(client: ApiClient, words: tuple[str, ...]) -> list[JsonObject]:
    """Those that are named; if none is, those that have a limit of their own, or are free."""
    if words:
        return client.torrents(TORRENT_FIELDS, [one["id"] for one in choose(client, words)])
    return [
        one for one in client.torrents(TORRENT_FIELDS)
        if one["download_limited"] or one["upload_limited"] or not one["honors_session_limits"]
    ]  # fmt: skip


@click.command()
@WORDS
@DOWN
@UP
@click.option(
    "--label", shell_complete=complete_labels, help="Of all torrents of a label together."
)
@click.option("--each-peer", is_flag=True, help="Of every single peer.")
@click.option(
    "--honor-session/--ignore-session", "honor", default=None,
    help="Whether the session's limits and those of single peers hold for the torrents.",
)  # fmt: skip
@click.option(
    "--limit-local/--spare-local", "local", default=None,
    help="Whether peers in the local network are under any limit.",
)  # fmt: skip
@api_options
@pass_invocation
def limit(
    invocation: Invocation, words: tuple[str, ...], down: int | None, up: int | None,
    label: str | None, each_peer: bool, honor: bool | None, local: bool | None,
) -> None:  # fmt: skip
    """Set speed limits: of the whole session, or of the torrents that are named.

    SPEED is a number of kB/s (1000 bytes), one with a unit (2MB, 512KiB), or none for no limit;
    0 lets nothing through. Of all limits that something is under, the lowest decides.
    """
    if bool(words) + (label is not None) + each_peer > 1:
        raise click.UsageError("torrents, --label and --each-peer exclude each other")
    if honor is not None and not words:
        raise click.UsageError("name the torrents that are to honor or ignore the session's limits")
    if local is not None and (words or label is not None or each_peer):
        raise click.UsageError("--limit-local and --spare-local hold for the whole session")
    if down is up is honor is local is None:
        raise click.UsageError("say what to set: --down SPEED, --up SPEED, or both")
    with in_words():
        if words:
            _limit_torrents(invocation, words, down, up, honor)
        elif label is not None:
            _limit_label(invocation, label.strip(), down, up)
        elif each_peer:
            _limit_peers(invocation, down, up)
        else:
            _limit_session(invocation, down, up, local)


def _limit_torrents(
    invocation: Invocation, words: tuple[str, ...], down: int | None, up: int | None,
    honor: bool | None,
) -> None:  # fmt: skip
    changes = Speeds(down, up).to_set()
    if honor is not None:
        changes["honors_session_limits"] = honor
    client = invocation.client
    ids = [one["id"] for one in choose(client, words)]
    client.call("torrent_set", ids=ids, **changes)
    torrents = client.torrents(TORRENT_FIELDS, ids)
    if invocation.as_json:
        invocation.tell({"torrents": torrents})
    else:
        invocation.show(limit_table({}, [], torrents))


def _limit_label(invocation: Invocation, label: str, down: int | None, up: int | None) -> None:
    changes = {
        name: None if speed == NO_LIMIT else speed
        for name, speed in (("speed_limit_down", down), ("speed_limit_up", up))
        if speed is not None
    }
    client = invocation.client
    client.call("label_set", label=label, **changes)
    own = next((one for one in client.call("label_get")["labels"] if one["label"] == label), None)
    if own is None:
        raise P2pdError(f"label {plain(label)} was removed meanwhile")
    if invocation.as_json:
        invocation.tell(own)
        return
    words = pair_words(own["speed_limit_down"], own["speed_limit_up"])
    invocation.say(f"label {plain(label)}: {words}")
    if not own["torrent_count"]:
        invocation.say("no torrent has this label now")


def _limit_peers(invocation: Invocation, down: int | None, up: int | None) -> None:
    if down == 0 or up == 0:
        raise P2pdError("a peer that may have nothing is a peer to ban: say none for no limit")
    changes = {
        name: 0 if speed == NO_LIMIT else speed
        for name, speed in (("peer_speed_limit_down", down), ("peer_speed_limit_up", up))
        if speed is not None
    }
    settings = _set(invocation, **changes)
    own = (settings["peer_speed_limit_down"] or None, settings["peer_speed_limit_up"] or None)
    invocation.say(f"every single peer: {pair_words(*own)}")


def _limit_session(
    invocation: Invocation, down: int | None, up: int | None, local: bool | None
) -> None:
    changes = switched("speed_limit_down", "speed_limit_down_enabled", down)
    changes |= switched("speed_limit_up", "speed_limit_up_enabled", up)
    if local is not None:
        changes["limit_local_peers"] = local
    settings = _set(invocation, **changes)
    invocation.say(f"session: {pair_words(*session_limits(settings))}")
    if settings["alt_speed_enabled"]:
        invocation.say("the alternative speeds hold instead, until they are turned off")
    if local is not None or not settings["limit_local_peers"]:
        invocation.say(local_sentence(settings))


@click.command("alt-speeds")
@click.argument("switch", metavar="[on|off]", required=False, type=click.Choice(["on", "off"]))
@DOWN
@UP
@click.option(
    "--from", "begin", callback=reading(read_time), metavar="HH:MM", help="When they begin."
)
@click.option(
    "--to", "end", callback=reading(read_time), metavar="HH:MM",
    help="When they end; on the next day if that is not after the begin.",
)  # fmt: skip
@click.option(
    "--days", callback=reading(read_days), metavar="DAYS", help="Like mon-fri or sat,sun, or all."
)
@click.option(
    "--schedule/--no-schedule", default=None, help="Whether they are turned on and off by the week."
)
@api_options
@pass_invocation
def alt_speeds(
    invocation: Invocation, switch: str | None, down: int | None, up: int | None,
    begin: int | None, end: int | None, days: int | None, schedule: bool | None,
) -> None:  # fmt: skip
    """Turn the alternative speeds on or off, set them, or have the week turn them.

    While they are on, they take the place of the session's limits. --from, --to and --days turn
    the schedule on, by the clock of the daemon's host. With nothing to do, tell how it is.
    """
    if NO_LIMIT in (down, up):
        raise click.UsageError("alternative speeds are always limits: none is not one of them")
    times = {"alt_speed_time_begin": begin, "alt_speed_time_end": end, "alt_speed_time_day": days}
    timed = any(value is not None for value in times.values())
    if timed and schedule is False:
        raise click.UsageError("--no-schedule and the times of a schedule exclude each other")
    wishes = times | {
        "alt_speed_down": down,
        "alt_speed_up": up,
        "alt_speed_time_enabled": True if timed else schedule,
    }
    changes = {name: value for name, value in wishes.items() if value is not None}
    with in_words():
        if changes:
            invocation.client.call("session_set", **changes)
        if switch is not None:
            # On its own and last: a schedule that is new turns them as it would have by now.
            invocation.client.call("session_set", alt_speed_enabled=switch == "on")
        settings = _settings(invocation.client)
    if invocation.as_json:
        invocation.tell(settings)
    invocation.say(alternative_sentence(settings))
    invocation.say(schedule_sentence(settings))


def switched(name: str, switch: str, speed: int | None) -> dict[str, Any]:
    """A limit that has a number and a switch."""
    if speed is None:
        return {}
    return {switch: False} if speed == NO_LIMIT else {name: speed, switch: True}


def _settings(client: ApiClient) -> JsonObject:
    return client.call("session_get", fields=SETTING_FIELDS)


def _set(invocation: Invocation, **changes: Any) -> JsonObject:
    """Change settings; tells with --json what they are now."""
    invocation.client.call("session_set", **changes)
    settings = _settings(invocation.client)
    if invocation.as_json:
        invocation.tell(settings)
    return settings
