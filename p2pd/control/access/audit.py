"""The audit log: each call that changes something, by whom, from where, and what became of it.

Secrets are not in it: passwords, keys, cookies, and whatever stands in an address behind the host,
for announce URLs and feeds have their users' keys there. What is long is cut.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.errors import P2pdError
from p2pd.control.access.caller import Caller
from p2pd.state.audit import AuditEntry, AuditQuestion

WAITING = 1000
"""Entries that wait to be kept; with more, the database does not take any."""
LONGEST = 2000
"""Characters of the params of an entry."""
LONGEST_TEXT = 200
MOST_ITEMS = 20
LONGEST_JSON = 16 * 1024
DEEPEST = 4
MOST_IDS = 100

HIDDEN = "…"

_SECRET = re.compile(
    r"pass|secret|token|cookie|auth|credential|metainfo|header|body|env|api_?key|"
    r"(?:\A|_)key\Z|\A(?:data|old|new)\Z",
    re.IGNORECASE,
)
_OF_JSON = ("{", "[")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://")
_OF_TORRENTS = ("torrent_", "queue_")
_ADDED = ("torrent_added", "torrent_duplicate", "torrent_imported")


class AuditMemory(Protocol):
    """Where it is kept (state.audit.AuditStore)."""

    def add(self, entry: AuditEntry) -> Deferred[None]:
        """Keep one more."""

    def read(self, wanted: AuditQuestion) -> Awaitable[list[AuditEntry]]:
        """Some of them, the latest first."""


class MemoryAudit:
    """The latest entries without a database."""

    def __init__(self, most: int = 1000) -> None:
        self._entries: deque[AuditEntry] = deque(maxlen=most)
        self._last = 0

    def add(self, entry: AuditEntry) -> Deferred[None]:
        """Keep one more."""
        self._last += 1
        self._entries.append(entry._replace(id=self._last))
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done

    async def read(self, wanted: AuditQuestion) -> list[AuditEntry]:
        """Some of them, the latest first."""
        found = [
            entry
            for entry in reversed(self._entries)
            if (wanted.before is None or entry.id < wanted.before)
            and wanted.user in ("", entry.user)
            and wanted.method in ("", entry.method)
        ]
        return found[: wanted.most]


class AuditLog:
    """Takes entries from the one place where calls are performed."""

    log = Logger()

    def __init__(self, memory: AuditMemory | None, wall: Callable[[], float]) -> None:
        self._memory = memory or MemoryAudit()
        self._wall = wall
        self._waiting = 0
        self._failing = False

    def note(
        self,
        caller: Caller,
        method: str,
        params: Mapping[str, object],
        result: str,
        answer: Mapping[str, Any],
    ) -> None:
        """A call is through; `answer` is empty when it failed."""
        if self._waiting >= WAITING:
            self._cannot("the database does not take them")
            return
        entry = AuditEntry(
            id=0,
            at=self._wall(),
            user=caller.identity.user,
            key=caller.identity.key,
            address=caller.address,
            method=method,
            ids=_ids_of(method, params, answer),
            params=shown(params),
            result=result,
        )
        self._waiting += 1
        self._memory.add(entry).addCallbacks(self._kept, self._not_kept)

    async def read(self, wanted: AuditQuestion) -> list[AuditEntry]:
        """Some of them, the latest first. Raises StateError."""
        return await self._memory.read(wanted)

    def _kept(self, _result: object) -> None:
        self._waiting -= 1
        self._failing = False

    def _not_kept(self, failure: Any) -> None:
        self._waiting -= 1
        failure.trap(P2pdError)
        self._cannot(failure.getErrorMessage())

    def _cannot(self, why: str) -> None:
        if not self._failing:
            self.log.error("entries of the audit log are lost: {why}", why=why)
        self._failing = True


def shown(params: Mapping[str, object]) -> str:
    """What an entry has of the params but the ids: JSON, or the begin of it."""
    kept = {name: value for name, value in params.items() if name != "ids"}
    text = json.dumps(_shown(kept, 0), ensure_ascii=True, separators=(", ", ": "))
    return text if len(text) <= LONGEST else text[:LONGEST] + HIDDEN


def _shown(value: object, depth: int) -> object:
    if isinstance(value, str):
        return _shown_json(value, depth) if value.lstrip()[:1] in _OF_JSON else _shown_text(value)
    if not isinstance(value, (dict, list, tuple)):
        return value
    if depth >= DEEPEST:
        return HIDDEN
    more = [] if len(value) <= MOST_ITEMS else [f"{HIDDEN} {len(value) - MOST_ITEMS} more"]
    if isinstance(value, (list, tuple)):
        return [*(_shown(each, depth + 1) for each in value[:MOST_ITEMS]), *more]
    found: dict[str, object] = {}
    for name, each in list(value.items())[:MOST_ITEMS]:
        secret = _SECRET.search(str(name)) is not None and not isinstance(each, bool)
        if name == "command" and isinstance(each, list):
            # Which program it is; its arguments may be anything.
            each = [*each[:1], *([HIDDEN] if each[1:] else [])]
        found[_cut(str(name))] = HIDDEN if secret else _shown(each, depth + 1)
    return found | dict.fromkeys(more, HIDDEN)


def _shown_json(text: str, depth: int) -> str:
    """Some clients send their settings as a text; what is none is not shown."""
    try:
        value = json.loads(text) if len(text) <= LONGEST_JSON else None
    except (ValueError, RecursionError):
        value = None
    if value is None:
        # Names of torrents begin like this, too.
        return HIDDEN if '"' in text else _shown_text(text)
    return _cut(json.dumps(_shown(value, depth + 1)))


def _shown_text(text: str) -> str:
    """Without what may be secret of an address; of each where there are many, a line each."""
    if text[:7].lower() == "magnet:":
        return _shown_magnet(text)
    if _ADDRESS.search(text[:LONGEST]) is None:
        return _cut(text)
    lines = text.split()[:MOST_ITEMS]
    return _cut(" ".join(_shown_word(line) for line in lines))


def _shown_word(word: str) -> str:
    found = _ADDRESS.search(word)
    if found is None:
        return _cut(word)
    try:
        parts = urlsplit(word[found.start() :])
        place = f"{parts.scheme}://{parts.hostname or ''}"
    except ValueError:
        return HIDDEN
    rest = parts.path not in ("", "/") or parts.query or parts.fragment or parts.username
    return f"{place}/{HIDDEN}" if rest else place


def _shown_magnet(link: str) -> str:
    try:
        topics = [value for name, value in parse_qsl(link[7:4096].lstrip("?")) if name == "xt"]
    except ValueError:
        topics = []
    return _cut("magnet:?" + "&".join(f"xt={topic}" for topic in topics[:4]))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + HIDDEN


def _ids_of(method: str, params: Mapping[str, object], answer: Mapping[str, Any]) -> str:
    for name in _ADDED:
        if isinstance(answer.get(name), dict):
            return json.dumps([answer[name].get("id")])
    if "ids" not in params:
        all_of_them = method.startswith(_OF_TORRENTS) and method != "torrent_add"
        return json.dumps("all") if all_of_them else ""
    ids = params["ids"]
    many = ids if isinstance(ids, list) else [ids]
    known = [_cut(each) if isinstance(each, str) else each for each in many[:MOST_IDS]]
    plain = [each if isinstance(each, (int, str)) else HIDDEN for each in known]
    return json.dumps(
        plain + ([f"{HIDDEN} {len(many) - MOST_IDS} more"] if many[MOST_IDS:] else [])
    )
