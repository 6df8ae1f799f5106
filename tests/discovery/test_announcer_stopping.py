"""The announcer: `stopped`, and trackers that come and go."""

from __future__ import annotations

import pytest

from p2pd.base.ids import InfoHashes
from p2pd.protocols.tracker.announce import TrackerError
from tests.discovery.fake_trackers import ANSWER, HANG, PEERS, V1, V2, World

A, B, C = "http://a.test/announce", "udp://b.test:80/announce", "http://c.test/announce"
REFUSED = TrackerError("unregistered torrent")


def test_stopping_tells_those_that_know_us() -> None:
    world = World([A], [B])
    world.trackers.answers[B] = REFUSED
    world.start()
    stopped = world.announcer.stop()
    assert stopped.called
    assert world.trackers.events(A) == ["started", "stopped"]
    assert world.trackers.events(B) == ["started"]
    assert world.trackers.asked[-1][1].numwant == 0
    assert world.timers() == []
    assert [state.next_announce_at for state in world.announcer.states()] == [0, 0]


def test_stopping_is_said_with_the_port_that_was_announced() -> None:
    world = World([A])
    world.start()
    world.port = 0
    world.announcer.stop()
    assert world.trackers.asked[-1][1].port == 6881


def test_stopping_says_so_for_both_ids_of_a_hybrid_although_one_hangs() -> None:
    world = World([A], info_hashes=InfoHashes(v1=V1, v2=V2))
    world.start()
    world.trackers.answers[A] = {V1: HANG}
    world.announcer.stop()
    assert [r.info_hash for _, r in world.trackers.asked if r.event == "stopped"] == [V1, V2[:20]]


def test_peers_of_a_farewell_are_not_wanted() -> None:
    world = World([A])
    world.start()
    world.announcer.stop()
    assert world.found == [PEERS]


def test_dead_trackers_hold_up_the_end_for_five_seconds_at_most() -> None:
    world = World([A], [B])
    world.start()
    world.trackers.answers.update({A: HANG, B: HANG})
    stopped = world.announcer.stop()
    world.clock.advance(4.9)
    assert not stopped.called
    world.clock.advance(0.1)
    assert stopped.called
    assert world.timers() == []


def test_a_tracker_that_never_answered_holds_up_the_end_for_a_second() -> None:
    world = World([A])
    world.trackers.answers[A] = HANG
    world.start()
    stopped = world.announcer.stop()
    assert world.trackers.events() == ["started", "stopped"], "the first may have arrived"
    world.clock.advance(1)
    assert stopped.called
    assert world.timers() == []


def test_stopping_while_the_next_of_a_tier_waits_asks_it_no_more() -> None:
    world = World([A, B])
    first, second = (state.url for state in world.announcer.states())
    world.trackers.answers[first] = HANG
    world.start()
    world.announcer.stop()
    world.clock.advance(3600)
    assert world.trackers.events(second) == []


def test_stopping_twice_is_stopping_once() -> None:
    world = World([A])
    world.start()
    world.announcer.stop()
    assert world.announcer.stop().called
    assert world.trackers.events() == ["started", "stopped"]


def test_what_comes_after_the_end_is_ignored() -> None:
    world = World([A])
    world.start()
    world.announcer.stop()
    world.announcer.complete()
    world.announcer.reannounce()
    world.announcer.set_tiers([[A], [B]])
    world.clock.advance(7200)
    assert world.trackers.events() == ["started", "stopped"]
    assert [state.url for state in world.announcer.states()] == [A, B]


def test_started_waits_until_stopped_is_said() -> None:
    world = World([A])
    world.start()
    world.trackers.answers[A] = HANG
    world.announcer.stop()
    world.trackers.answers[A] = ANSWER
    world.start()
    assert world.trackers.events() == ["started", "stopped"]
    world.trackers.release(A)
    world.clock.advance(1)
    assert world.trackers.events() == ["started", "stopped", "started"]


# -- other tiers -----------------------------------------------------------------------------------


def test_a_tracker_that_stays_notices_nothing() -> None:
    world = World([A])
    world.start()
    before = world.state(A)
    world.announcer.set_tiers([[A], [B]])
    world.clock.advance(0)
    assert world.trackers.events(A) == ["started"]
    assert world.trackers.events(B) == ["started"]
    assert world.state(A) is before
    assert [state.id for state in world.announcer.states()] == [0, 1]
    world.clock.advance(1800)
    assert world.trackers.events(A) == ["started", ""]


def test_a_tracker_that_is_dropped_hears_stopped_and_nothing_more() -> None:
    world = World([A], [B])
    world.start()
    world.announcer.set_tiers([[B]])
    world.clock.advance(1801)
    assert world.trackers.events(A) == ["started", "stopped"]
    assert world.trackers.events(B) == ["started", ""]
    assert world.state(B).tier == 0


