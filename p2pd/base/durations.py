"""Durations in words, for people."""

from __future__ import annotations

MINUTES = 24 * 60
"""Of a day."""


def days_in_words(days: float) -> str:
    """So many days, or what is less than one in hours or minutes: ``30 days``, ``1 hour``."""
    if days >= 1 or days <= 0:
        number, unit = days, "day"
    elif round(days * MINUTES, 6) >= 60:
        number, unit = days * 24, "hour"
    else:
        number, unit = days * MINUTES, "minute"
    shown = f"{number:g}"
    return f"{shown} {unit}" if shown == "1" else f"{shown} {unit}s"
