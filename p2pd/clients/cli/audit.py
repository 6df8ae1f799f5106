"""p2pctl audit: who changed what."""

from __future__ import annotations

from typing import Any

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.columns import Columns
from p2pd.clients.text import moment, plain

MOST = 10_000
AT_ONCE = 1000


@click.command()
@click.option(
    "--count", type=click.IntRange(1, MOST), default=50, help="How many, the latest. [50]"
)
@click.option("--user", default="", help="Only what this user did.")
@click.option("--method", default="", help="Only calls of this method of the API.")
@api_options
@pass_invocation
def audit(invocation: Invocation, count: int, user: str, method: str) -> None:
    """Tell who changed what, from where, and what became of it, the latest last; admins may."""
    with in_words():
        rows = _entries(invocation, count, {"user": user, "method": method})
    invocation.show_rows(rows[::-1], audit_table, "nothing was changed")


def _entries(invocation: Invocation, count: int, wanted: dict[str, Any]) -> list[JsonObject]:
    rows: list[JsonObject] = []
    while len(rows) < count:
        most = min(AT_ONCE, count - len(rows))
        before = {"before": rows[-1]["id"]} if rows else {}
        page = invocation.client.call("audit_get", count=most, **wanted, **before)["entries"]
        rows += page
        if len(page) < most:
            break
    return rows


def audit_table(rows: list[JsonObject]) -> Columns:
    """One line an entry."""
    table = Columns("Time", "User", "From", "Method", "Torrents", "Result", "What", cut=True)
    for row in rows:
        key = f" ({plain(row['key'], 30)})" if row["key"] else ""
        table.add_row(
            moment(row["time"]),
            (plain(row["user"]) or "nobody") + key,
            plain(row["address"], 60),
            plain(row["method"]),
            _torrents(row["ids"]),
            plain(row["result"]),
            "" if row["params"] == "{}" else plain(row["params"], 300),
            style="" if row["result"] == "ok" else "yellow",
        )
    return table


def _torrents(ids: Any) -> str:
    if ids is None or isinstance(ids, str):
        return plain(ids or "")
    shown = ",".join(plain(each, 12) for each in ids[:8])
    return shown + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
