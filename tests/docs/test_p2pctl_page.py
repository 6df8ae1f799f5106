"""docs/p2pctl.rst and the examples in the help say what p2pctl does."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from p2pd.clients.cli.main import COMMANDS, cli
from p2pd.clients.selection import STATES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "p2pctl.rst").read_text()
PAGES = ("README.rst", "docs/p2pctl.rst", "docs/operations.rst")


def command_of(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


def table() -> str:
    """The rows as they have to be."""
    rows = ((name, command_of(name).get_short_help_str(limit=300)) for name in COMMANDS)
    return "\n".join(f'   "``{name}``", "{words}"' for name, words in rows)


def examples(text: str) -> list[str]:
    """Lines that begin with p2pctl, but for those that say what it is called."""
    return re.findall(r"^ +(p2pctl [a-z][^\n]*)$", text, re.MULTILINE)


EVERY_EXAMPLE = [
    *(line for page in PAGES for line in examples((ROOT / page).read_text())),
    *(line for name in COMMANDS for line in examples(command_of(name).help or "")),
]


def test_every_command_is_in_the_table_with_what_its_help_says() -> None:
    body = PAGE.split(".. commands begin")[1].split(".. commands end")[0]
    rows = list(csv.reader(line.strip() for line in body.splitlines() if line.startswith('   "')))
    assert "\n".join(line for line in body.splitlines() if line.startswith('   "')) == table()
    assert len(rows) == len(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"], prog_name="p2pctl")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: p2pctl {name}")
    words = command_of(name).get_short_help_str(limit=300)
    assert words[0].isupper()
    assert not words.endswith("...")


@pytest.mark.parametrize("example", EVERY_EXAMPLE)
def test_every_example_is_a_command_line_that_p2pctl_takes(example: str) -> None:
    arguments = shlex.split(example.partition(" > ")[0], comments=True)[1:]
    command_of(arguments[0]).make_context(arguments[0], arguments[1:], obj=None)


def test_there_are_examples() -> None:
    assert len(EVERY_EXAMPLE) > 25


def test_all_states_are_named() -> None:
    named = re.search(r"one of the states \(([^)]*)\)", PAGE)
    assert named is not None
    assert re.findall(r"``(\w+)``", named[1]) == sorted(STATES)
