"""Databases that a start has work with: of an earlier version, or damaged."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from p2pd.state.upgrades import schema_scripts

OLD_SETTING = ("upload_slots", 3)
"""What is in a database of an earlier version, and must be there after its upgrade."""


def make_old(state_folder: Path, rng: random.Random) -> None:
    """A database of any version before this one's, in WAL mode, on the disk itself."""
    scripts = schema_scripts()
    version = rng.randrange(1, len(scripts))
    with closing(sqlite3.connect(state_folder / "state.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for script in scripts[:version]:
            connection.executescript(script)
        name, value = OLD_SETTING
        connection.execute("INSERT INTO settings VALUES (?, ?)", [name, str(value)])
        connection.execute(f"PRAGMA user_version={version}")


def is_kept_beside(state_folder: Path) -> bool:
    """Whether the database was closed, and no copy beside it is behind."""
    path = state_folder / "state.db"
    if path.with_name("state.db-wal").exists():
        return False
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM kept_due").fetchone() == (0,)


def damage(state_folder: Path, rng: random.Random) -> None:
    """Write nonsense over some of the pages, or over all."""
    path = state_folder / "state.db"
    pages = path.stat().st_size // 4096
    chosen = range(pages) if rng.random() < 0.5 else rng.sample(range(pages), max(1, pages // 2))
    with path.open("r+b") as file:
        for page in chosen:
            file.seek(page * 4096)
            file.write(rng.randbytes(4096))
    # Ten of them, and a start is refused: a user has looked at the earlier ones.
    for entry in (state_folder / "damaged").glob("*"):
        entry.unlink()
