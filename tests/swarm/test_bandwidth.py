"""Token buckets and the turns at them: limits are held, used up, and shared fairly."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.swarm.bandwidth.limit_tree import LimitTree
from p2pd.swarm.bandwidth.meter import Meter
from p2pd.swarm.bandwidth.token_bucket import TokenBucket
from p2pd.swarm.bandwidth.wire_cost import wire_cost

BLOCK = 16 * 1024
LATE = 0.02
"""Seconds by which the simulated reactor comes late to a turn."""


class World:
    """A tree on a clock of its own."""

    def __init__(self, least_burst: float = BLOCK) -> None:
        self.now = 0.0
        self.told = math.inf
        self.tree = LimitTree(least_burst=least_burst, wake=self._wake)

    def _wake(self, due: float) -> None:
        self.told = min(self.told, due)

    def run(self, seconds: float, late: float = LATE) -> None:
        end = self.now + seconds
        while (due := self.tree.next_turn(self.now)) is not None and due <= end:
            self.now = min(end, max(self.now, due) + late)
            self.tree.run(self.now)
        self.now = end


class Backlogged:
    """Always has blocks of one size to send, whole ones."""

    def __init__(self, world: World, *names: Any, block: int = BLOCK, cost: float = 1.0) -> None:
        self.world = world
        self.block = block
        self.moved: list[tuple[float, int]] = []
        self.meter = Meter(world.tree, world.tree.chain(names), self.send, cost=cost)
        self.active = True
        self.send()

    def send(self) -> None:
        while self.active and self.meter.chain:
            allowed = self.meter.take(8 * self.block, self.world.now, least=self.block)
            if not allowed:
                return
            size = allowed // self.block * self.block
            self.meter.give_back(allowed - size)
            self.moved.append((self.world.now, size))

    def total(self, since: float = 0.0, until: float = math.inf) -> int:
        return sum(size for at, size in self.moved if since <= at < until)


def limited(**rates: float) -> World:
    world = World()
    for name, rate in rates.items():
        world.tree.set_rate(name, rate, 0.0)
    return world


# -- a limit is held, and used up -------------------------------------------------------------


@given(
    rate=st.integers(20_000, 200_000_000),
    peers=st.integers(1, 40),
    late=st.floats(0.0, 0.1),
    block=st.sampled_from([1024, BLOCK, 2 * BLOCK]),
)
def test_backlogged_peers_get_the_rate_and_no_more(
    rate: int, peers: int, late: float, block: int
) -> None:
    world = limited(session=rate)
    senders = [Backlogged(world, "session", block=block) for _ in range(peers)]
    seconds = max(2.0, 2_000_000 / rate) if rate < 1_000_000 else 2.0
    world.run(seconds, late)
    total = sum(sender.total() for sender in senders)
    burst = world.tree.chain(["session"])[0].burst
    assert total <= rate * seconds + burst + block
    assert total >= 0.95 * rate * seconds - burst - block


@given(st.data())
def test_never_more_than_the_rate_in_any_span(data: st.DataObject) -> None:
    """Takes, charges and gifts at random times; each span holds what the rate and a burst allow."""
    rate = data.draw(st.integers(1000, 10_000_000))
    world = limited(session=rate)
    bucket = world.tree.chain(["session"])[0]
    meter = Meter(world.tree, (bucket,), lambda: None)
    moved = [(0.0, 0)]
    for _ in range(data.draw(st.integers(1, 40))):
        world.now += data.draw(st.floats(0.0, 0.5))
        meter.close()
        took = meter.take(data.draw(st.integers(1, 1_000_000)), world.now)
        back = data.draw(st.integers(0, took))
        meter.give_back(back)
        moved.append((world.now, took - back))
    for first in range(len(moved)):
        total = 0
        for at, size in moved[first:]:
            total += size
            assert total <= rate * (at - moved[first][0]) + bucket.burst + len(moved)


def test_a_bucket_starts_empty_and_saves_a_quarter_second() -> None:
    bucket = TokenBucket(1_000_000, 5.0)
    assert bucket.level == 0.0
    assert bucket.refresh(5.1) == pytest.approx(100_000)
    assert bucket.refresh(65.0) == bucket.burst == 254_096
    assert bucket.seconds_until(250_000) == 0.0
    bucket.take(300_000)
    assert bucket.seconds_until(50_000) == pytest.approx(0.095904)


def test_a_slow_limit_still_moves_whole_blocks_in_time() -> None:
    world = limited(session=5 * 1024)
    one = Backlogged(world, "session")
    world.run(20)
    times = [at for at, _ in one.moved]
    assert all(size == BLOCK for _, size in one.moved)
    assert times[0] <= BLOCK / 5120 + 2 * LATE
    assert all(b - a == pytest.approx(BLOCK / 5120, abs=2 * LATE) for a, b in pairwise(times))
    assert one.total() == pytest.approx(5 * 1024 * 20, abs=BLOCK)


def test_a_block_bigger_than_the_burst_passes_and_is_paid_for() -> None:
    world = limited(session=10_000)
    one = Backlogged(world, "session", block=128 * 1024)
    world.run(60)
    assert one.total() in (4 * 131_072, 5 * 131_072, 6 * 131_072)


def test_a_rate_of_nothing_lets_nothing_through() -> None:
    world = limited(session=0.0)
    one = Backlogged(world, "session")
    assert world.tree.next_turn(world.now) is None
    world.run(100)
    assert one.total() == 0
    world.tree.set_rate("session", 1_000_000, world.now)
    world.run(1)
    assert one.total() == pytest.approx(1_000_000, rel=0.05)


def test_what_a_byte_costs_on_the_wire_is_counted() -> None:
    world = limited(session=1_000_000)
    one = Backlogged(world, "session", cost=1.25)
    world.run(10)
    assert one.total() == pytest.approx(800_000 * 10, rel=0.05)


def test_what_nobody_can_hold_back_is_a_debt_of_a_second_at_most() -> None:
    world = limited(session=100_000)
    meter = Meter(world.tree, world.tree.chain(["session"]), lambda: None)
    meter.charge(50_000, world.now)
    assert world.tree.chain(["session"])[0].level == -50_000
    for _ in range(20):
        meter.charge(50_000, world.now)
    assert world.tree.chain(["session"])[0].level == -100_000
    meter.give_back(1)


# -- fair shares ------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [50_000, 1_000_000, 30_000_000])
def test_many_peers_get_about_the_same(rate: int) -> None:
    world = limited(session=rate)
    senders = [Backlogged(world, "session") for _ in range(30)]
    world.run(30)
    totals = [sender.total() for sender in senders]
    quantum = max(BLOCK, world.tree.chain(["session"])[0].quantum)
    assert max(totals) - min(totals) <= 2 * quantum
    assert sum(totals) == pytest.approx(rate * 30, rel=0.05, abs=BLOCK)


def test_large_blocks_do_not_starve_small_ones() -> None:
    world = limited(session=400_000)
    large = [Backlogged(world, "session", block=128 * 1024) for _ in range(5)]
    small = Backlogged(world, "session", block=1024)
    world.run(60)
    share = 400_000 * 60 / 6
    assert small.total() >= 0.8 * share
    assert all(one.total() >= 0.8 * share for one in large)


def test_who_was_away_has_no_claim_to_what_it_left() -> None:
    world = limited(session=1_000_000)
    one, other = Backlogged(world, "session"), Backlogged(world, "session")
    other.active = False
    world.run(20)
    other.active = True
    other.send()
    world.run(10)
    assert one.total(since=20) == pytest.approx(5_000_000, rel=0.05)
    assert other.total(since=20) == pytest.approx(5_000_000, rel=0.05)


def test_what_one_cannot_use_the_others_get() -> None:
    world = limited(session=1_000_000, torrent=100_000)
    slow = [Backlogged(world, "session", "torrent") for _ in range(10)]
    fast = [Backlogged(world, "session") for _ in range(3)]
    world.run(20)
    assert sum(one.total() for one in slow) == pytest.approx(2_000_000, rel=0.06)
    assert sum(one.total() for one in fast) == pytest.approx(18_000_000, rel=0.05)
    assert max(one.total() for one in slow) <= 1.3 * min(one.total() for one in slow)


def test_the_lowest_limit_of_four_levels_holds() -> None:
    world = limited(session=10_000_000, label=5_000_000, torrent=2_000_000)
    one = Backlogged(world, "session", "label", "torrent")
    own = world.tree.bucket(1_000_000, 0.0)
    one.meter.set_chain((*world.tree.chain(["session", "label", "torrent"]), own))
    assert one.meter.rate == 1_000_000
    world.run(10)
    assert one.total() == pytest.approx(10_000_000, rel=0.05)
    assert world.tree.rate(["session", "label", "torrent", "no such"]) == 2_000_000
    assert world.tree.rate(["no such"]) is None


@given(
    rates=st.lists(st.integers(30_000, 3_000_000), min_size=3, max_size=3),
    counts=st.lists(st.integers(0, 6), min_size=4, max_size=4),
)
def test_every_level_is_held_and_the_session_is_used_up(
    rates: list[int], counts: list[int]
) -> None:
    """Torrents a and b, one of them with a label too, and peers of neither."""
    world = limited(session=rates[0], a=rates[1], b=rates[2], label=(rates[1] + rates[2]) // 3)
    chains = [("session", "a"), ("session", "label", "b"), ("session", "label", "a"), ("session",)]
    groups = [
        [Backlogged(world, *names) for _ in range(count)]
        for names, count in zip(chains, counts, strict=True)
    ]
    world.run(10)
    for name in ("session", "a", "b", "label"):
        bucket = world.tree.chain([name])[0]
        total = sum(
            one.total()
            for names, group in zip(chains, groups, strict=True)
            if name in names
            for one in group
        )
        assert total <= bucket.rate * 10 + bucket.burst + BLOCK
    if counts[3]:
        total = sum(one.total() for group in groups for one in group)
        assert total >= 0.95 * rates[0] * 10 - BLOCK


# -- changes ----------------------------------------------------------------------------------


def test_a_limit_is_changed_while_peers_wait() -> None:
    world = limited(session=100_000)
    senders = [Backlogged(world, "session") for _ in range(4)]
    world.run(10)
    world.tree.set_rate("session", 2_000_000, world.now)
    world.run(10)
    world.tree.set_rate("session", 50_000, world.now)
    world.run(10)
    spans = [
        sum(one.total(since, since + 10) for one in senders) for since in (0, 10, 20)
    ]  # fmt: skip
    assert spans[0] == pytest.approx(1_000_000, rel=0.06)
    assert spans[1] == pytest.approx(20_000_000, rel=0.05)
    assert spans[2] == pytest.approx(500_000, rel=0.06)


def test_who_waited_under_a_limit_that_is_gone_goes_on() -> None:
    world = limited(session=1000, torrent=1000)
    one = Backlogged(world, "session", "torrent")
    assert one.meter.waiting
    world.tree.set_rate("session", None, 0.0)
    one.meter.set_chain(world.tree.chain(["session", "torrent"]))
    assert one.meter.waiting
    world.run(100)
    assert one.total() == pytest.approx(100_000, abs=BLOCK)
    world.tree.set_rate("torrent", None, world.now)
    resumed: list[int] = []
    one.meter._resume = lambda: resumed.append(1)
    one.meter.set_chain(())
    assert (resumed, one.meter.waiting) == ([1], False)
    assert world.tree.chain(["session", "torrent"]) == ()
    assert world.tree.next_turn(world.now) is None


def test_who_is_gone_takes_no_turn() -> None:
    world = limited(session=100_000)
    one, other = Backlogged(world, "session"), Backlogged(world, "session")
    one.meter.close()
    one.active = False
    world.run(10)
    assert one.total() == 0
    assert other.total() == pytest.approx(1_000_000, rel=0.05)


def test_turns_do_not_come_close_together_nor_last_long() -> None:
    world = limited(session=1_000_000_000)
    senders = [Backlogged(world, "session", block=1024) for _ in range(100)]
    turns = 0
    while (due := world.tree.next_turn(world.now)) is not None and due < 0.25:
        world.now = max(world.now, due)
        world.tree.run(world.now)
        turns += 1
    assert turns <= 11
    assert sum(len(one.moved) for one in senders) <= 11 * 500


def test_nonsense_is_no_rate() -> None:
    for rate in (-1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="no rate"):
            TokenBucket(rate, 0.0)


def test_the_next_turn_is_told_when_it_is_news() -> None:
    world = limited(session=1_000_000, torrent=100_000)
    Backlogged(world, "session", "torrent")
    assert world.told == pytest.approx(25_000 / 1_000_000)
    assert world.tree.next_turn(0.0) == world.told
    world.told = math.inf
    world.tree.set_rate("session", 2_000_000, 0.0)
    assert world.told == pytest.approx(50_000 / 2_000_000)
    world.told = math.inf
    world.tree.set_rate("session", 0.0, 0.0)
    world.tree.set_rate("torrent", 50_000, 0.0)
    assert world.told == math.inf
    assert world.tree.next_turn(0.0) is None


@given(st.data())
def test_whatever_happens_nobody_is_forgotten(data: st.DataObject) -> None:
    """Peers come, go idle, wake and change limits at random; then all move, and evenly."""
    world = limited(session=1_000_000, a=600_000, b=700_000)
    chains = [("session",), ("session", "a"), ("session", "b"), ("a", "b"), ("session", "a", "b")]
    peers: list[Backlogged] = []
    for _ in range(data.draw(st.integers(1, 30))):
        world.run(data.draw(st.sampled_from([0.0, 0.01, 0.3])), data.draw(st.floats(0, 0.03)))
        what = data.draw(st.sampled_from(["come", "idle", "wake", "move", "rate", "go"]))
        if what == "come" or not peers:
            size = data.draw(st.sampled_from([1000, BLOCK]))
            peers.append(Backlogged(world, *data.draw(st.sampled_from(chains)), block=size))
        elif what == "rate":
            name = data.draw(st.sampled_from(["session", "a", "b"]))
            world.tree.set_rate(name, data.draw(st.sampled_from([0, 5000, 900_000])), world.now)
        else:
            peer = data.draw(st.sampled_from(peers))
            if what == "idle":
                peer.active = False
            elif what == "wake":
                peer.active = True
                peer.send()
            elif what == "move":
                peer.meter.set_chain(world.tree.chain(data.draw(st.sampled_from(chains))))
            else:
                peer.active = False
                peer.meter.close()
                peers.remove(peer)
    for name in ("session", "a", "b"):
        world.tree.set_rate(name, 1_000_000, world.now)
    for peer in peers:
        peer.active = True
        peer.meter.set_chain(world.tree.chain(["session"]))
        peer.send()
    world.run(2)
    before = world.now
    world.run(2)
    shares = [peer.total(since=before) for peer in peers]
    if shares:
        quantum = world.tree.chain(["session"])[0].quantum
        assert max(shares) - min(shares) <= 2 * quantum
        assert sum(shares) == pytest.approx(2_000_000, rel=0.05, abs=2 * BLOCK)


def test_packet_headers_cost() -> None:
    assert wire_cost("8.8.8.8") == pytest.approx(1500 / 1448)
    assert wire_cost("2001:db8::1") == pytest.approx(1500 / 1428)


@pytest.mark.parametrize("weight", [0.25, 1.0, 4.0])
def test_who_has_another_weight_gets_so_much_of_what_is_shared(weight: float) -> None:
    world = limited(session=1_000_000)
    usual, other = Backlogged(world, "session"), Backlogged(world, "session")
    other.meter.weight = weight
    world.run(20)
    assert other.total(2) / usual.total(2) == pytest.approx(weight, rel=0.05)
    assert usual.total(2) + other.total(2) == pytest.approx(18_000_000, rel=0.05)
