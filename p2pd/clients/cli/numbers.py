"""Types of option values: indices of files, addresses of settings."""

from __future__ import annotations

import re
from typing import Any

import click

Indices = tuple[int, ...]
"""Indices of files; none stands for all of them, as in the API."""

MOST = 100_000
_PART = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?\Z")


class IndexList(click.ParamType[Indices]):
    """``3``, ``0-4``, ``1,3,8-10`` or ``all``."""

    name = "FILES"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Indices:
        """The indices, in order and each once."""
        if isinstance(value, tuple):
            return value
        if str(value).strip().lower() == "all":
            return ()
        found: set[int] = set()
        for part in str(value).split(","):
            match = _PART.match(part.strip())
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
            if first > last or last - first >= MOST:
                self.fail("files are like 3, 0-4, 1,3,8-10, or all", param, ctx)
            found.update(range(first, last + 1))
        return tuple(sorted(found))


INDICES = IndexList()
