"""What a session moved and added, in this run and in all of them."""

from __future__ import annotations

from dataclasses import fields
from typing import Mapping

from p2pd.session.api import SessionStatistics
from p2pd.session.session import Session


class SessionTotals:
    """Adds this run to the earlier ones. `files_added` is counted by who adds."""

    def __init__(self, session: Session, earlier: SessionStatistics) -> None:
        self._session = session
        self._earlier = earlier
        self.files_added = 0

    def this_run(self) -> SessionStatistics:
        """Since the start."""
        session = self._session
        return SessionStatistics(
            uploaded=session.rate_upload.total,
            downloaded=session.rate_download.total,
            files_added=self.files_added,
            seconds_active=int(session.clock.seconds() - session.started_at),
            session_count=1,
        )

    def all_runs(self) -> SessionStatistics:
        """Since the state folder was made."""
        now, earlier = self.this_run(), self._earlier
        return SessionStatistics(
            uploaded=earlier.uploaded + now.uploaded,
            downloaded=earlier.downloaded + now.downloaded,
            files_added=earlier.files_added + now.files_added,
            seconds_active=earlier.seconds_active + now.seconds_active,
            session_count=earlier.session_count + now.session_count,
        )

    def take(self, totals: Mapping[str, int]) -> None:
        """Those of all runs are not to be less than these."""
        now, earlier = self.all_runs(), self._earlier
        more = {
            field.name: getattr(earlier, field.name)
            + max(0, totals.get(field.name, 0) - getattr(now, field.name))
            for field in fields(SessionStatistics)
        }
        self._earlier = SessionStatistics(**more)
