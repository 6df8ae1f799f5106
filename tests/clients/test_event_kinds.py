"""p2pctl knows every event that the daemon tells."""

from __future__ import annotations

from p2pd.clients.cli.event_kinds import KINDS
from p2pd.session.session_events import EventKind


def test_all_of_them() -> None:
    assert list(KINDS) == sorted(EventKind)
