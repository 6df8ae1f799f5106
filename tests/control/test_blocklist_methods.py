"""blocklist_update, and the blocklist in session_get and session_set."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.formats.blocklist import BlocklistError
from p2pd.session.blocklist.blocklist_source import ListProblem, ListSourceError
from tests.control.fake_torrents import NOW


def test_an_update_answers_the_size(caller: Any) -> None:
    assert caller.call("blocklist_update").result == {"blocklist_size": 9}


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (ListSourceError(ListProblem.HTTP, "lists.test: it answered 404"), 8),
        (ListSourceError(ListProblem.SYSTEM, "/list cannot be read"), 5),
        (BlocklistError("it is a web page"), 10),
    ],
)
def test_an_update_that_fails_says_why(
    caller: Any, session: Any, problem: Exception, code: int
) -> None:
    session.blocklist.found = problem
    assert caller.call("blocklist_update").error == (code, str(problem))


def test_how_it_stands(caller: Any) -> None:
    fields = ["blocklist_enabled", "blocklist_url", "blocklist_size", "blocklist_status"]
    assert caller.call("session_get", fields=fields).result == {
        "blocklist_enabled": False,
        "blocklist_url": "",
        "blocklist_size": 7,
        "blocklist_status": {
            "checked_date": int(NOW - 5),
            "failures": 2,
            "next_date": int(NOW + 60),
            "problem": "lists.test: it does not answer",
            "skipped_lines": 3,
            "source": "http://lists.test/p2p.gz",
            "tried_date": int(NOW - 1),
            "turned_away": 4,
            "updated_date": int(NOW - 10),
            "updating": False,
        },
    }


def test_it_is_set(caller: Any, session: Any) -> None:
    settings = {"blocklist_enabled": True, "blocklist_url": "http://lists.test/p2p.gz"}
    assert caller.call("session_set", **settings).result == {}
    assert ("change_settings", settings) in session.asked


def test_the_size_is_not_set(caller: Any) -> None:
    code, sentence = caller.call("session_set", blocklist_size=3).error
    assert code == -32602
    assert "blocklist_size" in sentence
