"""p2pctl blocklist."""

from __future__ import annotations

import json
from typing import Any

import pytest

STATUS = {
    "checked_date": 1_700_000_900, "failures": 0, "next_date": 0, "problem": "",
    "skipped_lines": 0, "source": "http://lists.test/a.gz", "tried_date": 1_700_000_900,
    "turned_away": 0, "updated_date": 1_700_000_000, "updating": False,
}  # fmt: skip
FOUND = {
    "blocklist_enabled": True, "blocklist_size": 2, "blocklist_url": "http://lists.test/a.gz",
    "blocklist_status": STATUS,
}  # fmt: skip


@pytest.fixture(autouse=True)
def answer(daemon: Any) -> dict[str, Any]:
    found: dict[str, Any] = {**FOUND, "blocklist_status": dict(STATUS)}
    daemon.answers["session_get"] = found
    return found


def test_it_is_shown(p2pctl: Any) -> None:
    first, second, third = p2pctl("blocklist").output.splitlines()
    assert first == "on, 2 ranges of addresses"
    assert second == "from http://lists.test/a.gz"
    assert third.startswith("it came ")
    assert third.endswith("next never")


def test_what_went_wrong_is_shown(p2pctl: Any, answer: dict[str, Any]) -> None:
    answer["blocklist_enabled"] = False
    answer["blocklist_url"] = "/other"
    answer["blocklist_status"] |= {
        "failures": 2, "problem": "gone\x1b[31m", "skipped_lines": 1, "turned_away": 3,
        "updating": True, "updated_date": 0,
    }  # fmt: skip
    lines = p2pctl("blocklist").output.splitlines()
    assert lines[:3] == [
        "off, 2 ranges of addresses",
        "from /other",
        "what is there is from http://lists.test/a.gz",
    ]
    assert lines[3:5] == ["1 line made no sense", "it is being looked for now"]
    assert lines[5].startswith("2 failures, the last ")
    assert "\x1b" not in lines[5]
    assert lines[6] == "3 connections turned away"


def test_nothing_is_set(p2pctl: Any, answer: dict[str, Any]) -> None:
    answer |= {"blocklist_size": 0, "blocklist_url": ""}
    answer["blocklist_status"]["updated_date"] = 0
    assert "from nowhere" in p2pctl("blocklist").output


def test_json(p2pctl: Any, answer: dict[str, Any]) -> None:
    assert json.loads(p2pctl("blocklist", "--json").output) == answer
    assert json.loads(p2pctl("blocklist", "on", "--json").output) == answer


@pytest.mark.parametrize(("word", "enabled"), [("on", True), ("off", False)])
def test_it_is_switched(p2pctl: Any, daemon: Any, word: str, enabled: bool) -> None:
    assert "2 ranges" in p2pctl("blocklist", word).output
    assert daemon.asked("session_set") == [{"blocklist_enabled": enabled}]


def test_a_source_is_set_and_asked(p2pctl: Any, daemon: Any) -> None:
    assert p2pctl("blocklist", "set", "http://lists.test/a.gz").exit_code == 0
    assert daemon.asked("session_set") == [{"blocklist_url": "http://lists.test/a.gz"}]
    assert daemon.patiently == ["blocklist_update"]
    assert p2pctl("blocklist", "set", "").exit_code == 0
    assert daemon.patiently == ["blocklist_update"]


def test_it_is_updated_or_it_says_why_not(p2pctl: Any, daemon: Any) -> None:
    assert p2pctl("blocklist", "update").exit_code == 0
    assert daemon.patiently == ["blocklist_update"]
    error = {"code": 8, "message": "x", "data": {"error_string": "lists.test: it answered 404"}}
    daemon.answers["blocklist_update"] = {"error": error}
    refused = p2pctl("blocklist", "update")
    assert refused.exit_code == 1
    assert "it answered 404" in refused.output
