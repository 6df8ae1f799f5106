"""The countries of IP addresses, from a database in MaxMind's format, if one is configured.

The file is read into memory before the reactor runs, so that a look-up never touches a disk. What
is wrong with it is said in words and costs nothing but the countries.
"""

from __future__ import annotations

import os
import stat
from functools import lru_cache
from typing import Any

from twisted.logger import Logger

LARGEST = 512 * 1024 * 1024
"""Bytes; those that know cities, too, have some 70 MiB."""

KEPT_ANSWERS = 4096


class Countries:
    """Called with an IP address it answers two letters, or nothing when it does not know."""

    log = Logger()

    def __init__(self, path: str) -> None:
        """`path` of the database; empty is none."""
        self._path = path
        self._reader: Any = None
        self._answer = lru_cache(KEPT_ANSWERS)(self._look_up)

    def open(self) -> None:
        """Read the database. Blocks. A problem is logged as a sentence."""
        if self._path:
            try:
                self._reader = _read(self._path)
            except ImportError:
                self._say("the package maxminddb is not installed (the extra geoip)")
            except OSError as problem:
                self._say(problem.strerror or str(problem))
            except Exception as problem:
                # What comes of a file that is no database is more than its reader declares.
                self._say(str(problem) or type(problem).__name__)

    def __call__(self, host: str) -> str:
        """The country of an IP address, two letters; empty when it is not known."""
        return "" if self._reader is None else self._answer(host)

    def _look_up(self, host: str) -> str:
        if self._reader is None:
            return ""
        try:
            return _country(self._reader.get(host))
        except ValueError:
            return ""  # no address, or an IPv6 one and the database has none
        except Exception as problem:
            self._say(f"it is damaged: {problem}")
            self._reader = None
            return ""

    def _say(self, reason: str) -> None:
        self.log.warn(
            "peers.geoip_database: {path} cannot be used, so countries are not known: {reason}",
            path=self._path,
            reason=reason,
        )


def _read(path: str) -> Any:
    import maxminddb

    with open(path, "rb", opener=_open_at_once) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is not a file")
        if found.st_size > LARGEST:
            raise ValueError(f"it has {found.st_size} bytes, too many")
        return maxminddb.open_database(file, maxminddb.MODE_FD)


def _open_at_once(path: str, flags: int) -> int:
    """A pipe without a writer must not hold up the start."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _country(record: Any) -> str:
    """The ISO code in a record of GeoLite2, DB-IP (`country.iso_code`) or ipinfo."""
    if not isinstance(record, dict):
        return ""
    country = record.get("country")
    if isinstance(country, dict):
        country = country.get("iso_code")
    code = record.get("country_code") or country
    return code if isinstance(code, str) and len(code) == 2 and code.isalnum() else ""
