"""The memory budget: its bound, its one exception, its fairness between sizes, and its waiting."""

from __future__ import annotations

from p2pd.session.memory_budget import MemoryBudget


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
