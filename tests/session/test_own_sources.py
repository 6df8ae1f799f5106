"""What trackers, and sources that nobody asks, say of themselves as sources of peers."""

from __future__ import annotations

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.source_report import SourceReport
from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

NEED_MORE = ("tracker", "dht", "pex", "lsd")
"""Sources that this session does not have."""

LINK = f"magnet:?xt=urn:btih:{'ab' * 20}"
URL = "http://t.example/announce"


def state(**changes: object) -> TrackerState:
    """A tracker in use."""
    made = TrackerState(0, 0, URL, "", "t.example", "example", is_backup=False)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def told(torrent: Torrent, *states: TrackerState) -> SourceReport:
    """What the trackers say when they are as given."""
    torrent.trackers.announcer.states = lambda: list(states)  # type: ignore[method-assign]
    (report,) = (each for each in torrent.sources() if each.name == "tracker")
    return report


@pytest.fixture
def torrent(network: MemoryNetwork) -> Torrent:
    """One that runs."""
    return SimNode(network, "10.0.0.1").add(LINK)


def test_a_torrent_without_trackers_says_why_none_is_asked(torrent: Torrent) -> None:
    assert told(torrent) == SourceReport(
        "tracker", enabled=False, why_not="the torrent has no tracker"
    )


def test_times_are_those_of_whoever_was_last_and_of_whoever_is_next(torrent: Torrent) -> None:
    first = state(last_announce_at=100.0, last_announce_succeeded=True, next_announce_at=900.0)
    other = state(last_announce_at=200.0, last_announce_succeeded=True, next_announce_at=800.0)
    backup = state(is_backup=True, next_announce_at=300.0)
    report = told(torrent, first, other, backup)
    assert (report.enabled, report.last_at, report.next_at) == (True, 200.0, 800.0)
    assert (report.why_not, report.error) == ("", "")


def test_before_the_first_announce_there_are_no_times(torrent: Torrent) -> None:
    report = told(torrent, state())
    assert (report.last_at, report.next_at) == (None, None)


def test_a_stopped_torrent_asks_nobody_next(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", paused_magnets_fetch=False)
    stopped = node.add(LINK, paused=True)
    assert told(stopped, state(next_announce_at=900.0)).next_at is None


def test_what_went_wrong_is_said_with_the_tracker_that_said_it(torrent: Torrent) -> None:
    well = state(last_announce_at=1.0, last_announce_succeeded=True, last_announce_result="Success")
    failed = state(last_announce_at=1.0, last_announce_result="unregistered torrent")
    assert told(torrent, well, failed).error == "example: unregistered torrent"


def test_addresses_count_for_each_source_that_told_of_them(torrent: Torrent) -> None:
    torrent.add_peers([PeerAddress("10.0.0.8", 1), PeerAddress("10.0.0.9", 1)], "tracker")
    torrent.add_peers([PeerAddress("10.0.0.9", 1)], "pex")
    assert told(torrent, state()).found == 2
    assert torrent.found_by("pex") == 1
    assert torrent.found_by("dht") == 0


def test_sources_that_nobody_asks_say_when_they_told_of_somebody(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    torrent = node.add(LINK)
    torrent.add_peers([PeerAddress("10.0.0.9", 1)], "manual")
    torrent.add_peers([], "magnet")
    told = {report.name: report for report in torrent.sources()}
    assert told["manual"].last_at == node.session.wall()
    assert (told["manual"].found, told["magnet"].found) == (1, 0)
    assert told["magnet"].last_at is None
    assert all(report.enabled for name, report in told.items() if name not in NEED_MORE)


def test_a_private_torrent_takes_nobody_from_a_link(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    torrent = node.add(make_torrent({"a": b"x"}, private=True))
    told = {report.name: report for report in torrent.sources()}
    assert (told["magnet"].enabled, told["magnet"].why_not) == (False, "the torrent is private")
    assert told["manual"].enabled
    assert told["incoming"].enabled
