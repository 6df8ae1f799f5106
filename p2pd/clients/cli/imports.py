"""p2pctl import: torrents of another program, with their totals, labels and verified pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import ApiError, CannotConnectError, JsonObject
from p2pd.clients.cli.invocation import (
    FailedError,
    Invocation,
    api_options,
    in_words,
    pass_invocation,
)
from p2pd.clients.columns import Columns
from p2pd.clients.importing.found import Found
from p2pd.clients.importing.handing_over import Wishes, group_params, params_of
from p2pd.clients.importing.programs import PROGRAMS, State, find_state
from p2pd.clients.importing.still_running import running_on
from p2pd.clients.text import counted, percent, plain, size
from p2pd.formats.foreign.model import ForeignTorrent

METHOD_NOT_FOUND = -32601
NOT_PERMITTED = 403
CHANGED = "files of it changed since and are checked"


@dataclass(slots=True)
class Outcome:
    """What became of one torrent."""

    name: str
    what: str
    """``imported``, ``here`` or ``refused``."""
    id: int = 0
    size: int = 0
    done: float | None = None
    """What the program had of it, 0 to 1; None if that is not known."""
    to_check: int = 0
    """Pieces, as `missing`."""
    missing: int = 0
    """What the program had in files that are not there, or had elsewhere."""
    label: str = ""
    folder: str = ""
    problem: str = ""
    left_out: list[str] = field(default_factory=list)


@click.command("import")
@click.argument("program", type=click.Choice(list(PROGRAMS)))
@click.argument("folder", required=False, type=click.Path())
@click.option("--dry-run", is_flag=True, help="Only show what would come, and what would not.")
@click.option("--paused", is_flag=True, help="Do not start any.")
@click.option(
    "--map", "moved", multiple=True, metavar="OLD=NEW",
    help="The folder that the program had as OLD is NEW for the daemon; may be repeated.",
)  # fmt: skip
@click.option("--label", "labels", multiple=True, help="Label all of them; may be repeated.")
@click.option("--force", is_flag=True, help="Also while the program runs on that folder.")
@api_options
@pass_invocation
def import_torrents(
    invocation: Invocation,
    program: str,
    folder: str | None,
    dry_run: bool,
    paused: bool,
    moved: tuple[str, ...],
    labels: tuple[str, ...],
    force: bool,
) -> None:
    """Take over the torrents of another program, where their files are, without a check.

    Totals, labels, dates, limits, priorities, the order of the queue and the choice of files come
    along. FOLDER is where the program
    keeps its state [where it usually is]; it is only read. Stop the program first. Torrents that
    are in the daemon already stay as they are, so this may be run again.
    """
    wishes = Wishes(paused, labels, _pairs(moved), dry_run)
    with in_words():
        state = find_state(program, folder, invocation.environ)
        _look_for_process(invocation, state, bearable=force or dry_run)
        count, found = state.program.read(state.folder)
        if not dry_run:
            _make_groups(invocation, state)
        outcomes = []
        for number, one in enumerate(found, 1):
            outcomes.append(_hand_over(invocation, one, wishes))
            if not dry_run:
                invocation.say(f"[{number}/{count}] {_line(outcomes[-1])}")
    if invocation.as_json:
        invocation.tell(_json(state, outcomes, dry_run))
    else:
        _summary(invocation, state, outcomes, dry_run)
    if any(outcome.what == "refused" for outcome in outcomes):
        raise FailedError("some torrents could not be taken over, for the reasons above")


def _make_groups(invocation: Invocation, state: State) -> None:
    """The program's bandwidth groups, but for those that are here by these names."""
    groups = state.program.groups(state.folder, invocation.environ)
    if not groups:
        return
    here = {group["name"] for group in invocation.client.call("group_get")["group"]}
    for group in groups:
        if group.name not in here:
            try:
                invocation.client.call("group_set", **group_params(group))
            except ApiError as problem:
                invocation.warn(f"the group {plain(group.name, 255)} is not made: {problem}")


def _pairs(moved: Sequence[str]) -> list[tuple[str, str]]:
    pairs = []
    for given in moved:
        old, separator, new = given.partition("=")
        if not separator or not old.startswith("/") or not new.startswith("/"):
            raise click.UsageError(f"--map takes two absolute folders, OLD=NEW: {given!r}")
        pairs.append((old, new))
    return pairs


def _look_for_process(invocation: Invocation, state: State, *, bearable: bool) -> None:
    running = running_on(state)
    if running is None:
        return
    process = f"{running.name} (process {running.pid})"
    if running.sure and not bearable:
        raise P2pdError(
            f"{process} runs on {state.folder}: stop it first, for it keeps its latest progress to "
            "itself, and two programs would write the same files (--force does it all the same)"
        )
    invocation.warn(f"{process} runs: stop it before its torrents are taken over")


