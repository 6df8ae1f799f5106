"""p2pctl history: bars and rows of what was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from p2pd.clients.cli import history

NOW = 1_700_000_000
FIELDS = ("time", "downloaded_bytes", "uploaded_bytes", "rate_download", "rate_upload",
          "peak_rate_download", "peak_rate_upload", "peers_connected")  # fmt: skip


def span(*values: int) -> dict[str, int]:
    return dict(zip(FIELDS, values, strict=True))


ROWS = [
    span(NOW - 600, 1024 * 1024, 0, 4096, 0, 8192, 0, 3),
    span(NOW - 300, 2048 * 1024, 1024, 8192, 10, 9000, 20, 5),
]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history.time, "time", lambda: float(NOW))


def test_the_session_is_shown_as_bars(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["history_get"] = {
        "from": NOW - 900, "to": NOW + 1, "resolution": 300, "session": ROWS,
    }  # fmt: skip
    title, down, up = p2pctl("history", "--last", "15m").output.splitlines()
    assert title.startswith("session: since ")
    assert title.endswith("a step is 5m 00s")
    assert down.endswith("| 3.0 MiB, up to 8.0 KiB/s")
    assert up.endswith("| 1.0 KiB, up to 10 B/s")
    bars = down.split("|")[1]
    assert len(bars) == 4
    assert bars.strip() == "▄█"
    (asked,) = daemon.asked("history_get")
    assert (asked["from"], asked["to"]) == (NOW + 1 - 900, NOW + 1)
    assert 10 <= asked["points"] <= 200


def test_torrents_are_shown_each(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["history_get"] = {
        "from": NOW - 900, "to": NOW + 1, "resolution": 300,
        "torrents": [{"id": 1, "hash_string": "x", "rows": ROWS},
                     {"id": 2, "hash_string": "y", "rows": []}],
    }  # fmt: skip
    output = p2pctl("history", "1", "2").output
    assert "\x1b" not in output
    assert "1 Big Film" in output
    assert output.splitlines()[-1].endswith("| 0 B, up to idle")
    assert daemon.asked("history_get")[0]["ids"] == [1, 2]


def test_rows_and_json_have_the_numbers(p2pctl: Any, daemon: Any) -> None:
    answer = {"from": NOW - 900, "to": NOW + 1, "resolution": 300, "session": ROWS}
    daemon.answers["history_get"] = answer
    lines = p2pctl("history", "--rows").output.splitlines()
    assert lines[1].split()[:2] == ["begin", "downloaded"]
    assert "1.0 MiB" in lines[2]
    assert lines[3].split()[-1] == "5"
    assert json.loads(p2pctl("history", "--json").output) == answer


def test_a_time_is_words_that_are_known(p2pctl: Any) -> None:
    assert p2pctl("history", "--last", "soon").exit_code == 2
    assert p2pctl("history", "--last", "0h").exit_code == 2
