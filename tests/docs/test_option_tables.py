"""The option tables of the README, and etc/p2pd.toml, say what the program does."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from p2pd.service.config import SECTIONS, keys_of
from p2pd.service.config_text import config_text, toml_value
from p2pd.service.options import FOLDER_OPTIONS, PORT_OPTIONS, Options

ROOT = Path(__file__).resolve().parents[2]


def rows_of(header: str) -> list[list[str]]:
    """The rows of the README's csv-table with this first column."""
    text = (ROOT / "README.rst").read_text()
    body = text.split(f':header: "{header}"')[1].split("\n\n")[1]
    lines = (line.strip() for line in body.splitlines())
    return list(csv.reader(lines, skipinitialspace=True))


def test_the_configuration_file_is_the_generated_one() -> None:
    written = (ROOT / "etc" / "p2pd.toml").read_text()
    assert written == config_text(), "python -m p2pd.service.config_text > etc/p2pd.toml"


def test_every_key_is_in_the_readme_with_its_default_and_meaning() -> None:
    expected = [
        [f"``{section}.{name}``", f"``{toml_value(each.default)}``",
         " ".join(each.metadata["doc"].split())]
        for section in SECTIONS
        for name, each in keys_of(section).items()
    ]  # fmt: skip
    assert rows_of("key") == expected, "python -m p2pd.service.config_text table"


def test_every_option_is_in_the_readme() -> None:
    options = Options()
    named = {row[0].strip("`").split()[0].lstrip("-") for row in rows_of("option")}
    assert named == {name.rstrip("=").replace("_", "-") for name in options.longOpt}


def test_the_options_mean_what_the_readme_says() -> None:
    meanings = {row[0].strip("`").split()[0].lstrip("-"): row[2] for row in rows_of("option")}
    for name, _, _, doc in Options.optParameters:
        assert doc.partition(" [default")[0] == meanings[name]


def test_the_options_have_the_defaults_that_the_readme_gives() -> None:
    defaults = {row[0].strip("`").split()[0].lstrip("-"): row[1] for row in rows_of("option")}
    for name, (section, key) in PORT_OPTIONS.items():
        assert defaults[name] == f"``{keys_of(section)[key].default}``"
    for name, (section, key) in FOLDER_OPTIONS.items():
        assert defaults[name].strip("`") in keys_of(section)[key].metadata["doc"]


def test_every_key_is_handed_to_somebody() -> None:
    files = [path for path in (ROOT / "p2pd" / "service").glob("*.py") if path.stem != "config"]
    text = "\n".join(path.read_text() for path in files)
    for section in SECTIONS:
        for name in keys_of(section):
            assert re.search(rf"\.{name}\b", text), f"{section}.{name}"
