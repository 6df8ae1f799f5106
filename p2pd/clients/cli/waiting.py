"""p2pctl add --wait: follow downloads until they are done, with a bar for each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import Invocation
from p2pd.clients.text import amount_done, counted, duration, plain, rate, size, status

POLL_SECONDS = 0.5
STOPPED, CHECK_WAIT, CHECKING = range(3)
LOCAL_ERROR = 3

WAIT_FIELDS = [
    "disk_state", "error", "error_string", "eta", "id", "left_until_done",
    "metadata_percent_complete", "name",
    "peers_connected", "percent_done", "rate_download", "recheck_progress", "size_when_done",
    "status",
]  # fmt: skip


def wait_for(invocation: Invocation, ids: list[int], timeout: float | None) -> None:
    """Return when all are downloaded. Raises P2pdError when one never will be, or time is up."""
    began = invocation.clock()
    with _bars(invocation) as bars:
        while True:
            torrents = invocation.client.torrents(WAIT_FIELDS, ids)
            if len(torrents) < len(set(ids)):
                raise P2pdError("a torrent was removed while it was waited for")
            for torrent in torrents:
                bars.show(torrent)
                _check(torrent)
            if all(is_done(torrent) for torrent in torrents):
                return
            if timeout is not None and invocation.clock() - began >= timeout:
                raise P2pdError(f"not downloaded within {timeout:g} seconds")
            invocation.sleep(POLL_SECONDS)


def is_done(torrent: JsonObject) -> bool:
    """Whether everything wanted is there and checked."""
    return bool(
        torrent["metadata_percent_complete"] == 1
        and torrent["left_until_done"] == 0
        and torrent["status"] not in (CHECK_WAIT, CHECKING)
    )


def _check(torrent: JsonObject) -> None:
    if is_done(torrent):
        return
    name = plain(torrent["name"], 100)
    if torrent["error"] == LOCAL_ERROR:
        raise P2pdError(f"{name}: {torrent['error_string']}")
    if torrent["status"] == STOPPED:
        raise P2pdError(f"{name} was stopped while it was waited for")


class Bars:
    """A bar for each torrent."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[int, TaskID] = {}

    def show(self, torrent: JsonObject) -> None:
        """Bring a torrent's bar up to date."""
        task = self._tasks.get(torrent["id"])
        if task is None:
            task = self._tasks[torrent["id"]] = self._progress.add_task("", total=1.0, facts="")
        checking = torrent["status"] == CHECKING
        share = torrent["recheck_progress"] if checking else torrent["percent_done"]
        name = plain(torrent["name"], 40)
        self._progress.update(task, description=name, completed=share, facts=facts_of(torrent))


def facts_of(torrent: JsonObject) -> str:
    """What stands after a bar: share, size, state, rate, peers, time left."""
    if is_done(torrent):
        return f"100% of {size(torrent['size_when_done'])}, done"
    facts = [
        amount_done(torrent),
        status(torrent),
        rate(torrent["rate_download"]),
        counted(torrent["peers_connected"], "peer"),
        f"{left} left" if (left := duration(torrent["eta"])) else "",
    ]
    return ", ".join(filter(None, facts))


@contextlib.contextmanager
def _bars(invocation: Invocation) -> Iterator[Bars]:
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[facts]}", markup=False),
        console=invocation.console,
        auto_refresh=invocation.console.is_terminal,
        disable=invocation.as_json,
    )
    with progress:
        yield Bars(progress)
