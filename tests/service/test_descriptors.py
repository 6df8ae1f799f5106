"""File descriptors: taken as far as they go, and shared out so that everybody has some."""

from __future__ import annotations

import resource
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.service.descriptors import FEWEST_FILES, MOST, raise_limit, share


def test_what_fits_is_left_as_it_is() -> None:
    shares = share(1024, files=256, connections=500, tracker=False)
    assert (shares.files, shares.remark) == (256, "")
    assert shares.connections == 1024 - 256 - 256
    assert share(65_536, files=256, connections=500, tracker=True).connections == 63_024


def test_what_does_not_fit_is_lowered_and_said() -> None:
    shares = share(256, files=256, connections=500, tracker=False)
    assert (shares.files, shares.connections) == (65, 127)
    assert shares.remark == (
        "the limit of 256 file descriptors (ulimit -n) holds no 500 connections and 256 open "
        "files: they are 127 and 65 at most"
    )


@given(
    st.integers(40, 10**6), st.integers(8, 100_000), st.integers(1, 65_535), st.booleans()
)  # fmt: skip
def test_shares_never_exceed_the_limit(
    limit: int, files: int, connections: int, tracker: bool
) -> None:
    shares = share(limit, files=files, connections=connections, tracker=tracker)
    assert shares.files + shares.connections <= limit - min(256, limit // 4)
    assert FEWEST_FILES <= shares.files <= files
    assert shares.connections >= 1
    assert bool(shares.remark) == (shares.connections < connections or shares.files < files)


class Limits:
    """The system's limits of a process."""

    def __init__(self, soft: int, hard: int, *, fixed: bool = False) -> None:
        self.both = (soft, hard)
        self._fixed = fixed

    def get(self, which: int) -> tuple[int, int]:
        return self.both

    def set(self, which: int, both: tuple[int, int]) -> None:
        if self._fixed:
            raise ValueError("not allowed to raise maximum limit")
        self.both = both


@pytest.mark.parametrize(
    ("limits", "got", "after"),
    [
        (Limits(1024, 4096), 4096, (4096, 4096)),
        (Limits(4096, 4096), 4096, (4096, 4096)),
        (Limits(1024, 4096, fixed=True), 1024, (1024, 4096)),
        (Limits(1024, resource.RLIM_INFINITY), MOST, (MOST, MOST)),
        (Limits(resource.RLIM_INFINITY, resource.RLIM_INFINITY), MOST, (-1, -1)),
    ],
)
def test_the_limit_is_raised_as_far_as_it_goes(
    limits: Limits, got: int, after: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.set)
    assert raise_limit() == got
    assert limits.both == after