def test_a_tracker_may_move_to_another_tier() -> None:
    world = World([A, B], [C])
    world.start()
    used = world.announcer.states()[0].url
    other = ({A, B} - {used}).pop()
    world.announcer.set_tiers([[other], [C, used]])
    world.clock.advance(0)
    assert "stopped" not in world.trackers.events()
    assert world.trackers.events(other) == ["started"]


def test_a_tracker_that_is_dropped_during_its_announce_holds_nothing_up() -> None:
    world = World([A])
    world.trackers.answers[A] = HANG
    world.start()
    world.announcer.set_tiers([[B]])
    world.clock.advance(0)
    assert world.trackers.events(B) == ["started"]
    assert world.found == [PEERS]


@pytest.mark.parametrize("kept_first", [True, False])
def test_a_tier_goes_on_when_one_of_it_is_dropped_during_a_search(kept_first: bool) -> None:
    world = World([A, B])
    first, second = (state.url for state in world.announcer.states())
    world.trackers.answers[first] = HANG
    world.start()
    world.announcer.set_tiers([[first if kept_first else second, C]])
    world.clock.advance(6)
    assert world.found == [PEERS]
    assert world.trackers.events(C if kept_first else second) == ["started"]


def test_a_tracker_named_twice_is_asked_once() -> None:
    world = World([A, A], [A, B])
    world.start()
    assert sorted(world.trackers.urls()) == [A, B]


def test_all_may_go() -> None:
    world = World([A])
    world.start()
    world.announcer.set_tiers([])
    assert world.trackers.events() == ["started", "stopped"]
    assert world.announcer.stop().called
    assert world.timers() == []


# -- states ----------------------------------------------------------------------------------------


def test_states_before_and_during_an_announce() -> None:
    world = World(["https://tracker.example.org/x/announce?k=1"], ["udp://[2001:db8::1]:80"])
    first, second = world.announcer.states()
    assert (first.host, first.sitename) == ("tracker.example.org:443", "example")
    assert first.scrape_url == "https://tracker.example.org/x/scrape?k=1"
    assert (second.host, second.tier, second.id) == ("[2001:db8::1]:80", 1, 1)
    assert (first.last_announce_at, first.next_announce_at, first.seeders) == (0, 0, -1)
    world.trackers.answers[first.url] = HANG
    world.start()
    assert first.announcing
    world.trackers.release(first.url)
    assert not first.announcing
    assert first.last_announce_at == 1_000_000
    assert (first.seeders, first.leechers, first.downloads) == (3, 4, -1)


@pytest.mark.parametrize("url", ["http://[::1/announce", "", "http://x:99999/announce", "x"])
def test_a_broken_url_has_a_state_too(url: str) -> None:
    world = World([url])
    world.trackers.answers[url] = REFUSED
    world.start()
    assert world.state(url).last_announce_result == "unregistered torrent"


def test_a_tracker_that_comes_back_hears_started_after_stopped() -> None:
    world = World([A])
    world.start()
    world.trackers.answers[A] = HANG
    world.announcer.set_tiers([])
    world.announcer.set_tiers([[A]])
    world.clock.advance(1)
    assert world.trackers.events() == ["started", "stopped"]
    world.trackers.answers[A] = ANSWER
    world.trackers.release(A)
    world.clock.advance(1)
    assert world.trackers.events() == ["started", "stopped", "started"]
    assert world.state(A).id == 0, "it is the same tracker for those who look"


def test_a_tracker_that_moves_during_its_announce_is_not_asked_twice_at_a_time() -> None:
    world = World([A, B], [C])
    world.trackers.answers.update({A: HANG, B: HANG, C: HANG})
    world.start()
    world.clock.advance(5)
    assert sorted(world.trackers.urls()) == sorted([A, B, C])
    world.announcer.set_tiers([[A, C]])
    world.clock.advance(5)
    assert world.trackers.urls().count(C) == 1
    world.trackers.release(C)
    assert world.state(C).last_announce_succeeded


def test_a_tracker_that_comes_back_after_the_end_hears_started_after_stopped() -> None:
    world = World([A])
    world.start()
    world.trackers.answers[A] = HANG
    world.announcer.stop()
    world.announcer.set_tiers([])
    world.announcer.set_tiers([[A]])
    world.start()
    assert world.trackers.events() == ["started", "stopped"]
    world.trackers.answers[A] = ANSWER
    world.trackers.release(A)
    world.clock.advance(1)
    assert world.trackers.events() == ["started", "stopped", "started"]
