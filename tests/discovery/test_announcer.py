"""The announcer: what trackers hear and when, and that none of them holds another up."""

from __future__ import annotations

import pytest

from p2pd.base.ids import InfoHashes
from p2pd.protocols.tracker.announce import AnnounceAnswer, TrackerError, TrackerTimeoutError
from tests.discovery.fake_trackers import ANSWER, HANG, PEERS, V1, V2, World

A, B, C = "http://a.test/announce", "udp://b.test:80/announce", "http://c.test/announce"
REFUSED = TrackerError("unregistered torrent")


def test_starting_tells_one_tracker_of_every_tier() -> None:
    world = World([A, B], [C])
    world.start()
    first = world.announcer.states()[0].url
    assert world.trackers.urls() == [first, C]
    request = world.trackers.asked[0][1]
    assert (request.event, request.info_hash, request.port) == ("started", V1, 6881)
    assert (request.uploaded, request.downloaded, request.left) == (10, 20, 1000)
    assert request.peer_id == b"-PD0100-abcdefghijkl"
    assert world.found == [PEERS, PEERS]


def test_starting_twice_announces_once() -> None:
    world = World([A])
    world.start()
    world.start()
    assert world.trackers.events() == ["started"]


def test_both_ids_of_a_hybrid_are_announced_at_once() -> None:
    world = World([A], info_hashes=InfoHashes(v1=V1, v2=V2))
    world.trackers.answers[A] = {V1: HANG}
    world.start()
    assert [request.info_hash for _, request in world.trackers.asked] == [V1, V2[:20]]
    assert world.found == [PEERS], "the peers of one id do not wait for the other"
    assert world.state(A).announcing
    world.trackers.release(A)
    assert world.found == [PEERS, PEERS]
    assert world.state(A).last_announce_peer_count == 4


def test_one_id_of_a_hybrid_is_enough() -> None:
    world = World([A], info_hashes=InfoHashes(v1=V1, v2=V2))
    world.trackers.answers[A] = {V2[:20]: REFUSED}
    world.start()
    assert world.state(A).last_announce_succeeded
    assert world.state(A).last_announce_result == "Success"


def test_a_tier_of_dead_trackers_holds_up_no_other() -> None:
    world = World([A], [B], [C])
    world.trackers.answers.update({A: HANG, B: HANG})
    world.start()
    assert world.found == [PEERS]


def test_a_slow_tracker_does_not_hold_up_the_next_of_its_tier() -> None:
    world = World([A, B, C])
    first, second, third = (state.url for state in world.announcer.states())
    world.trackers.answers[first] = HANG
    world.start()
    world.clock.advance(4.9)
    assert world.found == []
    world.clock.advance(0.1)
    assert world.found == [PEERS]
    assert world.trackers.urls() == [first, second]
    assert [state.url for state in world.announcer.states()] == [second, first, third]
    assert [state.is_backup for state in world.announcer.states()] == [False, True, True]
    world.trackers.release(first)
    assert world.found == [PEERS, PEERS], "late peers are peers too"
    assert world.announcer.states()[0].url == second


def test_a_tracker_that_refuses_is_followed_by_the_next_at_once() -> None:
    world = World([A, B])
    first, second = (state.url for state in world.announcer.states())
    world.trackers.answers[first] = REFUSED
    world.start()
    assert world.trackers.urls() == [first, second]
    assert world.state(first).last_announce_result == "unregistered torrent"
    assert not world.state(first).last_announce_succeeded
    assert world.announcer.states()[0].url == second


def test_the_next_announce_comes_after_the_interval_and_has_no_event() -> None:
    world = World([A])
    world.start()
    planned = world.state(A).next_announce_at - 1_000_000
    assert 0.95 * 1800 <= planned <= 1800
    world.clock.advance(planned - 1)
    assert len(world.trackers.asked) == 1
    world.clock.advance(1.001)
    assert world.trackers.events() == ["started", ""]


def test_the_least_interval_counts_more() -> None:
    world = World([A])
    world.trackers.answers[A] = AnnounceAnswer(interval=60, min_interval=300)
    world.start()
    assert world.state(A).next_announce_at == 1_000_300


def test_failures_back_off_with_jitter_up_to_about_an_hour() -> None:
    world = World([A])
    world.trackers.answers[A] = REFUSED
    world.start()
    waits = []
    for _ in range(1200):
        wait = world.state(A).next_announce_at - 1_000_000 - world.clock.seconds()
        waits.append(wait)
        world.clock.advance(wait + 0.001)
    assert 7.5 <= waits[0] <= 12.5
    assert 15 <= waits[1] <= 25
    assert all(2700 <= wait <= 4500 for wait in waits[10:])
    assert len(set(waits)) > 1000
    assert set(world.trackers.events()) == {"started"}
    world.trackers.answers[A] = ANSWER
    world.clock.advance(4500)
    assert world.state(A).last_announce_succeeded
    world.trackers.answers[A] = REFUSED
    world.clock.advance(1800)
    again = world.state(A).next_announce_at - 1_000_000 - world.clock.seconds()
    assert again < 1800, "the next failure starts from the beginning"


