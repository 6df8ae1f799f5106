"""What went over all TCP streams of a transport, and who came."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class TcpCounts:
    """Bytes as the sockets took and gave them: payload, messages and handshakes."""

    received: int = 0
    sent: int = 0
    accepted: int = 0
    """Connections that were taken from ports, admitted or not."""
    turned_away: int = 0
    """Of these those that were not."""
    pauses: int = 0
    """How often a port was left alone for a moment, since connections came too fast."""
