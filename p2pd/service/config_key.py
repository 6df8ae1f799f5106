"""A key of the configuration, as config.py declares them."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from p2pd.service.checks import Check


def key(default: Any, check: Check, doc: str) -> Any:
    """A field that is a configuration key; `doc` is the comment that etc/p2pd.toml gives it."""
    return field(default=default, metadata={"check": check, "doc": doc})