def test_a_tracker_may_say_when_to_try_again() -> None:
    world = World([A])
    world.trackers.answers[A] = TrackerError("busy", retry_in=1200)
    world.start()
    assert world.state(A).next_announce_at == 1_001_200


def test_a_time_out_is_told_from_a_refusal() -> None:
    world = World([A], [B])
    world.trackers.answers.update({A: TrackerTimeoutError("no answer"), B: REFUSED})
    world.start()
    assert world.state(A).last_announce_timed_out
    assert not world.state(B).last_announce_timed_out


def test_completed_is_said_at_once_and_once() -> None:
    world = World([A])
    world.start()
    world.torrent.left = 0
    world.announcer.complete()
    world.clock.advance(0)
    assert world.trackers.events() == ["started", "completed"]
    assert world.trackers.asked[-1][1].left == 0
    world.clock.advance(1800)
    assert world.trackers.events() == ["started", "completed", ""]


def test_completed_comes_after_started() -> None:
    world = World([A])
    world.trackers.answers[A] = HANG
    world.start()
    world.announcer.complete()
    world.trackers.answers[A] = ANSWER
    world.trackers.release(A)
    world.clock.advance(0)
    assert world.trackers.events() == ["started", "completed"]


def test_completed_is_not_forgotten_while_the_tracker_is_down() -> None:
    world = World([A])
    world.start()
    world.trackers.answers[A] = REFUSED
    world.announcer.complete()
    world.clock.advance(0)
    world.trackers.answers[A] = ANSWER
    world.clock.advance(15)
    assert world.trackers.events() == ["started", "completed", "completed"]
    world.clock.advance(1800)
    assert world.trackers.events()[3:] == [""]


def test_a_reannounce_waits_for_the_least_gap() -> None:
    world = World([A])
    world.trackers.answers[A] = AnnounceAnswer(interval=1800, min_interval=100)
    world.start()
    world.clock.advance(40)
    world.announcer.reannounce()
    world.clock.advance(59)
    assert len(world.trackers.asked) == 1
    world.clock.advance(1)
    assert len(world.trackers.asked) == 2


def test_a_reannounce_during_an_announce_comes_after_it() -> None:
    world = World([A])
    world.trackers.answers[A] = HANG
    world.start()
    world.announcer.reannounce()
    world.trackers.answers[A] = ANSWER
    world.trackers.release(A)
    world.clock.advance(10)
    assert len(world.trackers.asked) == 2


def test_the_port_is_that_of_the_moment() -> None:
    world = World([A])
    world.port = 7000
    world.start()
    world.port = 7001
    world.clock.advance(1800)
    assert [request.port for _, request in world.trackers.asked] == [7000, 7001]


def test_a_partial_seed_says_that_it_is_paused() -> None:
    world = World([A])
    world.torrent.partial = True
    world.start()
    world.clock.advance(1800)
    world.clock.advance(1800)
    world.torrent.partial = False
    world.clock.advance(1800)
    world.announcer.stop()
    assert world.trackers.events() == ["started", "paused", "paused", "", "stopped"]
    assert world.trackers.asked[1][1].left == 1000
    assert world.trackers.asked[1][1].numwant == 50, "it waits to be found, as a seed does"


@pytest.mark.parametrize(("left", "wanted"), [(1000, 200), (0, 50)])
def test_a_seed_asks_for_fewer_peers(left: int, wanted: int) -> None:
    world = World([A])
    world.torrent.left = left
    world.start()
    assert world.trackers.asked[0][1].numwant == wanted


def test_every_announce_has_the_same_key_and_returns_the_tracker_id() -> None:
    world = World([A])
    world.trackers.answers[A] = AnnounceAnswer(tracker_id=b"xyz")
    world.start()
    world.trackers.answers[A] = AnnounceAnswer()
    world.clock.advance(1800)
    world.clock.advance(1800)
    requests = [request for _, request in world.trackers.asked]
    assert len({request.key for request in requests}) == 1
    assert [request.tracker_id for request in requests] == [b"", b"xyz", b"xyz"]


def test_no_trackers_is_nothing_to_do() -> None:
    world = World()
    world.start()
    assert world.announcer.states() == []
    assert world.announcer.stop().called


def test_each_id_of_a_hybrid_is_owed_started_until_it_was_told() -> None:
    world = World([A], info_hashes=InfoHashes(v1=V1, v2=V2))
    world.trackers.answers[A] = {V2[:20]: REFUSED}
    world.start()
    world.trackers.answers.clear()
    world.announcer.complete()
    world.clock.advance(0)
    said = [(request.info_hash, request.event) for _, request in world.trackers.asked]
    assert said[2:] == [(V1, "completed"), (V2[:20], "started")]
    world.clock.advance(1800)
    assert world.trackers.events()[4:] == ["", ""]
