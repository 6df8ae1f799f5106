"""Tests with a database on a thread of its own, in a folder of the test's own."""

from __future__ import annotations

import shutil
import tempfile

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
