"""The queue of addresses against a look at all of them, and that it does not grow."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from p2pd.base.addresses import PeerAddress
from p2pd.swarm.dial_queue import SLACK, DialQueue

numbers = st.integers(0, 9)


def address(number: int) -> PeerAddress:
    return PeerAddress(f"10.0.0.{number}", 1)


class QueueMachine(RuleBasedStateMachine):
    """The queue does what a list that is searched would do."""

    def __init__(self) -> None:
        super().__init__()
        self.ranks = dict.fromkeys(map(address, range(10)), 0)
        self.queue = DialQueue(lambda one: self.ranks[one])
        self.due: dict[PeerAddress, float] = {}
        self.now = 0.0

    @rule(number=numbers, wait=st.sampled_from([-5.0, 0.0, 1.0, 100.0]))
    def put(self, number: int, wait: float) -> None:
        self.queue.put(address(number), self.now + wait)
        self.due[address(number)] = self.now + wait

    @rule(number=numbers)
    def remove(self, number: int) -> None:
        self.queue.remove(address(number))
        self.due.pop(address(number), None)

    @rule(wait=st.sampled_from([0.0, 1.0, 50.0]), count=st.integers(0, 4))
    def take(self, wait: float, count: int) -> None:
        self.now += wait
        ready = [one for one, due in self.due.items() if due <= self.now]
        taken = self.queue.take(count, self.now)
        best = sorted(self.ranks[one] for one in ready)[:count]
        assert [self.ranks[one] for one in taken] == best
        assert len(set(taken)) == len(taken)
        for one in taken:
            del self.due[one]

    @rule(number=numbers, rank=st.integers(0, 3))
    def rank(self, number: int, rank: int) -> None:
        self.ranks[address(number)] = rank
        self.queue.rank_again()

    @invariant()
    def they_agree(self) -> None:
        assert len(self.queue) == len(self.due)
        assert all(one in self.queue for one in self.due)
        expected = min((max(due, self.now) for due in self.due.values()), default=None)
        assert self.queue.next_due(self.now) == expected


QueueMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestQueueMachine = QueueMachine.TestCase


def test_what_is_out_of_date_does_not_pile_up() -> None:
    queue = DialQueue(lambda one: 0)
    for turn in range(10_000):
        queue.put(address(turn % 10), float(turn))
        queue.next_due(0.0)
    assert len(queue._waiting) + len(queue._ready) <= 20 + SLACK


class Counting(int):
    """A rank that says how often it was compared."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        Counting.compared += 1
        return int(self) < int(other)


def test_the_next_of_two_thousand_costs_a_logarithm() -> None:
    queue = DialQueue(lambda one: Counting(int(one.host[7:]) * 7919 % 2000))
    for number in range(2000):
        queue.put(PeerAddress(f"10.0.0.{number}", 1), 0.0)
    queue.take(1, 0.0)
    before = Counting.compared
    for now in range(100):
        (taken,) = queue.take(1, float(now))
        assert queue.next_due(float(now)) == now
        queue.put(taken, 1e9)
    assert Counting.compared - before < 100 * 2 * 12
