"""docs/api.rst names every method and field there is, and parses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from p2pd.control.errors import RpcCode
from p2pd.control.methods.peer_fields import peer_row
from p2pd.control.methods.session_fields import FACT_GETTERS, SETTABLE, SETTING_GETTERS
from p2pd.control.methods.torrent_add import ADD_PARAMS
from p2pd.control.methods.torrent_fields import TORRENT_FIELDS
from p2pd.control.methods.torrent_set import SET_PARAMS
from p2pd.control.methods.tracker_fields import tracker_statistics_row

REFERENCE = Path(__file__).parents[2] / "docs" / "api.rst"


@pytest.fixture(scope="module")
def words() -> set[str]:
    """Everything in double backquotes."""
    return set(re.findall(r"``([^`]+)``", REFERENCE.read_text()))


def test_every_method_is_in_the_reference(caller: Any, words: set[str]) -> None:
    resource = caller.site.root.children[b"rpc"]
    methods = {
        f"{prefix}_{name}"
        for prefix, group in resource.subHandlers.items()
        for name in group._listFunctions()
    }
    assert "torrent_get" in methods
    assert methods - words == set()


def test_every_field_and_param_is_in_the_reference(words: set[str], fake_torrent: Any) -> None:
    torrent = fake_torrent()
    names = {
        *TORRENT_FIELDS, *FACT_GETTERS, *SETTING_GETTERS, *peer_row(torrent.peers[0]),
        *tracker_statistics_row(torrent.tracker_states[0]),
        *(param.name for param in (*ADD_PARAMS, *SET_PARAMS, *SETTABLE)),
    }  # fmt: skip
    assert names - words == set()


def test_every_code_is_in_the_reference() -> None:
    text = REFERENCE.read_text()
    assert all(re.search(rf"^{int(code)} ", text, re.MULTILINE) for code in RpcCode)


def test_the_reference_parses() -> None:
    core = pytest.importorskip("docutils.core")
    core.publish_doctree(
        REFERENCE.read_text(), settings_overrides={"halt_level": 2, "report_level": 2}
    )
