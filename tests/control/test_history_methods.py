"""history_get: whom it is about, what is told of each row, and its bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from p2pd.base.errors import P2pdError
from p2pd.control.errors import RpcCode
from p2pd.session.history_api import SESSION, History, Span
from tests.control.fake_torrents import NOW

FIRST = bytes([1]) * 20
AT = int(NOW) - 600


class FakeHistory:
    """Has two rows of every subject."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.fails_with: P2pdError | None = None

    async def read(
        self, subjects: Sequence[bytes], since: int, until: int, most_rows: int
    ) -> History:
        self.asked.append((tuple(subjects), since, until, most_rows))
        if self.fails_with is not None:
            raise self.fails_with
        rows = [Span(AT, 6000, 600, 100, 50, 3, 4), Span(int(NOW) - 100, 1000, 200, 9, 8, 7, 6)]
        return History(since, until, 300, int(NOW), dict.fromkeys(subjects, rows))


@pytest.fixture
def history(session: Any) -> FakeHistory:
    session.history = FakeHistory()
    return session.history


def test_without_ids_it_is_the_session_of_a_day(caller: Any, history: FakeHistory) -> None:
    result = caller.call("history_get").result
    assert history.asked == [((SESSION,), int(NOW) + 1 - 86_400, int(NOW) + 1, 300)]
    assert result["resolution"] == 300
    assert result["session"] == [
        {"time": AT, "downloaded_bytes": 6000, "uploaded_bytes": 600, "rate_download": 20,
         "rate_upload": 2, "peak_rate_download": 100, "peak_rate_upload": 50,
         "peers_connected": 3, "active_torrent_count": 4},
        {"time": int(NOW) - 100, "downloaded_bytes": 1000, "uploaded_bytes": 200,
         "rate_download": 10, "rate_upload": 2, "peak_rate_download": 9, "peak_rate_upload": 8,
         "peers_connected": 7, "active_torrent_count": 6},
    ]  # fmt: skip


def test_torrents_have_rows_each_as_a_table_of_the_fields_asked_for(
    caller: Any, history: FakeHistory
) -> None:
    asked = {"from": 1000, "to": 2000, "points": 7, "format": "table"}
    fields = ["status", "nonsense", "time"]
    result = caller.call("history_get", ids=[1, 2, 99], fields=fields, **asked).result
    assert history.asked == [((FIRST, bytes([2]) * 20), 1000, 2000, 14)]
    assert result["from"] == 1000
    assert result["to"] == 2000
    first, second = result["torrents"]
    assert first == {
        "id": 1,
        "hash_string": FIRST.hex(),
        "rows": [["status", "time"], [4, AT], [6, int(NOW) - 100]],
    }
    assert second["id"] == 2


def test_a_removed_torrent_is_known_by_its_hash(caller: Any, history: FakeHistory) -> None:
    result = caller.call("history_get", ids=["AB" * 20, "cd", 77]).result
    (torrent,) = result["torrents"]
    assert torrent["id"] is None
    assert torrent["hash_string"] == "ab" * 20
    assert history.asked[0][0] == (b"\xab" * 20,)


def test_no_torrents_at_all_have_no_history(caller: Any, history: FakeHistory) -> None:
    assert caller.call("history_get", ids=[]).result["torrents"] == []
    assert history.asked == []


def test_an_answer_is_bounded(caller: Any, session: Any, history: FakeHistory) -> None:
    session.all = [type(session.all[0])(number) for number in range(1, 102)]
    code, words = caller.call("history_get", ids=list(range(1, 102))).error
    assert code == RpcCode.INVALID_PARAMS
    assert "more than 100" in words
    caller.call("history_get", ids=list(range(1, 101)), points=20_000)
    assert history.asked[-1][3] == 20_000


@pytest.mark.parametrize(
    "params",
    [
        {"from": 5, "to": 5},
        {"from": -1},
        {"to": 2**41},
        {"points": 0},
        {"points": 20_001},
        {"format": "csv"},
        {"fields": "time"},
        {"from": 1.5},
    ],
)
def test_what_makes_no_sense_is_refused(
    caller: Any, history: FakeHistory, params: dict[str, Any]
) -> None:
    assert caller.call("history_get", **params).error[0] == RpcCode.INVALID_PARAMS
    assert history.asked == []


def test_a_refusal_of_the_file_is_told(caller: Any, history: FakeHistory) -> None:
    history.fails_with = P2pdError("the disk is gone")
    assert "the disk is gone" in caller.call("history_get").error[1]
