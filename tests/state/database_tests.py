"""Tests with a database on a thread of its own, in a folder of the test's own."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from importlib import resources
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from p2pd.state.database import Database


class DatabaseTestCase(TestCase):
    """`database` is open; `reopened` is the same one as after a restart."""

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.database = self._opened()

    def reopened(self) -> Database:
        """Close the database and open it again."""
        self.database.close()
        self.database = self._opened()
        return self.database

    def _opened(self) -> Database:
        database = Database(reactor, self.folder)
        database.open()
        self.addCleanup(database.close)
        return database


def make_old_database(folder: str, schemas: int) -> sqlite3.Connection:
    """A new database as an older version left it, which had so many schemas."""
    path = Path(folder) / "state.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    scripts = resources.files("p2pd.state.schemas").iterdir()
    texts = {script.name: script for script in scripts if script.name.endswith(".sql")}
    for number, name in enumerate(sorted(texts)[:schemas], 1):
        text = texts[name].read_text("utf-8")
        connection.executescript(f"BEGIN; {text} PRAGMA user_version={number}; COMMIT;")
    return connection
