"""A database in memory whose jobs are done at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, execute

from p2pd.state.upgrades import upgrade


class MemoryDatabase:
    """What stores take for a Database."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        upgrade(self.connection)

    def run(self, job: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Now."""
        return execute(job, self.connection.cursor(), *args)
