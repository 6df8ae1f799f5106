"""p2pctl add --wait and verify --wait: follow torrents until they are done, a bar for each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.cells import set_cell_size
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import Invocation, TooLateError
from p2pd.clients.text import amount_done, counted, duration, percent, plain, rate, size, status

POLL_SECONDS = 0.5
ROOMY_WIDTH = 120
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
    _wait(invocation, ids, timeout, is_done, "downloaded")


def wait_for_check(invocation: Invocation, ids: list[int], timeout: float | None) -> None:
    """Return when all are checked. Raises P2pdError when one never will be, or time is up."""
    _wait(invocation, ids, timeout, is_checked, "checked")


def _wait(
    invocation: Invocation,
    ids: list[int],
    timeout: float | None,
    reached: Callable[[JsonObject], bool],
    aim: str,
) -> None:
    began = invocation.clock()
    with _bars(invocation) as bars:
        while True:
            torrents = invocation.client.torrents(WAIT_FIELDS, ids)
            if len(torrents) < len(set(ids)):
                raise P2pdError("a torrent was removed while it was waited for")
            for torrent in torrents:
                bars.show(torrent)
                if not reached(torrent):
                    _check(torrent)
            if all(reached(torrent) for torrent in torrents):
                return
            if timeout is not None and invocation.clock() - began >= timeout:
                raise TooLateError(f"not {aim} within {timeout:g} seconds")
            invocation.sleep(POLL_SECONDS)


def is_done(torrent: JsonObject) -> bool:
    """Whether everything wanted is there and checked."""
    return bool(
        torrent["metadata_percent_complete"] == 1
        and torrent["left_until_done"] == 0
        and is_checked(torrent)
    )


def is_checked(torrent: JsonObject) -> bool:
    """Whether its data is not being checked, nor going to be."""
    return torrent["status"] not in (CHECK_WAIT, CHECKING)


def _check(torrent: JsonObject) -> None:
    name = plain(torrent["name"], 100)
    if torrent["error"] == LOCAL_ERROR:
        raise P2pdError(f"{name}: {torrent['error_string']}")
    if torrent["status"] == STOPPED:
        raise P2pdError(f"{name} was stopped while it was waited for")


class Bars:
    """A bar for each torrent."""

    def __init__(self, progress: Progress, clock: Callable[[], float], name_width: int) -> None:
        self._progress = progress
        self._clock = clock
        self._name_width = name_width
        self._tasks: dict[int, TaskID] = {}
        self._checks: dict[int, tuple[float, float]] = {}

    def show(self, torrent: JsonObject) -> None:
        """Bring a torrent's bar up to date."""
        task = self._tasks.get(torrent["id"])
        if task is None:
            task = self._tasks[torrent["id"]] = self._progress.add_task("", total=1.0, facts="")
        checking = torrent["status"] == CHECKING
        share = torrent["recheck_progress"] if checking else torrent["percent_done"]
        name = set_cell_size(plain(torrent["name"]), self._name_width)
        facts = self._check_facts(torrent) if checking else facts_of(torrent)
        self._progress.update(task, description=name, completed=share, facts=facts)

    def _check_facts(self, torrent: JsonObject) -> str:
        """How far a check is, how fast, and the time left: the API has these of downloads only."""
        now, share = self._clock(), torrent["recheck_progress"]
        began, share_then = self._checks.setdefault(torrent["id"], (now, share))
        facts = [percent(share), status(torrent)]
        if now > began and share > share_then:
            speed = (share - share_then) / (now - began)
            left = duration((1 - share) / speed)
            facts += [rate(speed * torrent["size_when_done"]), f"{left} left"]
        return ", ".join(facts)


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
    roomy = invocation.console.width >= ROOMY_WIDTH
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(30 if roomy else 10, complete_style="cyan", finished_style="green"),
        TextColumn("{task.fields[facts]}", markup=False),
        console=invocation.console,
        auto_refresh=invocation.console.is_terminal,
        disable=invocation.as_json,
    )
    with progress:
        yield Bars(progress, invocation.clock, 40 if roomy else 16)
