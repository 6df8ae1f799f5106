"""A call and its parameters, read as what they are meant to be; and what is answered."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from p2pd.control.access.caller import current_caller
from p2pd.control.access.roles import Rule, rule_of
from p2pd.control.answers import EncodedList, Pacer
from p2pd.control.qbittorrent.forms import Form
from p2pd.control.qbittorrent.refusals import ApiError, no_torrent, wrong
from p2pd.session.api import SessionApi, TorrentView

YES = ("true", "1", "yes", "on")
NO = ("false", "0", "no", "off")
ALL = "all"


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """Bytes to be saved under a name."""

    content: bytes
    name: str
    content_type: str


Answer = str | list[Any] | dict[str, Any] | EncodedList | FileAnswer
"""Text as it is; a list or an object becomes JSON."""


@dataclass(slots=True)
class Call:
    """One call of an action."""

    form: Form
    pacer: Pacer
    authorization: bytes | None = field(default=None, repr=False)
    """With what the caller showed who he is."""

    secure: bool = False
    """Whether he came over TLS."""

    folder: str = "/"
    """What all our paths are in, as he sees them."""

    session: str | None = field(default=None, repr=False)
    """The login session in the caller's cookie."""

    cookies: list[str] = field(default_factory=list, repr=False)
    """What the answer sets, each as a Set-Cookie header has it."""

    def has(self, name: str) -> bool:
        """Whether the parameter was given."""
        return name in self.form.fields

    def text(self, name: str, default: str | None = None) -> str:
        """The parameter; one without a default has to be there. Raises ApiError."""
        value = self.form.fields.get(name, default)
        if value is None:
            raise wrong(f"the parameter {name} is missing")
        return value

    def flag(self, name: str) -> bool | None:
        """Whether it says yes or no; None for neither, and when it is not there."""
        word = self.form.fields.get(name, "").strip().lower()
        return True if word in YES else False if word in NO else None

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number of at most 18 digits. Raises ApiError."""
        if default is not None and not self.form.fields.get(name, "").strip():
            return default
        return whole(name, self.text(name))

    def number(self, name: str, default: float | None = None) -> float:
        """A number that is none of the infinite ones. Raises ApiError."""
        if default is not None and not self.form.fields.get(name, "").strip():
            return default
        given = self.text(name).strip()
        try:
            value = float(given)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise wrong(f"{name} is no number: {given[:40]!r}")
        return value

    def listed(self, name: str, separator: str = "|") -> list[str]:
        """The parts of a parameter, trimmed, without those that are empty. Raises ApiError."""
        return [part for each in self.text(name).split(separator) if (part := each.strip())]


def whole(name: str, given: str) -> int:
    """The whole number in a text. Raises ApiError."""
    digits = given.strip()
    unsigned = digits[1:] if digits[:1] in ("-", "+") else digits
    if not (unsigned.isascii() and unsigned.isdigit() and len(unsigned) <= 18):
        raise wrong(f"{name} is no whole number: {digits[:40]!r}")
    return int(digits)


def one_torrent(api: SessionApi, call: Call, name: str = "hash") -> TorrentView:
    """The torrent that a call is about. Raises ApiError."""
    torrent = api.find(call.text(name).strip())
    if torrent is None:
        raise no_torrent()
    return torrent


def torrents_named(api: SessionApi, hashes: Sequence[str]) -> list[TorrentView]:
    """Those torrents, each once; `all` alone stands for all, and what is not there is left out."""
    if list(hashes) == [ALL]:
        return list(api.torrents())
    found = {}
    for each in hashes:
        if (torrent := api.find(each)) is not None:
            found[torrent.id] = torrent
    return list(found.values())


def each_torrent(api: SessionApi, call: Call) -> Iterator[TorrentView]:
    """Those that a call is about; what somebody removes meanwhile is left out. Raises ApiError."""
    for torrent in torrents_named(api, call.listed("hashes")):
        if api.find(torrent.id) is not None:
            yield torrent


Run = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Action:
    """What a path does, and which method of ours does the same: its rule is this one's."""

    run: Run
    method: str
    posted: bool = False
    """Whether only POST may call it though it changes nothing of ours."""

    @property
    def rule(self) -> Rule:
        """Who may, and whether it changes anything."""
        return rule_of(self.method)

    @property
    def http_methods(self) -> tuple[bytes, ...]:
        """With what it is called."""
        return (b"POST",) if self.posted or self.rule.changes else (b"GET", b"HEAD", b"POST")


def may(method: str) -> bool:
    """Whether the caller may do what this method of ours does."""
    return current_caller().identity.permits(rule_of(method).need)


def check_role(method: str) -> None:
    """Refuse a caller who may not do what this method of ours does. Raises ApiError."""
    if not may(method):
        raise ApiError(403, f"this takes {rule_of(method).need.words}")
