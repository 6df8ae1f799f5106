"""docs/beps.rst: every module and test that is named exists, and the modules speak of the BEP."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "beps.rst").read_text()
NAME = r"``([^`]+)``"


def rows() -> dict[int, tuple[list[str], list[str]]]:
    """BEP -> the modules and the tests that its row names."""
    found = {}
    for row in PAGE.split("\n   * - ")[2:]:
        number, _, modules, tests = row.split("\n     - ")
        tests = tests.split("\n\n")[0]
        found[int(number)] = re.findall(NAME, modules), re.findall(NAME, tests)
    return found


ROWS = rows()


def test_rows_are_in_order_and_not_twice() -> None:
    numbers = re.findall(r"\n   \* - (\d+)\n", PAGE)
    assert len(numbers) == len(ROWS) >= 10
    assert list(ROWS) == sorted(ROWS)


@pytest.mark.parametrize("number", ROWS)
def test_modules_exist_and_say_which_bep_they_follow(number: int) -> None:
    modules, _ = ROWS[number]
    assert modules
    texts = [(ROOT / "p2pd" / module).read_text() for module in modules]
    assert any(re.search(rf"BEP[^\n]*\b{number}\b", text) for text in texts), modules


@pytest.mark.parametrize("number", ROWS)
def test_tests_exist(number: int) -> None:
    _, tests = ROWS[number]
    assert tests
    for name in tests:
        path, _, function = name.partition("::")
        assert path.endswith(".py"), name
        text = (ROOT / "tests" / path).read_text()
        assert not function or re.search(rf"\bdef {function}\(", text), name


def test_what_is_said_to_be_missing_is_in_no_row() -> None:
    missing = PAGE.partition("Not implemented yet:")[2]
    assert missing
    assert not {int(number) for number in re.findall(r"\((\d+)", missing)} & set(ROWS)
