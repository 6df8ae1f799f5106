"""Pickles as data: plain values come out as they went in, and nothing is called."""

from __future__ import annotations

import contextlib
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.formats.foreign.deluge import read_state
from p2pd.formats.foreign.plain_pickle import PickleError, PlainObject, read_pickle

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.tuples(inner)
        | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


class Thing:
    """Something with attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Trap:
    """Unpickling this would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@given(value=PLAIN, protocol=st.sampled_from([0, 1, 2]))
def test_plain_values_come_out_as_they_went_in(value: Any, protocol: int) -> None:
    assert read_pickle(pickle.dumps(value, protocol=protocol)) == value


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_objects_are_their_attributes(protocol: int) -> None:
    shared = [1]
    found = read_pickle(pickle.dumps(Thing(a=1, b=[Thing(c=shared)], d=shared), protocol=protocol))
    assert isinstance(found, PlainObject)
    assert found.kind.endswith("Thing")
    assert found.attributes["a"] == 1
    (inner,) = found.attributes["b"]
    assert inner.attributes["c"] is found.attributes["d"]


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_nothing_is_called(tmp_path: Path, protocol: int) -> None:
    trap = tmp_path / "called"
    data = pickle.dumps(Trap(trap), protocol=protocol)
    with contextlib.suppress(PickleError):
        read_pickle(data)
    assert not trap.exists()
    pickle.loads(data)
    assert trap.exists()


def test_what_would_be_called_is_a_name() -> None:
    found = read_pickle(b"cos\nsystem\n(S'true'\ntR.")
    assert isinstance(found, PlainObject)
    assert (found.kind, found.attributes) == ("os system", {})


def test_what_needs_more_is_refused() -> None:
    for data in (
        b"", b".", b"(.", b"N", b"not a pickle", b"]q\x00h\x01.", b"a.", b"N)b.", b"(S'a'\nd.",
        b"Pid\n.", b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00.", b"I9e\n.", b"N(i.",
    ):  # fmt: skip
        with pytest.raises(PickleError):
            read_pickle(data)


def test_the_state_of_deluge_1_3_is_read() -> None:
    data = (
        b"(ideluge.core.torrentmanager\nTorrentManagerState\np1\n(dp2\nS'torrents'\np3\n(lp4\n"
        b"(ideluge.core.torrentmanager\nTorrentState\np5\n(dp6\nS'torrent_id'\nS'" + b"ab" * 20
        + b"'\nsS'paused'\nI01\nsS'max_upload_speed'\nF-1.0\nsba"
        b"(ideluge.core.torrentmanager\nTorrentState\n(dS'torrent_id'\nS'no hash'\nsbasb."
    )  # fmt: skip
    (choices,) = read_state(data)
    assert choices.info_hash == "ab" * 20
    assert choices.values["paused"] is True
    assert choices.number("max_upload_speed") == -1