def _hand_over(invocation: Invocation, found: Found, wishes: Wishes) -> Outcome:
    torrent = found.torrent
    if torrent is None:
        return Outcome(found.name, "refused", problem=found.problem)
    outcome = Outcome(torrent.name, "refused", folder=wishes.folder(torrent.folder))
    outcome.size = torrent.metainfo.total_length if torrent.metainfo is not None else 0
    if torrent.pieces is not None:
        outcome.done = torrent.pieces.count / torrent.pieces.size
    try:
        params = params_of(torrent, wishes)
        outcome.folder, outcome.label = params["download_dir"], ", ".join(params["labels"])
        answer = _imported(invocation, torrent, params)
    except CannotConnectError:
        raise
    except P2pdError as problem:
        if isinstance(problem, ApiError) and problem.code in (0, METHOD_NOT_FOUND):
            raise  # no other would fare better
        outcome.problem = str(problem)
        return outcome
    if "torrent_duplicate" in answer:
        outcome.what, outcome.id = "here", answer["torrent_duplicate"]["id"]
        return outcome
    outcome.what, outcome.id = "imported", answer["torrent_imported"]["id"]
    outcome.to_check = answer["pieces_to_check"]
    outcome.missing = answer["pieces_missing"]
    outcome.problem = torrent.obstacle or answer["problem"]
    outcome.left_out = torrent.left_out
    return outcome


def _imported(
    invocation: Invocation, torrent: ForeignTorrent, params: dict[str, Any]
) -> JsonObject:
    try:
        return invocation.client.call("torrent_import", **params)
    except ApiError as problem:
        if problem.code != NOT_PERMITTED or not params["group"]:
            raise
    # Groups are for who sees all torrents.
    torrent.left_out.append(f"its bandwidth group ({params['group'][:100]})")
    return invocation.client.call("torrent_import", **params | {"group": ""})


def _line(outcome: Outcome) -> str:
    name = plain(outcome.name, 255)
    if outcome.what == "here":
        return f"{outcome.id} {name}: is there already"
    if outcome.what == "refused":
        return f"{name}: not taken over: {plain(outcome.problem)}"
    facts = ["taken over"]
    if outcome.to_check:
        facts.append(CHANGED)
    if outcome.missing:
        facts.append(f"{counted(outcome.missing, 'piece')} of it not in its files")
    if outcome.problem:
        facts.append(f"not started: {plain(outcome.problem)}")
    return f"{outcome.id} {name}: {', '.join(facts)}"


def _table(outcomes: Sequence[Outcome]) -> Columns:
    table = Columns("Done>", "Size>", "Label", "Folder", "Problem", "Name", spare=["Label"])
    for outcome in outcomes:
        done = "" if outcome.done is None else percent(outcome.done)
        table.add_row(
            "here" if outcome.what == "here" else done,
            size(outcome.size) if outcome.size else "",
            plain(outcome.label, 60),
            plain(outcome.folder, 200),
            plain(outcome.problem, 300) or CHANGED * bool(outcome.to_check),
            plain(outcome.name, 255),
            style="red" if outcome.what == "refused" else "",
        )
    return table


def _summary(
    invocation: Invocation, state: State, outcomes: Sequence[Outcome], dry_run: bool
) -> None:
    if dry_run and outcomes:
        invocation.show(_table(outcomes))
    kinds = Counter(outcome.what for outcome in outcomes)
    came = "would be taken over" if dry_run else "taken over"
    parts = [f"{counted(kinds['imported'], 'torrent')} {came} from {plain(str(state.folder))}"]
    if kinds["here"]:
        parts.append(f"{kinds['here']} there already")
    if kinds["refused"]:
        parts.append(f"{kinds['refused']} not")
    invocation.say(", ".join(parts))
    checked = sum(1 for outcome in outcomes if outcome.to_check)
    if checked:
        verb = "would be" if dry_run else "are"
        invocation.say(f"Files that changed since {verb} checked in {counted(checked, 'torrent')}")
    for words, count in Counter(w for outcome in outcomes for w in outcome.left_out).items():
        invocation.say(f"Not kept of {counted(count, 'torrent')}: {plain(words, 300)}")
    if any("is not there" in outcome.problem for outcome in outcomes):
        invocation.say("If the daemon has these folders elsewhere, say so: --map OLD=NEW")


def _json(state: State, outcomes: Sequence[Outcome], dry_run: bool) -> JsonObject:
    def row(outcome: Outcome) -> dict[str, Any]:
        return {name: getattr(outcome, name) for name in Outcome.__dataclass_fields__}

    kinds = Counter(outcome.what for outcome in outcomes)
    return {
        "program": state.program.name,
        "folder": str(state.folder),
        "dry_run": dry_run,
        "imported": kinds["imported"],
        "here": kinds["here"],
        "refused": kinds["refused"],
        "torrents": [row(outcome) for outcome in outcomes],
    }
