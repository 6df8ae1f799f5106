"""docs/api.rst names every method, field, setting and error code that there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from p2pd.control.errors import MESSAGES
from p2pd.control.methods.method_groups import make_method_groups
from p2pd.control.methods.session_fields import FACT_GETTERS, SETTABLE
from p2pd.control.methods.torrent_fields import TORRENT_FIELDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.rst").read_text()


def named(text: str) -> set[str]:
    """What stands in double back-quotes."""
    return set(re.findall(r"``([^`\s]+)``", text))


def section(title: str) -> str:
    return re.split(r"\n[^\n]+\n[-=]{4,}\n", PAGE.split(f"{title}\n---", 1)[1].split("\n", 1)[1])[0]


def test_every_method_is_in_the_table() -> None:
    nothing = cast(Any, None)
    groups = make_method_groups(
        nothing, clock=nothing, wall_clock=nothing, source=nothing, version="", session_id=""
    )
    methods = {
        f"{prefix}_{name.removeprefix('jsonrpc_')}"
        for prefix, group in groups.items()
        for name in dir(group)
        if name.startswith("jsonrpc_")
    }
    assert set(re.findall(r'\n   "``(\w+)``"', section("Calls"))) == methods


def test_every_field_of_a_torrent_is_there() -> None:
    assert set(TORRENT_FIELDS) <= named(section("What ``torrent_get`` tells"))


def test_every_setting_is_there() -> None:
    names = named(section("What ``session_get`` tells"))
    assert {param.name for param in SETTABLE} | set(FACT_GETTERS) <= names


def test_every_error_code_is_there_with_its_message() -> None:
    rows = re.findall(r'\n   "(-?\d+)", "([^"]+)"', section("Errors"))
    assert {int(code): message for code, message in rows} == {
        int(code): message for code, message in MESSAGES.items()
    }
