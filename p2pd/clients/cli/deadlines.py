"""p2pctl deadlines: pieces that somebody waits for."""

from __future__ import annotations

from typing import Any

import click

from p2pd.clients.cli.choosing import ONE_TORRENT, the_one, torrent_with
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.columns import Columns


@click.command()
@ONE_TORRENT
@click.option("--from-piece", "first", type=click.IntRange(0), help="The first that is due.")
@click.option("--count", type=click.IntRange(1, 1000), default=1, help="How many, in a row. [1]")
@click.option(
    "--in", "seconds", type=click.FloatRange(0), default=0.0, metavar="SECONDS",
    help="When the first is due. [now]",
)  # fmt: skip
@click.option(
    "--pace", type=click.FloatRange(0, min_open=True), default=1.0, metavar="PIECES",
    help="How many are used up in a second. [1]",
)  # fmt: skip
@click.option("--none", is_flag=True, help="No piece is due any more.")
@api_options
@pass_invocation
def deadlines(
    invocation: Invocation, word: str, first: int | None, count: int, seconds: float, pace: float,
    none: bool,
) -> None:  # fmt: skip
    """List the pieces that are due at a time, or set which are; these come before all others.

    \b
    Example, of who reads 30 pieces from the twelfth on, four a second:
      p2pctl deadlines film --from-piece 12 --count 30 --pace 4
    """
    if none and first is not None:
        raise click.UsageError("--none and --from-piece exclude each other")
    window: dict[str, Any] = {
        "first_piece": first, "piece_count": count, "seconds": seconds, "pieces_per_second": pace,
    }  # fmt: skip
    with in_words():
        number = the_one(invocation, word)
        if none or first is not None:
            windows = [] if none else [window]
            invocation.client.call("torrent_set", ids=[number], piece_deadlines=windows)
        due = torrent_with(invocation, number, ["piece_deadlines"])["piece_deadlines"]
    invocation.show_rows(due, _table, "no piece is due")


def _table(due: list[Any]) -> Columns:
    table = Columns("Piece>", "Seconds left>")
    for piece, left in due:
        table.add_row(str(piece), f"{left:.1f}", style="red" if left < 0 else "")
    return table
