"""The order of the queue: whatever is moved, it is what a plain list would be, and is kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from p2pd.session.queueing.queue_order import GAP, LIMIT, QueueMove, QueueOrder


def order_of(*ids: int) -> QueueOrder:
    order = QueueOrder()
    for id_ in ids:
        order.add(id_, None)
    return order


@pytest.mark.parametrize(
    ("where", "chosen", "wanted"),
    [
        (QueueMove.TOP, [5, 3], [3, 5, 1, 2, 4]),
        (QueueMove.BOTTOM, [4, 1], [2, 3, 5, 1, 4]),
        (QueueMove.UP, [2, 3], [2, 3, 1, 4, 5]),
        (QueueMove.UP, [1, 2, 4], [1, 2, 4, 3, 5]),
        (QueueMove.DOWN, [3, 2], [1, 4, 2, 3, 5]),
        (QueueMove.DOWN, [5, 4, 1], [2, 1, 3, 4, 5]),
        (QueueMove.TOP, [9], [1, 2, 3, 4, 5]),
        (QueueMove.TOP, [1, 2], [1, 2, 3, 4, 5]),
    ],
)
def test_several_are_moved_in_their_order(
    where: QueueMove, chosen: list[int], wanted: list[int]
) -> None:
    order = order_of(1, 2, 3, 4, 5)
    before = {id_: order.place(id_) for id_ in order.ids()}
    changed = order.move(chosen, where)
    assert order.ids() == wanted
    assert {id_ for id_ in before if order.place(id_) != before[id_]} == changed


@pytest.mark.parametrize(
    ("position", "wanted"), [(0, [2, 1, 3]), (1, [1, 2, 3]), (2, [1, 3, 2]), (99, [1, 3, 2])]
)
def test_one_is_moved_to_a_position(position: int, wanted: list[int]) -> None:
    order = order_of(1, 2, 3)
    order.move_to(2, position)
    assert order.ids() == wanted
    assert order.position(2) == wanted.index(2)


def test_one_that_is_added_comes_last_wherever_others_were_moved() -> None:
    order = order_of(1, 2, 3)
    for _ in range(5):
        order.move([1], QueueMove.BOTTOM)
        order.move([2], QueueMove.BOTTOM)
    order.add(4, order.end)
    assert order.ids() == [3, 1, 2, 4]


def test_few_get_other_places_when_one_of_many_is_moved() -> None:
    order = order_of(*range(1, 10_001))
    assert order.move([10_000], QueueMove.TOP) == {10_000}
    assert order.move_to(5_000, 1) == {5_000}
    moved = [len(order.move_to(id_, 1)) for id_ in range(6_000, 6_500)]
    assert sum(moved) < 500 * 5
    assert order.position(6_000) == 500


def test_places_that_make_no_sense_are_replaced_by_some_that_do() -> None:
    order = order_of(1, 2)
    order.add(3, 1 << 200)
    order.add(4, -(1 << 200))
    order.add(1 << 61, None)
    order.add(5, 2 * GAP)
    assert order.ids() == [1, 2, 5, 3, 4, 1 << 61]
    assert all(-LIMIT < order.place(id_) < LIMIT for id_ in order.ids())


@given(st.lists(st.integers(-LIMIT - 2, LIMIT + 2), max_size=6), st.integers(0, 5))
def test_places_at_the_edge_leave_room_for_every_move(places: list[int], which: int) -> None:
    order = QueueOrder()
    for id_, place in enumerate(places, 1):
        order.add(id_, place)
    for where in QueueMove:
        order.move([which], where)
        order.move_to(which, 1)
    assert sorted(order.ids()) == list(range(1, len(places) + 1))
    assert all(-2 * LIMIT < order.place(id_) < 2 * LIMIT for id_ in order.ids())


class OrderMachine(RuleBasedStateMachine):
    """Any moves, and restarts from what the records keep."""

    ids = st.integers(1, 12)

    def __init__(self) -> None:
        super().__init__()
        self.order = QueueOrder()
        self.list: list[int] = []
        self.kept: dict[int, int] = {}

    def keep(self, changed: set[int]) -> None:
        self.kept.update((id_, self.order.place(id_)) for id_ in changed)

    @rule()
    def add(self) -> None:
        id_ = max([0, *self.list]) + 1
        self.order.add(id_, self.order.end)
        self.list.append(id_)
        self.keep({id_})

    @rule(id_=ids)
    def remove(self, id_: int) -> None:
        self.order.remove(id_)
        self.kept.pop(id_, None)
        if id_ in self.list:
            self.list.remove(id_)

    @rule(id_=ids, position=st.integers(0, 12))
    def move_to(self, id_: int, position: int) -> None:
        self.keep(self.order.move_to(id_, position))
        if id_ in self.list:
            self.list.remove(id_)
            self.list.insert(position, id_)

    @rule(ids=st.sets(ids), top=st.booleans())
    def to_an_end(self, ids: set[int], top: bool) -> None:
        self.keep(self.order.move(ids, QueueMove.TOP if top else QueueMove.BOTTOM))
        chosen = [id_ for id_ in self.list if id_ in ids]
        others = [id_ for id_ in self.list if id_ not in ids]
        self.list = chosen + others if top else others + chosen

    @rule(ids=st.sets(ids), up=st.booleans())
    def step(self, ids: set[int], up: bool) -> None:
        self.keep(self.order.move(ids, QueueMove.UP if up else QueueMove.DOWN))
        row: list[Any] = self.list if up else self.list[::-1]
        for number in range(1, len(row)):
            if row[number] in ids and row[number - 1] not in ids:
                row[number - 1], row[number] = row[number], row[number - 1]
        self.list = row if up else row[::-1]

    @rule()
    def restart(self) -> None:
        self.order = QueueOrder()
        for id_ in sorted(self.kept):
            self.order.add(id_, self.kept[id_])

    @invariant()
    def agrees(self) -> None:
        assert self.order.ids() == self.list
        assert [self.order.position(id_) for id_ in self.list] == list(range(len(self.list)))


OrderMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
TestOrder = OrderMachine.TestCase
