"""When certificates of ours begin to be valid, and end: those that show them see it then."""

from __future__ import annotations

from typing import Callable, Iterable

from p2pd.base.clock import Clock, DelayedCall
from p2pd.formats.x509.own_certificate import OwnCertificate

LONGEST_WAIT = 86_400.0
"""Seconds until it is looked again whether a certificate has run out."""


class Validity:
    """Calls `passed` when a date of one of the `certificates` was, as `wall` tells the time."""

    def __init__(
        self,
        timers: Clock,
        wall: Callable[[], float],
        certificates: Callable[[], Iterable[OwnCertificate]],
        passed: Callable[[], None],
    ) -> None:
        self._timers = timers
        self._wall = wall
        self._certificates = certificates
        self._passed = passed
        self._alarm: DelayedCall | None = None

    def watch(self) -> None:
        """From now on, or anew: there are other certificates than before."""
        self.close()
        wall = self._wall()
        moments = [
            moment.timestamp()
            for own in self._certificates()
            for moment in (own.not_before, own.not_after)
        ]
        later = [moment - wall for moment in moments if moment > wall]
        if later:
            wait = min(min(later) + 1.0, LONGEST_WAIT)
            self._alarm = self._timers.callLater(wait, self._ring)

    def close(self) -> None:
        """Call no more."""
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None

    def _ring(self) -> None:
        self._alarm = None
        self._passed()
        self.watch()
