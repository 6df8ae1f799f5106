"""Where configuration comes from: the defaults, then the file, then --set, then explicit options.

Each later one wins. Knows TOML and the command line's spelling, not what any key means.
"""

from __future__ import annotations

import os
import tomllib
from typing import Any, Iterable, Mapping

from p2pd.base.errors import ConfigError
from p2pd.service.config import Config, checked, config_of, keys_of

MAX_FILE = 1024 * 1024
"""Bytes of a configuration file; what is larger is not one."""

Values = dict[tuple[str, str], Any]


def read_file(path: str) -> Values:
    """The keys of a TOML file. Raises ConfigError that names the file, and the key or the line."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise ConfigError(f"{path}: {reason}") from None
    if len(data) > MAX_FILE:
        raise ConfigError(f"{path}: too large for a configuration file")
    try:
        return _flattened(tomllib.loads(data.decode()))
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None
    except (tomllib.TOMLDecodeError, ConfigError) as problem:
        raise ConfigError(f"{path}: {_one_line(str(problem))}") from None


def _flattened(document: Mapping[str, Any]) -> Values:
    found: Values = {}
    for section, table in document.items():
        keys_of(section)
        if not isinstance(table, dict):
            raise ConfigError(f"{section} is a section: write [{section}] and its keys below")
        for name, value in table.items():
            found[section, name] = checked(section, name, value)
    return found


def read_setting(text: str) -> Values:
    """One ``SECTION.KEY=VALUE``: the value as TOML, and as a string where that fails."""
    name, separator, value = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not separator or not dot:
        raise ConfigError(f"--set takes SECTION.KEY=VALUE, not {text[:60]!r}")
    try:
        return {(section, key): checked(section, key, _value(value.strip()))}
    except ConfigError as problem:
        raise ConfigError(f"--set: {_one_line(str(problem))}") from None


def _value(text: str) -> Any:
    try:
        document = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    # a line break in the text could begin another key: then it is not one TOML value
    return document["value"] if len(document) == 1 else text


def load_config(
    *,
    file: str | None = None,
    settings: Iterable[str] = (),
    explicit: Mapping[tuple[str, str], Any] | None = None,
) -> Config:
    """The configuration in force. `explicit` are checked values of options. Raises ConfigError."""
    values: Values = {}
    if file is not None:
        values.update(read_file(os.path.expanduser(file)))
    for text in settings:
        values.update(read_setting(text))
    values.update(explicit or {})
    return config_of(values)


def _one_line(text: str) -> str:
    return " ".join(text.split())
