"""The memory budget: its bound, its one exception, fairness of sizes and devices, its waiting."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from p2pd.session.disks.memory_budget import MemoryBudget, MemoryShare


def test_no_more_is_opened_than_fits() -> None:
    budget = MemoryBudget(100)
    assert budget.room_for(30) == 3
    budget.take(90)
    assert budget.room_for(30) == 0
    budget.give(60)
    assert budget.room_for(30) == 2


def test_a_piece_larger_than_the_budget_is_opened_alone() -> None:
    budget = MemoryBudget(100)
    assert budget.room_for(500) == 1
    budget.take(500)
    assert budget.room_for(10) == 0


def test_small_pieces_do_not_starve_a_large_one() -> None:
    budget = MemoryBudget(100)
    budget.take(100)
    opened: list[int] = []

    def open_large() -> None:
        if budget.room_for(80):
            budget.take(80)
            opened.append(80)
        else:
            budget.call_when_free(open_large)

    open_large()
    for _ in range(7):
        budget.give(10)
        assert budget.room_for(10) == 0, "what comes free is kept for the large piece"
    budget.give(10)
    assert opened == [80]
    budget.give(20)
    assert budget.room_for(10) == 2


def test_nothing_is_kept_for_who_no_longer_wants_it() -> None:
    budget = MemoryBudget(100)
    budget.take(100)
    assert budget.room_for(80) == 0
    budget.give(90)
    assert budget.room_for(10) == 9


def test_who_waits_is_called_once_when_bytes_come_free() -> None:
    budget = MemoryBudget(100)
    budget.take(100)
    called: list[str] = []

    def first() -> None:
        called.append("first")

    budget.call_when_free(first)
    budget.call_when_free(lambda: called.append("second"))
    budget.call_when_free(first)
    budget.give(10)
    budget.give(10)
    assert called == ["first", "second"]


# -- shares of devices -----------------------------------------------------------------------------


def test_a_device_alone_has_everything() -> None:
    budget = MemoryBudget(100)
    share = budget.share()
    budget.share()
    assert share.room_for(10) == 10
    share.take(60)
    assert share.room_for(10) == 4


def test_two_devices_divide_it_evenly_when_there_is_too_little() -> None:
    budget = MemoryBudget(100)
    slow, fast = budget.share(), budget.share()
    slow.take(100)
    assert fast.room_for(10) == 0
    slow.give(10)
    assert slow.room_for(10) == 0, "it has more than its half, and the other one wants it"
    assert fast.room_for(10) == 1
    fast.take(10)
    for _ in range(4):
        slow.give(10)
        assert slow.room_for(10) == 0
        assert fast.room_for(10) == 1
        fast.take(10)
    assert (slow.used, fast.used) == (50, 50)
    slow.give(10)
    assert (slow.room_for(10), fast.room_for(10)) == (1, 0)


def test_a_device_may_always_open_one_piece_that_is_larger_than_its_half() -> None:
    budget = MemoryBudget(100)
    one, other = budget.share(), budget.share()
    other.take(10)
    assert one.room_for(80) == 1
    one.take(80)
    other.give(10)
    other.take(10)
    assert other.room_for(10) == 1


def test_what_is_held_up_behind_a_dead_disk_is_in_nobodys_way() -> None:
    budget = MemoryBudget(100)
    dead, alive = budget.share(), budget.share()
    dead.take(100)
    called: list[str] = []
    assert alive.room_for(10) == 0
    alive.call_when_free(lambda: called.append("free"))
    dead.hold_up(True)
    assert called == ["free"]
    assert (dead.room_for(10), alive.room_for(10)) == (0, 10)
    alive.take(100)
    dead.give(10)
    assert (budget.used, dead.used, alive.room_for(10)) == (100, 90, 0)
    dead.hold_up(False)
    assert budget.used == 190
    dead.give(90)
    alive.give(50)
    assert dead.room_for(10) == 5


def test_a_share_that_wants_nothing_any_more_keeps_nothing_from_the_others() -> None:
    budget = MemoryBudget(100)
    one, other = budget.share(), budget.share()
    one.take(100)
    assert other.room_for(10) == 0
    one.give(60)
    assert one.room_for(10) == 1
    budget.forget_wishes()
    assert one.room_for(10) == 6


ACTION = st.tuples(
    st.integers(0, 2), st.sampled_from(["open", "close", "hold up", "go on"]), st.integers(1, 120)
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTION, max_size=60))
def test_the_sum_is_right_and_the_bound_holds(actions: list[tuple[int, str, int]]) -> None:
    budget = MemoryBudget(100)
    shares = [budget.share() for _ in range(3)]
    opened: list[list[int]] = [[], [], []]
    held = [False] * 3

    def act(number: int, what: str, size: int) -> None:
        share: MemoryShare = shares[number]
        if what == "open" and share.room_for(size) > 0:
            share.take(size)
            opened[number].append(size)
        elif what == "close" and opened[number]:
            share.give(opened[number].pop())
        elif what == "hold up" and not held[number]:
            share.hold_up(True)
            held[number] = True
        elif what == "go on" and held[number]:
            share.hold_up(False)
            held[number] = False

    for number, what, size in actions:
        before: Any = budget.used
        act(number, what, size)
        assert [share.used for share in shares] == [sum(sizes) for sizes in opened]
        going = [sum(sizes) for sizes, stuck in zip(opened, held, strict=True) if not stuck]
        assert budget.used == sum(going)
        if what == "open" and budget.used > before:
            assert budget.used <= budget.limit or before == 0
    for number, sizes in enumerate(opened):
        while sizes:
            act(number, "close", 0)
        if held[number]:
            act(number, "go on", 0)
    assert budget.used == 0
    assert all(share.room_for(10) for share in shares)
