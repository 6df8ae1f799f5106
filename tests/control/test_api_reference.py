"""docs/api.rst names every method and field there is, and parses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from p2pd.control.errors import RpcCode
from p2pd.control.methods.history_methods import HISTORY_PARAMS
from p2pd.control.methods.peer_fields import peer_row
from p2pd.control.methods.session_fields import (
    BLOCKLIST_FIELDS,
    FACT_GETTERS,
    FREE_SPACE_FIELD,
    NOTICE_FIELD,
    SETTABLE,
    SETTING_GETTERS,
)
from p2pd.control.methods.torrent_add import ADD_PARAMS
from p2pd.control.methods.torrent_create import CREATE_PARAMS
from p2pd.control.methods.torrent_fields import TORRENT_FIELDS
from p2pd.control.methods.torrent_import import IMPORT_PARAMS
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
        FREE_SPACE_FIELD, NOTICE_FIELD, *BLOCKLIST_FIELDS,
        *TORRENT_FIELDS, *FACT_GETTERS, *SETTING_GETTERS,
        *peer_row(torrent.peers[0]), *tracker_statistics_row(torrent.tracker_states[0]),
        *(param.name for param in (*ADD_PARAMS, *CREATE_PARAMS, *HISTORY_PARAMS)),
        *(param.name for param in (*IMPORT_PARAMS, *SET_PARAMS, *SETTABLE)),
    }  # fmt: skip
    assert names - words == set()


def test_the_reference_names_no_field_that_is_not_there() -> None:
    parts = re.split(r"\n``(\w+)``\n~+\n", REFERENCE.read_text())
    tables = {
        method: set(re.findall(r"^``(\w+)``  ", text, re.MULTILINE))
        for method, text in zip(parts[1::2], parts[2::2], strict=True)
    }
    assert tables["torrent_get"] == set(TORRENT_FIELDS)
    assert tables["torrent_import"] <= {param.name for param in IMPORT_PARAMS}
    assert tables["torrent_add"] <= {param.name for param in ADD_PARAMS}
    assert tables["session_get"] == {
        *FACT_GETTERS,
        *SETTING_GETTERS,
        *BLOCKLIST_FIELDS,
        FREE_SPACE_FIELD,
        NOTICE_FIELD,
    }


def test_the_codes_are_those_of_the_reference() -> None:
    table = re.search(r"\nCode .*?\n\n", REFERENCE.read_text(), re.DOTALL)
    assert table
    codes = {int(code) for code in re.findall(r"^(-?\d+)  ", table[0], re.MULTILINE)}
    assert codes == set(map(int, RpcCode))


def test_the_reference_parses() -> None:
    core = pytest.importorskip("docutils.core")
    core.publish_doctree(
        REFERENCE.read_text(), settings_overrides={"halt_level": 2, "report_level": 2}
    )
