"""When a tier announces next: what is planned is never put off, and one's wait is not another's."""

from __future__ import annotations

from p2pd.protocols.tracker.announce import AnnounceAnswer, TrackerError
from tests.discovery.fake_trackers import ANSWER, World

A, B = "http://a.test/announce", "http://b.test/announce"
REFUSED = TrackerError("unregistered torrent")
BUSY = TrackerError("busy", retry_in=7200)


def test_a_reannounce_does_not_put_off_completed() -> None:
    world = World([A])
    world.trackers.answers[A] = AnnounceAnswer(interval=1800, min_interval=900)
    world.start()
    world.announcer.complete()
    world.announcer.reannounce()
    world.clock.advance(0)
    assert world.trackers.events() == ["started", "completed"]


def test_a_reannounce_does_not_put_off_the_first_announce() -> None:
    world = World([A])
    world.announcer.start()
    world.announcer.reannounce()
    world.clock.advance(0)
    assert world.trackers.events() == ["started"]


def test_a_reannounce_does_not_put_off_a_retry() -> None:
    world = World([A])
    world.trackers.answers[A] = AnnounceAnswer(interval=1800, min_interval=1800)
    world.start()
    world.trackers.answers[A] = REFUSED
    world.clock.advance(1800)
    assert len(world.trackers.asked) == 2
    world.announcer.reannounce()
    world.clock.advance(15)
    assert len(world.trackers.asked) == 3


def test_a_tracker_that_wants_to_be_left_alone_does_not_hold_up_its_tier() -> None:
    world = World([A, B])
    world.trackers.answers.update({A: BUSY, B: REFUSED})
    world.start()
    assert sorted(world.trackers.urls()) == [A, B]
    world.trackers.answers[B] = ANSWER
    world.clock.advance(15)
    assert world.state(B).last_announce_succeeded
    assert world.trackers.urls().count(A) == 1, "it said when to ask again"


def test_a_tracker_that_wants_to_be_left_alone_is_asked_when_it_said() -> None:
    world = World([A, B])
    world.trackers.answers.update({A: BUSY, B: REFUSED})
    world.start()
    for _ in range(7199):
        world.clock.advance(1)
    assert world.trackers.urls().count(A) == 1
    assert world.trackers.urls().count(B) > 5
    for _ in range(4600):
        world.clock.advance(1)
    assert world.trackers.urls().count(A) >= 2


def test_a_tier_of_which_all_want_to_be_left_alone_waits_for_the_first() -> None:
    world = World([A, B])
    world.trackers.answers.update({A: BUSY, B: TrackerError("busy", retry_in=600)})
    world.start()
    assert world.state(B).next_announce_at == 1_000_600
    assert world.state(A).next_announce_at == 0
    world.clock.advance(599)
    assert len(world.trackers.asked) == 2
    world.clock.advance(1)
    assert world.trackers.urls()[2:] == [B]


def test_completed_waits_for_a_tracker_that_wants_to_be_left_alone() -> None:
    world = World([A])
    world.start()
    world.trackers.answers[A] = BUSY
    world.clock.advance(1800)
    world.trackers.answers[A] = ANSWER
    world.announcer.complete()
    world.clock.advance(7199)
    assert world.trackers.events() == ["started", ""]
    world.clock.advance(1)
    assert world.trackers.events() == ["started", "", "completed"]


def test_who_asks_by_hand_or_starts_again_is_not_held_back() -> None:
    world = World([A])
    world.trackers.answers[A] = BUSY
    world.start()
    world.announcer.reannounce()
    world.clock.advance(10)
    assert len(world.trackers.asked) == 2
    world.announcer.stop()
    world.start()
    assert len(world.trackers.asked) == 3
