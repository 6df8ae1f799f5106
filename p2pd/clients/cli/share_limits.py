"""p2pctl share-limits, share-limit: how much torrents give, and what is done then."""

from __future__ import annotations

from typing import Any

import click

from p2pd.clients.api_client import ApiClient, JsonObject
from p2pd.clients.cli.choosing import WORDS
from p2pd.clients.cli.giving import (
    Giving,
    Wish,
    force_cells,
    giving_options,
    limit_cells,
    session_cells,
)
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.columns import Columns
from p2pd.clients.selection import choose
from p2pd.clients.text import plain

SETTING_FIELDS = [
    "idle_seeding_limit", "idle_seeding_limit_enabled", "seed_limit_action", "seed_ratio_limit",
    "seed_ratio_limited", "seed_time_limit", "seed_time_limited",
]  # fmt: skip
OWN_FIELDS = [
    "seed_idle_limit", "seed_idle_mode", "seed_limit_action", "seed_ratio_limit",
    "seed_ratio_mode", "seed_time_limit", "seed_time_mode",
]  # fmt: skip
TORRENT_FIELDS = [
    *OWN_FIELDS, "hash_string", "id", "is_finished", "name", "seed_limits_in_force",
    "seed_limits_reached",
]  # fmt: skip


@click.command("share-limits")
@WORDS
@api_options
@pass_invocation
def share_limits(invocation: Invocation, words: tuple[str, ...]) -> None:
    """Show how much torrents give: what is set anywhere, or what holds for some torrents."""
    with in_words():
        shown = _of_torrents(invocation.client, words) if words else _of_all(invocation.client)
    if invocation.as_json:
        invocation.tell(shown)
    else:
        invocation.show(_table(shown))


@click.command("share-limit")
@WORDS
@giving_options
@api_options
@pass_invocation
def share_limit(
    invocation: Invocation, words: tuple[str, ...], ratio: Wish | None, idle: Wish | None,
    seeding: Wish | None, action: str | None,
) -> None:  # fmt: skip
    """Set how much torrents give: of the session, or of those that are named.

    TIME is in minutes, or like 12h or 7d. none is no limit; with default a torrent leaves it to its
    labels, its trackers and the session. For labels see p2pctl label, for trackers p2pctl
    tracker-rule.

    \b
    Examples:
      p2pctl share-limit --ratio 2 --then stop
      p2pctl share-limit debian --ratio none --idle 7d
    """
    giving = Giving(ratio, idle, seeding, action)
    if not giving.said:
        raise click.UsageError("say what to set: --ratio, --idle, --time or --then")
    client = invocation.client
    with in_words():
        if words:
            ids = [one["id"] for one in choose(client, words)]
            client.call("torrent_set", ids=ids, **giving.for_torrents())
            shown = _of_torrents(client, tuple(map(str, ids)))
        else:
            client.call("session_set", **giving.for_session())
            shown = {"session": _session(client)}
    if invocation.as_json:
        invocation.tell(shown)
    else:
        invocation.show(_table(shown))


def _session(client: ApiClient) -> JsonObject:
    return client.call("session_get", fields=SETTING_FIELDS)


def _of_torrents(client: ApiClient, words: tuple[str, ...]) -> dict[str, Any]:
    ids = [one["id"] for one in choose(client, words)]
    return {"torrents": client.torrents(TORRENT_FIELDS, ids)}


def _of_all(client: ApiClient) -> dict[str, Any]:
    """The session, and who says otherwise."""
    return {
        "session": _session(client),
        "labels": [one for one in client.call("label_get")["labels"] if _says(one)],
        "trackers": [one for one in client.call("tracker_rule_get")["rules"] if _says(one)],
        "torrents": [one for one in client.torrents(TORRENT_FIELDS) if _says(one)],
    }


def _says(said: JsonObject) -> bool:
    return any(limit_cells(said))


def _table(shown: dict[str, Any]) -> Columns:
    table = Columns("Limits of", "Ratio", "Idle", "Time", "Then", "State")
    if "session" in shown:
        table.add_row("session", *session_cells(shown["session"]), "")
    for label in shown.get("labels", ()):
        table.add_row(f"label {plain(label['label'], 255)}", *limit_cells(label), "")
    for tracker in shown.get("trackers", ()):
        table.add_row(f"tracker {plain(tracker['host'], 255)}", *limit_cells(tracker), "")
    for torrent in shown.get("torrents", ()):
        name = f"{torrent['id']} {plain(torrent['name'], 255)}"
        table.add_row(name, *force_cells(torrent["seed_limits_in_force"]), _state(torrent))
    return table


def _state(torrent: JsonObject) -> str:
    reached = " and ".join(torrent["seed_limits_reached"])
    if not reached:
        return ""
    return f"reached its {reached} limit" + ("" if torrent["is_finished"] else ", and goes on")
