"""Memory that the C library need not keep: when it is asked to give it back."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from twisted.internet.task import Clock

from p2pd.service import spare_memory
from p2pd.service.spare_memory import GROWN, LOOK_SECONDS, SpareMemory


class Process:
    """One that holds so much, and would give back so much; what threads do is done at once."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.size, self.spare, self.trims = 50 * GROWN, 5 * GROWN, 0
        self.memory = SpareMemory(self.clock, self, trim=self.trim, resident=lambda: self.size)
        self.memory.start()

    def run(self, kind: str, job: Callable[..., Any], *args: Any) -> None:
        job(*args)

    def trim(self) -> None:
        self.trims += 1
        self.size, self.spare = self.size - self.spare, 0


def test_it_is_given_back_when_the_process_has_grown() -> None:
    process = Process()
    process.clock.advance(LOOK_SECONDS)
    assert (process.trims, process.size) == (1, 45 * GROWN)
    process.size += GROWN - 1
    process.clock.advance(LOOK_SECONDS)
    assert process.trims == 1
    process.size += 1
    process.clock.advance(LOOK_SECONDS)
    assert process.trims == 2


def test_after_a_stop_nobody_looks() -> None:
    process = Process()
    process.memory.stop()
    assert process.clock.getDelayedCalls() == []


def test_where_there_is_no_such_call_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare_memory, "_trim_of_libc", lambda: None)
    clock = Clock()
    memory = SpareMemory(clock, Process())
    memory.start()
    assert clock.getDelayedCalls() == []
    memory.stop()


def test_the_real_calls_answer() -> None:
    assert spare_memory._resident() > GROWN
    trim = spare_memory._trim_of_libc()
    if trim is not None:
        assert trim() in (0, 1)
