"""What the trackers of a torrent tell of themselves as one source of its peers."""

from __future__ import annotations

from typing import Callable, Iterable, Sequence

from p2pd.discovery.source_report import TRACKER, DiscoveredTorrent, SourceReport
from p2pd.discovery.tracker_client.states import TrackerState

NO_TRACKER = "the torrent has no tracker"


class TrackerSource:
    """All trackers of a torrent together (source_report.DiscoverySource)."""

    name = TRACKER

    def report(self, torrent: DiscoveredTorrent) -> SourceReport:
        """When one of them was asked last, and when one is asked next."""
        states: Sequence[TrackerState] = torrent.trackers.announcer.states()
        asked = _times(max, (state.last_announce_at for state in states))
        due = _times(min, (state.next_announce_at for state in states if not state.is_backup))
        return SourceReport(
            self.name,
            enabled=bool(states),
            why_not="" if states else NO_TRACKER,
            found=torrent.found_by(self.name),
            last_at=asked,
            next_at=due if torrent.running else None,
            error=_error(states),
        )


def _times(choose: Callable[[list[float]], float], times: Iterable[float]) -> float | None:
    """One of the times that there are: 0 stands for none."""
    known = [time for time in times if time]
    return choose(known) if known else None


def _error(states: Sequence[TrackerState]) -> str:
    """What the first tracker in use said that did not answer as it should."""
    for state in states:
        failed = state.last_announce_at and not state.last_announce_succeeded
        if failed and not state.is_backup:
            return f"{state.sitename}: {state.last_announce_result}"
    return ""
