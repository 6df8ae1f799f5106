"""etc/p2pd.toml and the README's table of keys, generated from the keys themselves.

``python -m p2pd.service.config_text > etc/p2pd.toml`` writes the file anew;
``python -m p2pd.service.config_text table`` prints the table's rows, for the README.
"""

from __future__ import annotations

import sys
from typing import Any

from p2pd.service.config import SECTIONS, keys_of

HEADER = """\
# The configuration of p2pd: every key, commented out, with its default.
# The daemon reads the file that --config names; --set SECTION.KEY=VALUE wins over it.
"""


def toml_value(value: Any) -> str:
    """A default, spelled in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(each) for each in value) + "]"
    return repr(value)


def _section_text(section: str) -> str:
    title = (SECTIONS[section].__doc__ or "").strip()
    lines = [f"# {title}", f"[{section}]"]
    for name, each in keys_of(section).items():
        lines += [f"# {line}" for line in each.metadata["doc"].splitlines()]
        lines += [f"#{name} = {toml_value(each.default)}", ""]
    return "\n".join(lines)


def config_text() -> str:
    """The whole file."""
    return HEADER + "\n" + "\n".join(_section_text(section) for section in SECTIONS)


def table_rows() -> str:
    """A row of reStructuredText's csv-table for each key: name, default, meaning."""
    rows = []
    for section in SECTIONS:
        for name, each in keys_of(section).items():
            meaning = " ".join(each.metadata["doc"].split())
            cells = (f"``{section}.{name}``", f"``{toml_value(each.default)}``", meaning)
            rows.append(", ".join('"' + cell.replace('"', '""') + '"' for cell in cells))
    return "".join(f"   {row}\n" for row in rows)


if __name__ == "__main__":
    print(table_rows() if sys.argv[1:] == ["table"] else config_text(), end="")
