"""Share limits are kept like all that users choose; rows from before them are believed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from p2pd.state import records as rows
from p2pd.state.damage import DamagedError
from p2pd.state.resume import TorrentStore
from p2pd.state.salvage import Salvage
from p2pd.state.share_limits import limits_from_text, limits_text
from p2pd.state.upgrades import schema_scripts
from p2pd.swarm.share_limits import ShareLimits
from tests.state.damaged import opened, result, torrent_record

LIMITS = ShareLimits(1, 1.5, seed_idle_mode=2, seed_time_limit=7, seed_limit_action="remove")
NEW = (
    "share_limits", "limits_reached", "finding", "metadata_only", "file_choices", "secret",
    "by_tls", "web_seeds", "http_seeds", "trusted_only",
)  # fmt: skip


def test_they_are_recorded_and_copied(tmp_path: Path) -> None:
    record = torrent_record(1, share_limits=LIMITS, limits_reached=("ratio",))
    database = opened(tmp_path)
    store = TorrentStore(database)
    result(store.add(record))
    (found,) = result(store.load_all())
    assert (found.share_limits, found.limits_reached) == (LIMITS, ("ratio",))
    (copy,) = (tmp_path / "torrents").glob("*.json")
    kept = database.kept.choices(copy.stem)
    assert kept is not None
    assert kept.share_limits == LIMITS
    row = json.loads(copy.read_text())
    del row["share_limits"]  # as an earlier version wrote it
    copy.write_text(json.dumps(row))
    kept = database.kept.choices(copy.stem)
    assert kept is not None
    assert (kept.share_limits, kept.labels) == (None, record.labels)
    database.close()


def old_database(path: Path, record: rows.TorrentRecord) -> None:
    """A database of an earlier version, with checksums of what it knew."""
    values = rows.row_values(record, [*rows.SAVED])
    row = {name: value for name, value in values.items() if name not in (*NEW, "torrent")}
    for name in ("choices_sum", "progress_sum"):
        row[name] = rows._checksum(row, rows._SUMS[name])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        scripts = schema_scripts()
        number = next(i for i, script in enumerate(scripts) if "share_limits" in script)
        connection.executescript("".join(scripts[:number]))
        connection.execute(f"PRAGMA user_version={number}")
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO torrents ({names}) VALUES ({marks})", [*row.values()])
        connection.execute("INSERT INTO metainfos VALUES (1, ?)", [record.torrent])


def test_rows_of_the_version_before_are_believed(tmp_path: Path) -> None:
    record = torrent_record(1)
    old_database(tmp_path / "state.db", record)
    salvage = Salvage(str(tmp_path / "state.db"))
    (found,) = salvage.torrents()
    salvage.close()
    assert (found.download_dir, found.share_limits) == (record.download_dir, None)
    database = opened(tmp_path)
    (found,) = result(TorrentStore(database).load_all())
    assert (found.download_dir, found.limits_reached) == (record.download_dir, ())
    database.close()


def test_a_letter_that_changed_in_such_a_row_is_seen(tmp_path: Path) -> None:
    old_database(tmp_path / "state.db", torrent_record(1))
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as connection:
        connection.execute("UPDATE torrents SET download_dir = '/elsewhere'")
    salvage = Salvage(str(tmp_path / "state.db"))
    assert list(salvage.torrents()) == []
    salvage.close()


@pytest.mark.parametrize("limits", [None, ShareLimits(), LIMITS])
def test_they_come_back_as_they_were(limits: ShareLimits | None) -> None:
    assert limits_from_text(limits_text(limits)) == limits


@pytest.mark.parametrize(
    "wrong",
    [
        "", "[]", "{", '"x"', {"seed_ratio_mode": 3}, {"seed_ratio_mode": True},
        {"seed_ratio_limit": 2}, {"seed_ratio_limit": -1.0}, {"seed_idle_limit": "5"},
        {"seed_time_limit": -5}, {"seed_limit_action": "sell"}, {"seed_limit_action": []},
        {"other": 1},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_damage(wrong: Any) -> None:
    text = wrong if isinstance(wrong, str) else json.dumps(wrong)
    with pytest.raises((TypeError, ValueError)):
        limits_from_text(text)
    with pytest.raises(DamagedError):
        rows.record_of({"hash_v1": b"x" * 20, "hash_v2": None, "name": "n", "download_dir": "/d",
                        "share_limits": text})  # fmt: skip
