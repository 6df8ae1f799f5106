"""How it stands with what a torrent's certificates depend on, for readers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prospects:
    """What ends of a torrent's certificates, and which list of its CA is in force.

    `warnings` are sentences, the most urgent first; times are Unix seconds, and 0, as the numbers
    of the list, where there is none.
    """

    warnings: tuple[str, ...] = ()
    ca_not_after: float = 0.0
    list_number: int = 0
    list_made_at: float = 0.0
    list_next_update: float = 0.0
    revoked_count: int = 0
