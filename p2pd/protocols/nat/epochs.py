"""Whether a gateway forgot its mappings: its clock of seconds since then, against ours."""

from __future__ import annotations

SLACK = 2.0
"""Seconds by which clocks may disagree without meaning anything."""


PCP_DRIFT = 1 / 16
NATPMP_DRIFT = 1 / 8
"""By how much of the time that passed (RFC 6887, section 8.5; RFC 6886, section 3.6)."""


class GatewayEpoch:
    """Follows the epoch that a gateway tells with each answer."""

    __slots__ = ("_drift", "_ours", "_theirs")

    def __init__(self, drift: float) -> None:
        self._drift = drift
        self._theirs: int | None = None
        self._ours = 0.0

    def restarted(self, epoch: int, now: float) -> bool:
        """Note what was told now; whether the gateway has started anew since the last time."""
        theirs, ours = self._theirs, self._ours
        self._theirs, self._ours = epoch, now
        if theirs is None:
            return False
        if epoch < theirs - 1:
            return True
        told, passed = epoch - theirs, now - ours
        least = 1 - self._drift
        return passed + SLACK < told * least or told + SLACK < passed * least
