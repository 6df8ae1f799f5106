from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.torture.soak_log import not_for_users
from tests.torture.trend import go_on_until_sure, second_half, slope


def noisy(growth: float, *, seed: int = 1) -> list[tuple[float, float]]:
    rng = random.Random(seed)
    return [(at, 1000 + growth * at + rng.uniform(-50, 50)) for at in range(0, 300, 2)]


@pytest.mark.parametrize("growth", [0.0, 0.5, -2.0, 7.0])
def test_the_slope_is_found_in_noise_and_among_peaks(growth: float) -> None:
    samples = noisy(growth)
    for at in range(0, len(samples), 9):
        samples[at] = (samples[at][0], 9_999.0)
    assert slope(samples) == pytest.approx(growth, abs=0.3)


def test_what_is_filled_once_is_no_growth() -> None:
    samples = [(float(at), min(at, 100) * 10.0) for at in range(300)]
    assert slope(second_half(samples)) == 0


def test_too_few_samples_grow_by_nothing() -> None:
    assert slope([]) == slope([(1.0, 5.0)]) == slope([(1.0, 5.0), (1.0, 6.0)]) == 0
    assert second_half([]) == []


class Soaked:
    """What is measured of something whose size is told by the seconds that it was at work."""

    def __init__(self, size: Callable[[int], float], bound: float) -> None:
        self.size, self.bound = size, bound
        self.samples: list[tuple[float, float]] = []
        self.work(100)

    def work(self, seconds: float) -> None:
        begin = len(self.samples)
        self.samples += [(at, self.size(at)) for at in range(begin, begin + round(seconds))]

    def grows(self) -> bool:
        return slope(second_half(self.samples)) > self.bound


def test_who_is_sure_at_once_does_not_go_on() -> None:
    soaked = Soaked(lambda at: 7.0, bound=0.5)
    assert go_on_until_sure(soaked.work, soaked.grows, 100, 2) == 0
    assert len(soaked.samples) == 100


def test_what_settles_late_is_no_growth_with_twice_the_time() -> None:
    soaked = Soaked(lambda at: min(at, 120.0), bound=0.5)
    assert soaked.grows()
    assert go_on_until_sure(soaked.work, soaked.grows, 100, 2) == 1
    assert len(soaked.samples) == 200
    assert not soaked.grows()


def test_a_tooth_of_a_saw_that_is_as_long_as_the_soak_is_no_growth() -> None:
    soaked = Soaked(lambda at: at % 110.0, bound=0.5)
    assert soaked.grows()
    go_on_until_sure(soaked.work, soaked.grows, 100, 2)
    assert not soaked.grows()


def test_a_leak_grows_however_long_it_is_looked_at() -> None:
    soaked = Soaked(lambda at: at + 30 * (at % 7), bound=0.5)
    assert go_on_until_sure(soaked.work, soaked.grows, 100, 2) == 2
    assert len(soaked.samples) == 400
    assert soaked.grows()


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-01 10:00:00 info  v1 0: complete",
        "2026-01-01 10:00:00 error v1 0: /data/one/v1 0/big.bin: Input/output error",
        "2026-01-01 10:00:00 error v1 0: /data/one/v1 0: the file was removed while it was in use;"
        " verify the torrent",
        "2026-01-01 10:00:00 warn  the disk of /data/one is full; downloads wait until there is"
        " room",
    ],
)
def test_lines_that_a_user_can_act_on(line: str) -> None:
    assert list(not_for_users(line)) == []


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-01 10:00:00 error v1 0: list index out of range",
        "2026-01-01 10:00:00 critical session did not stop cleanly",
        "    Traceback (most recent call last):",
        "Unhandled error in Deferred:",
    ],
)
def test_lines_that_help_nobody(line: str) -> None:
    assert list(not_for_users(line)) == [line]
