"""The clock of the simulator: in order, and only once."""

from __future__ import annotations

from p2pd.testing.sim.event_clock import EventClock


def test_calls_are_made_at_their_time_and_in_order() -> None:
    clock = EventClock()
    made: list[tuple[str, float]] = []

    def note(name: str) -> None:
        made.append((name, clock.seconds()))

    clock.callLater(2.0, note, "late")
    clock.callLater(1.0, note, "early")
    clock.callLater(1.0, lambda: clock.callLater(0.0, note, name="nested"))
    clock.callLater(1.0, note, "second")
    clock.run_to(1.5)
    assert made == [("early", 1.0), ("second", 1.0), ("nested", 1.0)]
    assert clock.seconds() == 1.5
    clock.run_to(5.0)
    assert made[-1] == ("late", 2.0)
    assert clock.events == 5


def test_a_cancelled_call_is_not_made() -> None:
    clock = EventClock()
    made: list[int] = []
    call = clock.callLater(1.0, made.append, 1)
    assert call.active()
    call.cancel()
    assert not call.active()
    clock.run_to(2.0)
    assert not made
    other = clock.callLater(1.0, made.append, 2)
    clock.run_to(4.0)
    assert made == [2]
    assert not other.active()
