"""Who runs of those in line: the rules, and what holds whatever happens."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from p2pd.session.queueing.queue_line import QueueLine


def line_of(size: int | None, *waiting: int) -> QueueLine[int]:
    """Of numbers, the lower ones first."""
    line: QueueLine[int] = QueueLine(size, lambda one: one)
    for one in waiting:
        line.wait(one)
    return line


def test_the_first_ones_run_and_the_next_one_when_a_place_is_free() -> None:
    line = line_of(2, 4, 3, 1, 2)
    assert line.admit() == [1, 2]
    assert line.admit() == []
    line.leave(1)
    assert line.admit() == [3]
    assert line.waits(4)


def test_a_stalled_one_has_no_place_and_counts_again_when_it_moves() -> None:
    line = line_of(1, 1, 2, 3)
    line.admit()
    line.stall(1)
    assert line.admit() == [2]
    line.move(1)
    assert set(line.counted) == {1, 2}, "nobody is stopped for it"
    line.leave(2)
    assert line.admit() == []


def test_one_that_was_started_in_spite_of_the_queue_has_a_place() -> None:
    line = line_of(1, 1, 2, 3)
    line.admit()
    line.force(3)
    assert not line.waits(3)
    line.leave(1)
    assert line.admit() == [], "3 has the place"
    line.leave(3)
    assert line.admit() == [2]


def test_a_smaller_size_has_the_last_ones_wait_but_not_those_started_in_spite_of_it() -> None:
    line = line_of(4, 1, 2, 3, 4)
    line.admit()
    line.force(4)
    assert line.resize(2) == ([], [3, 2])
    assert line.counted == [1, 4]
    assert line.resize(0) == ([], [1])
    assert line.resize(3) == ([1, 2], [])


def test_without_a_size_all_run_and_nobody_is_noted() -> None:
    line = line_of(0, 2, 1)
    assert line.admit() == []
    assert sorted(line.resize(None)[0]) == [1, 2]
    line.wait(3)
    line.runs(4)
    line.force(5)
    assert not any(one in line for one in range(6))


class LineMachine(RuleBasedStateMachine):
    """Anything in any order."""

    ones = st.integers(0, 9)

    def __init__(self) -> None:
        super().__init__()
        self.line = line_of(2)
        self.forced: set[int] = set()

    def fill(self) -> None:
        before = set(self.line.waiting)
        admitted = self.line.admit()
        assert admitted == sorted(before)[: len(admitted)], "the first ones, in order"

    @rule(one=ones)
    def ask(self, one: int) -> None:
        runs = one in self.line.counted or one in self.line.stalled
        self.line.wait(one)
        self.fill()
        assert not (runs and self.line.waits(one)), "nobody is stopped by asking"

    @rule(one=ones)
    def leave(self, one: int) -> None:
        self.line.leave(one)
        self.forced.discard(one)
        self.fill()
        assert one not in self.line

    @rule(one=ones)
    def stall(self, one: int) -> None:
        self.line.stall(one)
        self.fill()

    @rule(one=ones)
    def move(self, one: int) -> None:
        self.line.move(one)

    @rule(one=ones)
    def force(self, one: int) -> None:
        self.line.force(one)
        self.forced.add(one)
        assert one in self.line.counted or one in self.line.stalled

    @rule(size=st.integers(0, 4))
    def resize(self, size: int) -> None:
        before = set(self.line.counted)
        admitted, surplus = self.line.resize(size)
        assert not (admitted and surplus)
        assert set(self.line.counted) == (before | set(admitted)) - set(surplus)
        assert len(self.line.counted) <= size or set(self.line.counted) <= self.forced
        assert not self.forced & set(surplus)

    @invariant()
    def everyone_is_in_one_group(self) -> None:
        groups = [self.line.counted, self.line.stalled, self.line.waiting]
        everyone = [one for group in groups for one in group]
        assert len(everyone) == len(set(everyone))

    @invariant()
    def no_place_is_free_while_somebody_waits(self) -> None:
        size = self.line.size
        assert size is not None
        assert not self.line.waiting or len(self.line.counted) >= size


LineMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestLine = LineMachine.TestCase
