"""What the value of a configuration key may be: a check answers the value or says what it must be.

A check knows nothing of the key it is for; its caller puts the key's name before the sentence.
"""

from __future__ import annotations

import os
import re
from ipaddress import ip_network
from typing import Any, Callable

from p2pd.automation.hooks.hook_rules import EVENTS, check_command
from p2pd.automation.refusals import RefusedError
from p2pd.base.addresses import canonical_host, split_host_port
from p2pd.base.errors import ConfigError, FormatError

Check = Callable[[Any], Any]

MAX_TEXT = 4096

LOG_LEVELS = ("debug", "info", "warn", "error")

NAMESPACE = re.compile(r"[a-zA-Z_]\w{0,63}(\.\w{1,64}){0,15}")

INTERFACE_NAME = re.compile(r"[!-.0-9;-~]{1,15}")
"""As Linux has it: no blanks, no slash, no colon."""


def _refusal(wanted: str, value: Any) -> ConfigError:
    shown = repr(value)
    return ConfigError(f"must be {wanted}, not {shown if len(shown) <= 60 else shown[:57] + '...'}")


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise _refusal("true or false", value)
    return value


def whole(low: int, high: int) -> Check:
    """A whole number from `low` to `high`."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _refusal(f"a whole number from {low} to {high}", value)
        return value

    return check


def number(low: float, high: float) -> Check:
    """A number from `low` to `high`; whole ones are taken too. NaN is no number."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _refusal(f"a number from {low:g} to {high:g}", value)
        if not low <= value <= high:
            raise _refusal(f"a number from {low:g} to {high:g}", value)
        return float(value)

    return check


def one_of(*words: str) -> Check:
    """One of these words."""
    wanted = ", ".join(words[:-1]) + f" or {words[-1]}"

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise _refusal(wanted, value)
        return value

    return check


def folder(value: Any) -> str:
    """An absolute path, or one in a home (``~``), in its normal form; empty stays empty."""
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise _refusal("a path", value)
    if not value:
        return value
    path = os.path.expanduser(value)
    if not os.path.isabs(path):
        raise _refusal("an absolute path, or one that starts with ~", value)
    return os.path.normpath(path)


def folders(value: Any) -> tuple[str, ...]:
    """A list of folders, each absolute or in a home."""
    if not isinstance(value, (list, tuple)) or len(value) > 100 or not all(value):
        raise _refusal("a list of paths", value)
    return tuple(folder(each) for each in value)


def file(value: Any) -> str:
    """The path of a file: as of a folder."""
    return folder(value)


def files(value: Any) -> tuple[str, ...]:
    """A list of paths of files: as of folders."""
    return folders(value)


def list_source(value: Any) -> str:
    """An http or https URL, or the path of a file."""
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        if len(value) > MAX_TEXT or not value.isprintable():
            raise _refusal("a URL", value)
        return value
    return file(value)


def address(value: Any) -> str:
    """An IP address to bind; empty stays empty and means all of them."""
    if value == "":
        return ""
    wanted = "an IP address of this machine, or empty for all"
    if not isinstance(value, str):
        raise _refusal(wanted, value)
    try:
        return canonical_host(value)
    except FormatError:
        raise _refusal(wanted, value) from None


def way_out(value: Any) -> str:
    """An IP address to bind, or the name of an interface; empty stays empty and means all."""
    try:
        return address(value)
    except ConfigError:
        pass
    wanted = "an IP address or the name of an interface of this machine, or empty for all"
    if not isinstance(value, str) or not INTERFACE_NAME.fullmatch(value) or value in (".", ".."):
        raise _refusal(wanted, value)
    if all(letter in "0123456789.:" for letter in value):
        raise _refusal(wanted, value)  # an address that is none
    return value


def names(value: Any) -> tuple[str, ...]:
    """A list of host names."""
    if not isinstance(value, (list, tuple)) or len(value) > 1000:
        raise _refusal("a list of names", value)
    for name in value:
        if not isinstance(name, str) or not name or not name.isprintable() or len(name) > 255:
            raise _refusal("a list of names", value)
    return tuple(value)


def words(value: Any) -> tuple[str, ...]:
    """A program and its arguments."""
    wanted = "a list: the absolute path of a program, and its arguments"
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise _refusal(wanted, value)
    try:
        if value:
            check_command(tuple(value))
    except RefusedError:
        raise _refusal(wanted, value) from None
    if any("\0" in each for each in value):
        raise _refusal(wanted, value)
    return tuple(value)


def events(value: Any) -> tuple[str, ...]:
    """A list of what may happen to torrents."""
    if not isinstance(value, (list, tuple)) or not all(each in EVENTS for each in value):
        raise _refusal(f"a list of {', '.join(EVENTS)}", value)
    return tuple(value)


def contacts(value: Any) -> tuple[str, ...]:
    """A list of machines and ports."""
    for each in names(value):
        try:
            split_host_port(each)
        except FormatError:
            raise _refusal('a list of "host:port"', value) from None
    return tuple(value)


def networks(value: Any) -> tuple[str, ...]:
    """A list of networks and IP addresses."""
    wanted = "a list of networks and IP addresses"
    for name in names(value):
        try:
            ip_network(name, strict=False)
        except ValueError:
            raise _refusal(wanted, value) from None
    return tuple(value)


def namespace_levels(value: Any) -> tuple[str, ...]:
    """A list of ``NAMESPACE=LEVEL``, for the log."""
    wanted = f'a list of "NAMESPACE=LEVEL", with a level of {", ".join(LOG_LEVELS)}'
    if not isinstance(value, (list, tuple)) or len(value) > 100:
        raise _refusal(wanted, value)
    for each in value:
        namespace, _, level = each.partition("=") if isinstance(each, str) else ("", "", "")
        if level not in LOG_LEVELS or not NAMESPACE.fullmatch(namespace):
            raise _refusal(wanted, value)
    return tuple(value)
