"""Transmission's older dialect: what comes of calls in it, and how their answers look."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.control.errors import RpcCode, RpcError
from p2pd.control.methods.session_fields import SETTING_GETTERS
from p2pd.control.methods.torrent_fields import TORRENT_COLUMNS, Column
from p2pd.control.older_dialect import (
    call_of,
    current_name,
    failure,
    is_older,
    older_columns,
    success,
)

OLDER_FIELDS = {
    "activity_date": "activityDate", "download_dir": "downloadDir", "file_count": "file-count",
    "file_stats": "fileStats", "hash_string": "hashString", "peer_limit": "peer-limit",
    "peers_getting_from_us": "peersGettingFromUs", "primary_mime_type": "primary-mime-type",
    "total_size": "totalSize",
}  # fmt: skip


@pytest.mark.parametrize(
    ("older", "current"),
    [
        ("torrent-get", "torrent_get"), ("downloadDir", "download_dir"),
        ("download-dir", "download_dir"), ("isUTP", "is_utp"),
        ("seedRatioLimited", "seed_ratio_limited"),
        ("speed-limit-down-enabled", "speed_limit_down_enabled"), ("id", "id"),
        ("cache-size-mb", "cache_size_mib"), ("torrent_get", "torrent_get"),
        ("delete-local-data", "delete_local_data"), ("fromLtep", "from_ltep"),
    ],
)  # fmt: skip
def test_names(older: str, current: str) -> None:
    assert current_name(older) == current


def test_every_field_and_setting_can_be_asked_for_by_its_older_name() -> None:
    columns = older_columns(TORRENT_COLUMNS)
    assert {name: columns[name].name for name in OLDER_FIELDS} == OLDER_FIELDS
    assert {name: current_name(column.name) for name, column in columns.items()} == {
        name: name for name in columns
    }
    call = call_of({"method": "session-get"})
    settings = success(call, dict.fromkeys(SETTING_GETTERS))["arguments"]
    assert {current_name(name) for name in settings} == set(SETTING_GETTERS)


def test_a_call_is_the_newer_one_with_the_tag_for_an_id() -> None:
    arguments = {"ids": "recently-active", "fields": ["id", "downloadDir"], "format": "table"}
    call = call_of({"method": "torrent-get", "arguments": arguments, "tag": 4})
    assert (call.method, call.id, call.notification) == ("torrent_get", 4, False)
    assert call.params == {
        "ids": "recently_active", "fields": ["id", "download_dir"], "format": "table",
    }  # fmt: skip


def test_what_is_data_stays_as_it_is() -> None:
    fixed = {"some_words": {"My-Label": {"download_limit": 5}}}
    call = call_of({"method": "session-set", "arguments": {"some-words": fixed["some_words"]}})
    assert call.params == fixed
    answer = success(call_of({"method": "session-get"}), fixed)
    assert answer == {"arguments": {"some-words": fixed["some_words"]}, "result": "success"}


def test_words_for_encryption_have_changed() -> None:
    call = call_of({"method": "session-set", "arguments": {"encryption": "tolerated"}})
    assert call.params == {"encryption": "allowed"}
    answer = success(call_of({"method": "session-get"}), {"encryption": "allowed"})
    assert answer["arguments"] == {"encryption": "tolerated"}


@pytest.mark.parametrize(
    ("method", "result", "arguments"),
    [
        (
            "session-stats",
            {"torrent_count": 1, "current_stats": {"uploaded_bytes": 2}},
            {"torrentCount": 1, "current-stats": {"uploadedBytes": 2}},
        ),
        (
            "session-get",
            {"peer_port": 1, "seed_ratio_limit": 2.0, "units": {"speed_bytes": 1000}},
            {"peer-port": 1, "seedRatioLimit": 2.0, "units": {"speed-bytes": 1000}},
        ),
        (
            "torrent-add",
            {"torrent_added": {"id": 1, "hash_string": "ab", "name": "x_y"}},
            {"torrent-added": {"id": 1, "hashString": "ab", "name": "x_y"}},
        ),
        (
            "free-space",
            {"path": "/a_b", "size_bytes": 1, "total_size": 2},
            {"path": "/a_b", "size-bytes": 1, "total_size": 2},
        ),
        (
            "group-get",
            {"group": [{"name": "a", "honors_session_limits": True, "speed_limit_up": 5}]},
            {"group": [{"name": "a", "honorsSessionLimits": True, "speed-limit-up": 5}]},
        ),
        ("torrent-start", {}, {}),
    ],
)
def test_results(method: str, result: dict[str, Any], arguments: dict[str, Any]) -> None:
    answer = success(call_of({"method": method, "tag": 9}), result)
    assert answer == {"arguments": arguments, "result": "success", "tag": 9}


def test_objects_within_torrents_have_older_names_and_wanted_is_numbers() -> None:
    values: dict[str, Any] = {
        "files": [{"bytes_completed": 1, "name": "a_b"}],
        "peers_from": {"from_lpd": 2},
        "wanted": [True, False],
        "labels": ["a_b"],
    }
    columns = {
        name: Column(name, lambda torrent, now, value=value: value)  # type: ignore[misc]
        for name, value in values.items()
    }
    torrent: Any = None
    shown = [column.get(torrent, 0.0) for column in older_columns(columns).values()]
    assert shown == [[{"bytesCompleted": 1, "name": "a_b"}], {"fromLpd": 2}, [1, 0], ["a_b"]]


def test_errors_are_sentences_in_the_place_of_success() -> None:
    error = RpcError(RpcCode.CORRUPT_TORRENT, "piece 3 is twice in it")
    assert failure(7, error) == {"arguments": {}, "result": "piece 3 is twice in it", "tag": 7}
    plain = failure(None, RpcError(RpcCode.CORRUPT_TORRENT))
    assert plain == {"arguments": {}, "result": "invalid or corrupt torrent file"}


@pytest.mark.parametrize(
    "value", [{}, {"method": 5}, {"method": "torrent-get", "arguments": [1]}, {"arguments": {}}]
)
def test_what_is_no_call_is_refused(value: Any) -> None:
    assert is_older(value)
    with pytest.raises(RpcError):
        call_of(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["method", "arguments", "tag"]) | st.text(), JSON))
def test_whatever_comes_is_a_call_or_refused(value: dict[str, Any]) -> None:
    try:
        call = call_of(value)
    except RpcError:
        return
    assert call_of({"method": call.method, "arguments": call.params}).params == call.params
