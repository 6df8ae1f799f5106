"""The numbered schemas, and how a database of an earlier version becomes one of this version.

Each is applied in a transaction of its own together with its number (``user_version``): an upgrade
that is cut off goes on where it was. A new file has nothing to lose, and gets all of them in one:
each transaction waits for the disk.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import resources

from p2pd.base.errors import StateError


class NewerDatabaseError(StateError):
    """It was written by a newer p2pd: it is left as it is."""


def schema_scripts() -> list[str]:
    """The SQL of each schema, the first one first."""
    folder = resources.files("p2pd.state.schemas")
    entries = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return [entry.read_text("utf-8") for entry in sorted(entries, key=lambda entry: entry.name)]


def check_version(connection: sqlite3.Connection) -> int:
    """The version of the file; nothing is changed. Raises NewerDatabaseError."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    known = len(schema_scripts())
    if version > known:
        raise NewerDatabaseError(
            f"the state database is of version {version}, written by a newer p2pd; "
            f"this one knows {known}"
        )
    return version


def upgrade(connection: sqlite3.Connection) -> None:
    """Apply the schemas that the file does not have yet. Raises NewerDatabaseError."""
    version = check_version(connection)
    scripts = schema_scripts()
    if version == 0:
        _apply(connection, "\n".join(scripts), len(scripts))
        return
    for number, script in enumerate(scripts[version:], version + 1):
        _apply(connection, script, number)


def _apply(connection: sqlite3.Connection, script: str, number: int) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.executescript(f"BEGIN; {script} PRAGMA user_version={number}; COMMIT;")
