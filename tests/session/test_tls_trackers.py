"""What torrents whose peers are reached by TLS show to HTTPS trackers."""

from __future__ import annotations

import pytest

from p2pd.discovery.tracker_client.tracker import new_state
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.session.tls.standing import NO_CERTIFICATE
from p2pd.session.tls.tls_torrents import NOT_ASKED
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.session.tls_swarm import (
    DAY,
    FILES,
    NAME,
    NOW,
    PIECE,
    authority,
    give,
    node,
    of_everybody,
    tls_torrent,
)

HTTPS, HTTP = "https://t.test/a", "http://t.test/a"


def told(at: SimNode, torrent: Torrent) -> list[str]:
    """What is shown of its two trackers."""
    at.announcers[-1].tracker_states = [new_state(0, HTTPS), new_state(1, HTTP)]
    view = at.control.find(torrent.record.id)
    assert view is not None
    return [state.last_announce_result for state in view.tracker_states]


def test_one_that_waits_for_its_certificate_has_nothing_to_show(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(tls_torrent())
    why = f"{NOT_ASKED}: {NO_CERTIFICATE}"
    with pytest.raises(TrackerError) as caught:
        torrent.trackers.credentials()
    assert str(caught.value) == why
    assert told(at, torrent) == [why, ""]
    give(at, torrent, of_everybody())
    assert told(at, torrent) == ["", ""]


def test_it_is_the_one_that_it_has_now(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(tls_torrent())
    contexts = []
    for _ in range(2):
        give(at, torrent, authority().issue(NAME))
        found = torrent.trackers.credentials()
        assert found is not None
        contexts.append(found.context)
    assert contexts[0] is not contexts[1]
    view = at.control.find(torrent.record.id)
    network.result(at.control.certificates.take_away(view))
    with pytest.raises(TrackerError, match="waits for its certificate"):
        torrent.trackers.credentials()


def test_one_that_expired_is_shown_no_more(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(tls_torrent())
    give(at, torrent, authority().issue("*", end=NOW + DAY))
    assert torrent.trackers.credentials() is not None
    network.run(1.01 * DAY.total_seconds())
    with pytest.raises(TrackerError, match=f"{NOT_ASKED}: its certificate expired on"):
        torrent.trackers.credentials()


@pytest.mark.parametrize("succeeded", [True, False])
def test_with_a_new_one_those_that_failed_are_asked_at_once(
    network: MemoryNetwork, succeeded: bool
) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(tls_torrent())
    give(at, torrent, authority().issue("*", end=NOW + DAY))
    network.run(60.0)
    state = new_state(0, HTTPS)
    state.last_announce_at, state.last_announce_succeeded = 1.0, succeeded
    at.announcers[-1].tracker_states = [state]
    before = at.announcers[-1].events.count("reannounced")
    give(at, torrent, of_everybody())
    assert at.announcers[-1].events.count("reannounced") == before + (not succeeded)


def test_goodbye_is_said_when_the_port_is_closed_already(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(tls_torrent())
    give(at, torrent, of_everybody())
    at.stop()
    assert torrent.trackers.credentials() is not None


def test_other_torrents_have_nothing_of_their_own(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(make_torrent(FILES, "v1", piece_length=PIECE, name=NAME))
    assert torrent.trackers.credentials() is None
    assert told(at, torrent) == ["", ""]
