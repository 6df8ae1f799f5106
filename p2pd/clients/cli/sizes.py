"""Sizes as people write them on a command line."""

from __future__ import annotations

import re
from typing import Any

import click

NO_LIMIT = -1
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?(?:([kmgtp])(i?)b?)?\Z", re.IGNORECASE)
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
MOST = 2**62


class SizeOrNone(click.ParamType[int]):
    """``500G``, ``2TiB``, a number of bytes, or ``none``, which is -1."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes, or -1."""
        if isinstance(value, int):
            return value
        if str(value).strip().lower() == "none":
            return NO_LIMIT
        match = _SIZE.match(str(value).strip())
        if match is None:
            self.fail("a size is a number of bytes, one like 500G or 2TiB, or none", param, ctx)
        power = _POWERS[match[2].lower()] if match[2] else 0
        bytes_ = int(float(match[1]) * (1024 if match[3] else 1000) ** power)
        if bytes_ > MOST:
            self.fail("that is more than there is anywhere", param, ctx)
        return bytes_


SIZE_OR_NONE = SizeOrNone()
