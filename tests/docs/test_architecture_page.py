"""docs/architecture.rst describes the rooms that there are, and no others."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.rst").read_text()
ROOMS = {path.parent.name for path in (ROOT / "p2pd").glob("*/__init__.py")}


def described() -> dict[str, str]:
    """The text of each entry that begins with a path."""
    parts = re.split(r"\n``(p2pd/[\w/.]+)``\n", PAGE.split("\nDecisions\n")[0])
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_room_is_described_and_no_other() -> None:
    rooms = {path.removeprefix("p2pd/") for path in described() if not path.endswith(".py")}
    assert rooms == ROOMS


def test_every_file_that_is_named_is_there() -> None:
    for path, text in described().items():
        assert (ROOT / path).exists(), path
        for name in re.findall(r"``(\w+\.py)``", text):
            assert (ROOT / path / name).exists(), f"{path}/{name}"
    for name in re.findall(r"``((?:\w+/)+\w+\.py)``", PAGE):
        assert (ROOT / "p2pd" / name).exists() or (ROOT / name).exists(), name


def test_the_layers_are_those_of_the_linter() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["importlinter:contract:layers"]["layers"].split("\n")
    wanted = [{room.strip(" ()") for room in line.split(":")} for line in lines if line.strip()]
    drawn = re.findall(r"\n    (\w+(?: \| \w+)*)  +\w", PAGE.split("*Pure* means")[0])
    assert [set(line.split(" | ")) for line in drawn] == [line & ROOMS for line in wanted]
