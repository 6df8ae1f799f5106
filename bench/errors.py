"""What goes wrong while measuring, as sentences for the person who runs it."""

from __future__ import annotations


class BenchError(Exception):
    """A run that has no figure: an engine that failed, was too slow, or sent wrong bytes."""


class WrongBytesError(BenchError):
    """What arrived is not what was sent."""


class CannotMeasureError(BenchError):
    """This engine has no such thing to measure."""
