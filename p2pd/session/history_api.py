"""What control may ask of the statistics history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Protocol, Sequence

from p2pd.state.history_file import SESSION, Span

__all__ = ["SESSION", "History", "HistoryApi", "Span"]


@dataclass(frozen=True, slots=True)
class History:
    """Rows by subject, each about `step` seconds; where nothing happened is none."""

    since: int
    until: int
    step: int
    now: int
    rows: Mapping[bytes, Sequence[Span]]


class HistoryApi(Protocol):
    """The statistics history."""

    async def read(
        self, subjects: Sequence[bytes], since: int, until: int, most_rows: int
    ) -> History:
        """What happened to these (SESSION, or 20-byte ids of torrents) between two Unix times.

        Steps are as short as is known of that time, and as long as it takes for `most_rows` of
        all subjects together. Raises P2pdError.
        """
