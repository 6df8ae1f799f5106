"""CAs, certificates and tokens in tables."""

from __future__ import annotations

from collections.abc import Sequence

from p2pd.base.durations import days_in_words
from p2pd.clients.api_client import JsonObject
from p2pd.clients.columns import Columns
from p2pd.clients.text import moment, plain

ALL = "*"


def ca_table(rows: list[JsonObject]) -> Columns:
    """One line a CA."""
    table = Columns("CA", "Expires", "Issued>", "Tokens>", "For")
    for row in rows:
        if row["problem"]:
            table.add_row(plain(row["name"]), "", "", "", plain(row["problem"]), style="red")
            continue
        table.add_row(
            plain(row["name"]),
            moment(row["expires_date"]),
            str(row["issued_count"]),
            str(row["token_count"]),
            _names(row["names"] or [ALL]),
        )
    return table


def issued_table(rows: list[JsonObject]) -> Columns:
    """One line a certificate that a CA issued."""
    # What it is revoked by stays on the narrowest terminal.
    spare = ("By", "For", "Expires")
    table = Columns("Label", "Serial", "State", "Expires", "For", "By", spare=spare)
    for row in sorted(rows, key=lambda each: -each["issued_date"]):
        state = "revoked" if row["revoked_date"] else "renewed" if row["renewed"] else ""
        state = state or ("" if row["renewable"] else "once")
        table.add_row(
            plain(row["label"], 64),
            row["serial"],
            state,
            moment(row["expires_date"]),
            _names(row["names"]),
            plain(row["way"], 60),
            style="dim" if row["revoked_date"] else "",
        )
    return table


def token_table(rows: list[JsonObject]) -> Columns:
    """One line a token."""
    table = Columns("Token", "Ends", "Used>", "Of>", "Torrents>", "Label", "For", spare=("Label",))
    for row in rows:
        table.add_row(
            row["id"],
            moment(row["expires_date"]),
            str(row["used"]),
            str(row["uses"]),
            str(len(row["hash_strings"])),
            plain(row["label"], 64),
            _names(row["names"]),
            style="dim" if row["used"] >= row["uses"] else "",
        )
    return table


def own_table(rows: list[JsonObject]) -> Columns:
    """One line a certificate of the node itself."""
    table = Columns("CA", "Serial", "Expires", "Renewed", "From", "For", spare=("Serial",))
    for row in rows:
        where = ", ".join(row["addresses"]) or "here"
        table.add_row(
            plain(row["ca_name"].removeprefix("CN="), 64),
            row["serial"],
            moment(row["expires_date"]),
            "not yet" if row["problem"] else moment(row["renewal_date"]),
            plain(where, 100),
            _names(row["names"]),
            style="red" if row["problem"] else "",
        )
    return table


def facts_of(row: JsonObject) -> Sequence[str]:
    """A CA in lines."""
    if row["problem"]:
        return [f"{plain(row['name'])}: {plain(row['problem'])}"]
    return [
        f"{plain(row['name'])}: until {moment(row['expires_date'])}",
        f"for: {_names(row['names'] or [ALL])}",
        f"its certificates: for {days_in_words(row['usual_days'])}, "
        f"{days_in_words(row['most_days'])} at most",
        f"fingerprint: {row['fingerprint']}",
        *(plain(sentence, 300) for sentence in row["warnings"]),
    ]


def _names(names: Sequence[str]) -> str:
    return "all torrents" if ALL in names else plain(", ".join(names), 200)
