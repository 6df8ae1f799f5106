"""Speed limits as settings: what is refused, alternative speeds, and their weekly schedule."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from p2pd.base.errors import P2pdError
from p2pd.session.rate_limits import RateLimits
from p2pd.testing import MemoryNetwork, SimNode


def settle(node: SimNode, **changes: Any) -> None:
    node.network.result(node.control.change_settings(changes))


def test_alternative_speeds_take_the_place_of_both(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", speed_limit_up=900, speed_limit_up_enabled=True)

    def in_force() -> tuple[int | None, int | None]:
        summary = node.control.summary()
        return summary.limit_down, summary.limit_up

    assert in_force() == (None, 900_000)
    settle(node, alt_speed_enabled=True, alt_speed_down=70)
    assert in_force() == (70_000, 50_000)
    settle(node, alt_speed_enabled=False)
    assert in_force() == (None, 900_000)
    assert node.saved_settings["alt_speed_down"] == 70


class Scheduled:
    """A session whose local time is UTC, from a moment of a week on."""

    def __init__(self, network: MemoryNetwork, at: datetime, **settings: Any) -> None:
        self.network = network
        self.node = SimNode(network, "10.0.0.1", alt_speed_down=10, alt_speed_up=10)
        session, before = self.node.session, network.clock.seconds()
        session.rates = RateLimits(
            session,
            network.clock,
            lambda: at.timestamp() + network.clock.seconds() - before,
            time.gmtime,
        )
        settle(self.node, alt_speed_time_enabled=True, **settings)

    def on_after(self, seconds: float) -> bool:
        """Whether the alternative speeds hold so much later; the tick may be a second late."""
        self.network.run(seconds)
        on = self.node.control.settings.alt_speed_enabled
        assert self.node.control.summary().limit_down == (10_000 if on else None)
        return on


def moment(day: int, hour: int, minute: int, second: int = 0) -> datetime:
    """In November 2026; the 22nd is a Sunday."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


def test_the_schedule_turns_at_its_minutes(network: MemoryNetwork) -> None:
    """Mondays from nine to five, by the defaults of Transmission."""
    at = Scheduled(network, moment(23, 8, 59, 50), alt_speed_time_day=2)
    assert not at.on_after(9)
    assert at.on_after(2.5)
    assert at.on_after(8 * 3600 - 5)
    assert not at.on_after(5)
    assert not at.on_after(16 * 3600)


def test_the_schedule_goes_over_midnight_and_the_end_of_the_week(network: MemoryNetwork) -> None:
    at = Scheduled(
        network, moment(21, 22, 59, 30),
        alt_speed_time_begin=23 * 60, alt_speed_time_end=60, alt_speed_time_day=64,
    )  # fmt: skip
    assert not at.on_after(29)
    assert at.on_after(3)
    assert at.on_after(3600), "it is Sunday now, but the night began on Saturday"
    assert at.on_after(3600 - 10)
    assert not at.on_after(10)
    assert not at.on_after(22 * 3600)


def test_what_a_user_sets_holds_until_the_schedule_turns(network: MemoryNetwork) -> None:
    at = Scheduled(network, moment(23, 10, 0))
    assert at.on_after(0)
    settle(at.node, alt_speed_enabled=False)
    assert not at.on_after(6 * 3600)
    settle(at.node, alt_speed_enabled=True)
    assert at.on_after(3590)
    assert not at.on_after(15)
    assert at.on_after(16 * 3600)
    settle(at.node, alt_speed_time_enabled=False)
    assert at.node.saved_settings["alt_speed_enabled"] is True
    assert at.on_after(24 * 3600)


@pytest.mark.parametrize(
    "wrong",
    [{"label_rules": []}, {"label_rules": {"a,b": {}}}, {"label_rules": {" ": {}}},
     {"label_rules": {"a": {"down": 1}}}, {"label_rules": {"a": {"speed_limit_up": -1}}},
     {"label_rules": {"a": 5}}, {"alt_speed_time_day": 128}, {"alt_speed_time_end": 1441},
     {"speed_limit_up": 1.5}, {"limit_local_peers": 1}],
)  # fmt: skip
def test_what_is_no_limit_is_refused(network: MemoryNetwork, wrong: dict[str, Any]) -> None:
    node = SimNode(network, "10.0.0.1")
    with pytest.raises(P2pdError, match=next(iter(wrong))):
        settle(node, speed_limit_down=7, **wrong)
    assert node.control.settings.speed_limit_down == 100
