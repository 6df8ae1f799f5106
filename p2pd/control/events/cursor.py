"""How far a client has got: a version of what is told, within one life of whoever tells it."""

from __future__ import annotations

import re
from typing import NamedTuple

_FORM = re.compile(r"([0-9a-f]{16})\.([0-9]{1,9})\.([0-9]{1,18})\Z")


class Cursor(NamedTuple):
    """A place in all that is told. Versions of another epoch mean nothing."""

    epoch: str
    """16 hex digits, others after each start."""
    feed: int
    """What is followed."""
    version: int

    def to_text(self) -> str:
        """What clients keep."""
        return f"{self.epoch}.{self.feed}.{self.version}"


def parse_cursor(text: str) -> Cursor | None:
    """What a client kept; None if it is no cursor at all."""
    found = _FORM.match(text)
    return Cursor(found[1], int(found[2]), int(found[3])) if found else None
