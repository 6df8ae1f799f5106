"""Bars for torrents in the making, and those that a daemon makes."""

from __future__ import annotations

import base64
import os
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from p2pd.base.errors import P2pdError
from p2pd.clients.cli.invocation import Invocation
from p2pd.clients.text import plain
from p2pd.formats.creator import CreationOptions

POLL_SECONDS = 0.3
UNDER_WAY = ("waiting", "hashing", "adding")


def bars(invocation: Invocation) -> Progress:
    """A bar on a terminal, else nothing."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        console=invocation.console,
        auto_refresh=invocation.console.is_terminal,
        disable=invocation.as_json or not invocation.console.is_terminal,
    )


def made_remotely(
    invocation: Invocation, path: str, options: CreationOptions, wishes: dict[str, Any]
) -> bytes:
    """The .torrent file that the daemon makes of what is at its path. Raises P2pdError."""
    client = invocation.client
    number = client.call("torrent_create", path=path, **_params(options), **wishes)["task_id"]
    try:
        _wait(invocation, path, number)
        answer = client.call("task_get", ids=[number], metainfo=True)
        return base64.b64decode(answer["tasks"][0]["metainfo"])
    finally:
        client.call("task_cancel", id=number)


def _params(options: CreationOptions) -> dict[str, Any]:
    given = {
        "piece_size": options.piece_length,
        "source": options.source,
        "comment": options.comment,
        "tls_ca": options.authority,
    }
    return {
        "version": options.version,
        "is_private": options.private,
        "tracker_list": "\n\n".join("\n".join(tier) for tier in options.trackers),
        "webseeds": list(options.web_seeds),
        "nodes": [_node(*node) for node in options.nodes],
        "dated": options.creation_date is not None,
        **{name: value for name, value in given.items() if value is not None},
    }


def _node(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _wait(invocation: Invocation, path: str, number: int) -> None:
    """Until it is over. Raises P2pdError if nothing came of it."""
    with bars(invocation) as progress:
        bar = progress.add_task(plain(os.path.basename(path), 40), total=None)
        while True:
            found = invocation.client.call("task_get", ids=[number])["tasks"]
            if not found:
                raise P2pdError("the daemon knows nothing of the task any more")
            (task,) = found
            if task["state"] not in UNDER_WAY:
                break
            progress.update(bar, completed=task["bytes_done"], total=task["bytes_total"] or None)
            invocation.sleep(POLL_SECONDS)
    if task["state"] != "done":
        raise P2pdError(task["error_string"] or f"the daemon says that it is {task['state']}")
