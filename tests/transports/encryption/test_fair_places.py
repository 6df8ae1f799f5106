"""Whose place in a full line goes to whom: to networks that have fewer, and nobody takes turns."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.transports.encryption.fair_places import FairPlaces, Path, Whose, path_of


def places(*hosts: str) -> FairPlaces:
    found = FairPlaces()
    for host in hosts:
        found.take(path_of(host))
    return found


def displaced(hosts: list[str], host: str) -> Whose | None:
    return places(*hosts).displaced_by(path_of(host))


CROWD = [f"7.7.{site}.{user}" for site in range(5) for user in range(5)]


@pytest.mark.parametrize(
    ("hosts", "host", "whose"),
    [
        ([], "8.8.8.8", None),
        (CROWD, "8.8.8.8", "7.7.4.4"),
        (CROWD, "7.7.9.9", "7.7.4.4"),
        ([*CROWD, "7.7.2.0"], "7.7.9.9", "7.7.2.0"),
        (CROWD, "7.7.2.9", None),  # a customer that has its share has no more users than others
        ([*CROWD, "7.7.2.0"], "7.7.2.9", "7.7.2.0"),
        ([*CROWD, "7.7.2.0", "7.7.2.0"], "7.7.2.0", None),
        (["7.7.7.7", "7.7.7.7"], "7.7.7.7", None),
        (["7.7.7.7", "6.6.6.6"], "8.8.8.8", None),  # all have one
        (["7.7.7.7"] * 2, "8.8.8.8", "7.7.7.7"),
        (["7.7.7.7"] * 2 + ["8.8.8.8"], "8.8.8.8", None),
        (["7.7.7.7"] * 3 + ["8.8.8.8"], "8.8.8.8", "7.7.7.7"),
    ],
)
def test_who_gives_way(hosts: list[str], host: str, whose: str | None) -> None:
    assert displaced(hosts, host) == whose


@pytest.mark.parametrize(
    "host_of",
    [
        lambda number: f"2001:db8::{number:x}:0:0:1",  # many /64s of one customer
        lambda number: f"2001:db8:{number:x}::1",  # many /48s of one provider
        lambda number: f"7.7.7.{number}",
        lambda number: f"7.7.{number}.7",
    ],
)
def test_a_network_that_fills_the_line_has_no_more_than_its_half_beside_another(
    host_of: object,
) -> None:
    assert callable(host_of)
    line, waiting = FairPlaces(), list[Path]()
    for number in range(128):
        waiting.append(path_of(host_of(number)))
        line.take(waiting[-1])
    came = 0
    for number in range(128):
        path = path_of(f"8.8.{number}.8")
        user = line.displaced_by(path)
        if user is None:
            continue
        newest = max(at for at, each in enumerate(waiting) if each[-1] == user)
        line.leave(waiting.pop(newest))
        line.take(path)
        waiting.append(path)
        came += 1
    assert came == 64


class Slow:
    """The same, looked for."""

    def __init__(self) -> None:
        self.paths: list[Path] = []

    def most(self, below: tuple[Whose, ...]) -> int:
        return max(self.counts(below).values(), default=0)

    def counts(self, below: tuple[Whose, ...]) -> Counter[Whose]:
        depth = len(below)
        return Counter(path[depth] for path in self.paths if path[:depth] == below)

    def may_be_displaced(self, path: Path) -> set[Whose]:
        for depth, whose in enumerate(path):
            counts = self.counts(path[:depth])
            if counts[whose] + 1 < self.most(path[:depth]):
                below = [path[:depth]]
                while len(below[0]) < 3:
                    below = [
                        (*one, each)
                        for one in below
                        for each, count in self.counts(one).items()
                        if count == self.most(one)
                    ]
                return {one[-1] for one in below}
        return set()


HOSTS = st.sampled_from(
    [f"7.{a}.{b}.{c}" for a in range(3) for b in range(2) for c in range(2)]
    + [f"2001:db{a}:{b}:{c}::1" for a in range(3) for b in range(2) for c in range(2)]
)


@given(st.lists(st.tuples(HOSTS, st.booleans()), max_size=60), HOSTS)
def test_who_has_most_is_known_whoever_came_and_left(
    steps: list[tuple[str, bool]], host: str
) -> None:
    quick, slow = FairPlaces(), Slow()
    for each, leaves in steps:
        path = path_of(each)
        if leaves and path in slow.paths:
            slow.paths.remove(path)
            quick.leave(path)
        else:
            slow.paths.append(path)
            quick.take(path)
    allowed, found = slow.may_be_displaced(path_of(host)), quick.displaced_by(path_of(host))
    assert found in allowed if allowed else found is None
    for path in slow.paths:
        quick.leave(path)
    assert not quick._crowds, "nothing is kept of who left"
