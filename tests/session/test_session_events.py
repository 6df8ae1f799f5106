"""What happens to torrents is told once, to those who listen, also over restarts and rests."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from p2pd.formats.metainfo import parse_torrent
from p2pd.session import session_events
from p2pd.session.session_events import EventKind, SessionEvents, TorrentEvent
from p2pd.session.torrents.resting import REST_SECONDS
from p2pd.session.torrents.torrent_requests import AddTorrent, TorrentChanges
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.three_files import FILES, TORRENT, half_done, have, restarted

MAGNET = f"magnet:?xt=urn:btih:{parse_torrent(TORRENT).info_hashes.hash_string}"


class Named:
    """A torrent, as far as events name it."""

    id = 7
    hash_string = "ab" * 20
    name = "one"


class Ear:
    """Listens to a node from its beginning."""

    def __init__(self, node: SimNode) -> None:
        self.events: list[TorrentEvent] = []
        node.control.events.listen(self.events.append)

    def heard(self) -> list[str]:
        """The kinds of events since this was asked last."""
        kinds = [event.kind.value for event in self.events]
        self.events.clear()
        return kinds


@pytest.fixture
def clock() -> Clock:
    """Time that the test moves."""
    return Clock()


@pytest.fixture
def events(clock: Clock) -> SessionEvents:
    """Nobody listens yet."""
    return SessionEvents(clock, lambda: 5.0)


def downloaded(network: MemoryNetwork, node: SimNode, seed: SimNode) -> Any:
    """A torrent that the node got from the seed."""
    torrent = node.add(TORRENT)
    node.connect(torrent, seed.address)
    network.run_until(torrent.is_complete)
    network.run(1.0)
    return torrent


class TestTheListeners:
    def test_each_hears_every_event_in_a_later_turn(
        self, clock: Clock, events: SessionEvents
    ) -> None:
        one: list[TorrentEvent] = []
        two: list[TorrentEvent] = []
        events.listen(one.append)
        events.listen(two.append)
        events.emit(EventKind.DONE, Named(), {"downloaded": True})
        assert one == []
        clock.advance(0)
        assert one == two
        expected = TorrentEvent(
            EventKind.DONE, 7, Named.hash_string, "one", 5.0, {"downloaded": True}
        )
        assert one == [expected]

    def test_one_that_stopped_listening_hears_no_more(
        self, clock: Clock, events: SessionEvents
    ) -> None:
        heard: list[TorrentEvent] = []
        stop = events.listen(heard.append)
        events.emit(EventKind.ADDED, Named())
        stop()
        stop()
        clock.advance(0)
        assert heard == []

    def test_nothing_is_made_while_nobody_listens(
        self, clock: Clock, events: SessionEvents
    ) -> None:
        events.emit(EventKind.ADDED, Named())
        assert clock.getDelayedCalls() == []

    def test_what_happens_before_all_listen_waits_for_them(
        self, clock: Clock, events: SessionEvents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(session_events, "MOST_HELD", 2)
        events.hold()
        for kind in (EventKind.MISSING, EventKind.MOVED, EventKind.DONE):
            events.emit(kind, Named())
        heard: list[TorrentEvent] = []
        events.listen(heard.append)
        assert clock.getDelayedCalls() == []
        events.release()
        events.emit(EventKind.STOPPED, Named())
        clock.advance(0)
        kinds = [event.kind for event in heard]
        assert kinds == [EventKind.MISSING, EventKind.MOVED, EventKind.STOPPED]

    def test_one_that_fails_keeps_no_other_from_hearing(
        self, clock: Clock, events: SessionEvents
    ) -> None:
        heard: list[TorrentEvent] = []
        logged: list[Any] = []

        def fail(_event: TorrentEvent) -> None:
            raise ValueError("no")

        events.listen(fail)
        events.listen(heard.append)
        globalLogPublisher.addObserver(logged.append)
        try:
            events.emit(EventKind.ADDED, Named())
            clock.advance(0)
        finally:
            globalLogPublisher.removeObserver(logged.append)
        assert len(heard) == 1
        assert "log_failure" in logged[-1]

    def test_what_waits_at_the_end_is_told(self, clock: Clock, events: SessionEvents) -> None:
        heard: list[TorrentEvent] = []
        events.listen(heard.append)
        events.emit(EventKind.DONE, Named())
        events.close()
        events.emit(EventKind.STOPPED, Named())
        clock.advance(0)
        assert [event.kind for event in heard] == [EventKind.DONE]

    def test_an_event_that_a_listener_causes_is_told_after_it(
        self, clock: Clock, events: SessionEvents
    ) -> None:
        heard: list[str] = []

        def listen(event: TorrentEvent) -> None:
            heard.append(event.kind)
            if event.kind is EventKind.DONE:
                events.emit(EventKind.STOPPED, Named())

        events.listen(listen)
        events.emit(EventKind.DONE, Named())
        clock.advance(0)
        clock.advance(0)
        assert heard == ["done", "stopped"]


class TestALife:
    def test_a_download_is_added_started_and_done(
        self, network: MemoryNetwork, seed: SimNode, node: SimNode
    ) -> None:
        ear = Ear(node)
        torrent = downloaded(network, node, seed)
        done = ear.events[-1]
        assert (done.torrent_id, done.hash_string) == (
            torrent.record.id,
            torrent.info_hashes.hash_string,
        )
        assert done.name == torrent.record.name
        assert dict(done.detail) == {"downloaded": True}
        assert ear.heard() == ["added", "started", "done"]

    def test_what_is_here_twice_is_added_once(self, network: MemoryNetwork, node: SimNode) -> None:
        ear = Ear(node)
        node.add(TORRENT)
        node.add(TORRENT)
        assert ear.heard() == ["added", "started"]

    def test_started_and_stopped_again_and_again(
        self, network: MemoryNetwork, node: SimNode
    ) -> None:
        torrent = node.add(TORRENT, paused=True)
        ear = Ear(node)
        for act in (torrent.start, torrent.start, torrent.stop, torrent.stop, torrent.start):
            network.result(act())
            network.run(0.1)
        assert ear.heard() == ["started", "stopped", "started"]

    def test_removed_once_and_not_stopped(self, network: MemoryNetwork, node: SimNode) -> None:
        torrent = node.add(TORRENT)
        ear = Ear(node)
        network.result(node.session.remove(torrent, delete_data=True))
        network.run(1.0)
        assert ear.heard() == ["removed"]

    def test_data_that_is_here_already_is_checked_and_done(
        self, network: MemoryNetwork, node: SimNode
    ) -> None:
        torrent = node.add(TORRENT, paused=True)
        ear = Ear(node)
        node.fill(torrent, FILES)
        network.result(torrent.verify())
        network.run(0.1)
        pieces = torrent.content.layout.piece_count
        assert dict(ear.events[0].detail) == {"pieces": pieces, "good": pieces}
        assert dict(ear.events[1].detail) == {"downloaded": False}
        assert ear.heard() == ["checked", "done"]
        network.result(torrent.verify())
        network.run(0.1)
        assert ear.heard() == ["checked"]

    def test_a_piece_that_went_bad_makes_it_done_again(
        self, network: MemoryNetwork, seed: SimNode, node: SimNode
    ) -> None:
        torrent = downloaded(network, node, seed)
        ear = Ear(node)
        node.storage(torrent).pieces[0] = b"x" * len(node.storage(torrent).pieces[0])
        network.result(torrent.verify())
        node.connect(torrent, seed.address)
        network.run_until(torrent.is_complete)
        network.run(1.0)
        assert ear.heard() == ["checked", "done"]

    def test_a_magnet_tells_of_its_metadata(
        self, network: MemoryNetwork, seed: SimNode, node: SimNode
    ) -> None:
        ear = Ear(node)
        torrent = node.add(MAGNET)
        node.connect(torrent, seed.address)
        network.run_until(lambda: torrent.content is not None and torrent.is_complete())
        network.run(1.0)
        assert ear.heard() == ["added", "started", "metadata", "done"]

    def test_files_that_are_wanted_later_are_done_later(
        self, network: MemoryNetwork, seed: SimNode, node: SimNode
    ) -> None:
        ear = Ear(node)
        torrent = node.add(TORRENT, files_unwanted=(1,))
        view = node.control.find(torrent.record.id)
        assert view is not None
        node.connect(torrent, seed.address)
        network.run_until(lambda: torrent.record.completed_at)
        network.result(node.control.change(view, TorrentChanges(files_wanted=(1,))))
        network.run(0.001)
        assert ear.heard() == ["added", "started", "done"]
        network.run_until(lambda: have(torrent).is_full, limit=100)
        network.run(1.0)
        assert ear.heard() == ["done"]

    def test_to_want_nothing_is_not_to_be_done(self, network: MemoryNetwork, node: SimNode) -> None:
        torrent = node.add(TORRENT)
        ear = Ear(node)
        view = node.control.find(torrent.record.id)
        assert view is not None
        network.result(node.control.change(view, TorrentChanges(files_unwanted=())))
        network.run(0.1)
        assert torrent.is_complete()
        assert ear.heard() == []

    def test_labels(self, network: MemoryNetwork, node: SimNode) -> None:
        view = node.control.find(node.add(TORRENT, labels=("a",)).record.id)
        assert view is not None
        ear = Ear(node)
        for _ in range(2):
            network.result(node.control.change(view, TorrentChanges(labels=("b", "c"))))
            network.run(0.1)
        assert dict(ear.events[0].detail) == {"before": ["a"], "labels": ["b", "c"]}
        assert ear.heard() == ["labels"]


class TestTrouble:
    def test_an_error_is_told_once(self, network: MemoryNetwork, node: SimNode) -> None:
        torrent = node.add(TORRENT)
        ear = Ear(node)
        torrent.fail("no")
        torrent.fail("no")
        network.run(0.1)
        assert dict(ear.events[0].detail) == {"error_string": "no"}
        assert ear.heard() == ["error"]
        network.result(torrent.start())
        network.run(0.1)
        assert ear.heard() == ["started"]


class TestTimesBetween:
    def test_a_torrent_that_was_complete_is_not_done_after_a_restart(
        self, network: MemoryNetwork, seed: SimNode, node: SimNode
    ) -> None:
        downloaded(network, node, seed)
        node.stop()
        heard: list[TorrentEvent] = []
        _, torrent = restarted(network, node, heard.append)
        assert torrent.running
        network.run(5.0)
        assert heard == []

    @pytest.mark.parametrize("wanted", [(0, 1, 2), (0,)])
    def test_nor_after_a_crash_that_has_it_checked(
        self, network: MemoryNetwork, seed: SimNode, node: SimNode, wanted: tuple[int, ...]
    ) -> None:
        torrent = node.add(TORRENT, files_wanted=wanted)
        node.connect(torrent, seed.address)
        network.run_until(torrent.is_complete)
        network.run(15.0)
        heard: list[TorrentEvent] = []
        _, again = restarted(network, node, heard.append)
        assert again.is_complete()
        network.run(5.0)
        assert {event.kind for event in heard} <= {EventKind.CHECKED}

    def test_half_of_it_before_and_half_after_is_done_once(
        self, network: MemoryNetwork, seed: SimNode, node: SimNode
    ) -> None:
        half_done(network, node, seed)
        node.stop()
        heard: list[TorrentEvent] = []
        again, torrent = restarted(network, node, heard.append)
        again.connect(torrent, seed.address)
        network.run_until(lambda: have(torrent).is_full)
        network.run(1.0)
        assert [event.kind for event in heard] == [EventKind.DONE]

    def test_rest_and_waking_are_nobodys_business(
        self, network: MemoryNetwork, seed: SimNode
    ) -> None:
        (torrent,) = seed.session.torrents
        ear = Ear(seed)
        network.run(3 * REST_SECONDS)
        assert torrent.resting
        network.result(seed.session.resting.wake(torrent))
        assert not torrent.resting
        network.run(3 * REST_SECONDS)
        assert torrent.resting
        assert ear.heard() == []

    def test_the_end_of_the_session_stops_nothing(
        self, network: MemoryNetwork, seed: SimNode
    ) -> None:
        ear = Ear(seed)
        seed.stop()
        assert ear.heard() == []

    def test_a_listener_may_remove_the_torrent_that_is_done(
        self, network: MemoryNetwork, seed: SimNode, node: SimNode
    ) -> None:
        ear = Ear(node)

        def remove(event: TorrentEvent) -> None:
            view = node.control.find(event.torrent_id)
            if event.kind is EventKind.DONE and view is not None:
                node.session.background(node.control.remove(view, delete_data=False), "test")

        node.control.events.listen(remove)
        added = network.result(node.control.add(AddTorrent(torrent=TORRENT)))
        torrent = node.session.torrents.by_id(added.torrent.id)
        assert torrent is not None
        node.connect(torrent, seed.address)
        network.run_until(lambda: not len(node.session.torrents))
        network.run(1.0)
        assert ear.heard() == ["added", "started", "done", "removed"]
