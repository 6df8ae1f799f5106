"""A tier as long as a hostile torrent can make it, of trackers that refuse at once."""

from __future__ import annotations

from p2pd.protocols.tracker.announce import TrackerError
from tests.discovery.fake_trackers import World

MANY = [f"wss://t{number}.test/announce" for number in range(500)]


def test_hundreds_that_refuse_at_once_do_not_nest() -> None:
    world = World(MANY)
    world.trackers.answers = {url: TrackerError("not supported") for url in MANY}
    world.start()
    assert sorted(world.trackers.urls()) == sorted(MANY)
    states = world.announcer.states()
    assert all(state.last_announce_result == "not supported" for state in states)
    assert states[0].next_announce_at > 0


def test_one_good_tracker_behind_them_is_reached() -> None:
    world = World(MANY)
    last = world.announcer.states()[-1].url
    world.trackers.answers = {url: TrackerError("no") for url in MANY if url != last}
    world.start()
    assert world.announcer.states()[0].url == last
    assert world.state(last).last_announce_succeeded
