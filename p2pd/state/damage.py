"""Telling a database that is damaged from one that cannot be used just now."""

from __future__ import annotations

import errno
import sqlite3

from p2pd.base.errors import StateError

_CORRUPT, _NOT_A_DATABASE, _IO_ERROR = 11, 26, 10
_READ_ERRORS = (266, 522)
"""SQLITE_IOERR_READ and SQLITE_IOERR_SHORT_READ."""

_NOT_ITS_FAULT = (3, 5, 6, 7, 8, 9, 13, 14, 23)
"""PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, FULL, CANTOPEN, AUTH: the file may be whole."""


DATABASE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What a statement may raise: words of SQLite's that quote a damaged schema may be no text."""


class DamagedError(StateError):
    """What was read is not what was written."""


def is_damage(problem: BaseException) -> bool:
    """Whether a job met a database that is damaged."""
    if isinstance(problem, (DamagedError, UnicodeDecodeError)):
        return True
    if not isinstance(problem, sqlite3.Error):
        return False
    # A page whose bytes changed may hold text that is none.
    return _primary(problem) in (_CORRUPT, _NOT_A_DATABASE) or "Could not decode" in str(problem)


def is_damage_at_opening(problem: BaseException) -> bool:
    """The same for what opening does: whatever fails there fails again at every start.

    That goes for sectors that cannot be read, too.
    """
    if is_damage(problem):
        return True
    code = getattr(problem, "sqlite_errorcode", None)
    if not isinstance(problem, sqlite3.DatabaseError) or code is None:
        return False
    if _primary(problem) == _IO_ERROR:
        return code in _READ_ERRORS
    return _primary(problem) not in _NOT_ITS_FAULT


def is_disk_fault(problem: BaseException) -> bool:
    """Whether the disk itself fails just now."""
    if isinstance(problem, OSError):
        return problem.errno == errno.EIO
    return isinstance(problem, sqlite3.Error) and _primary(problem) == _IO_ERROR


def _primary(problem: sqlite3.Error) -> int:
    return (getattr(problem, "sqlite_errorcode", None) or 0) & 0xFF
