"""Addresses of trackers' names, looked up once for all torrents that ask at the same time.

A name that does not resolve keeps one thread of the resolver busy, not one a torrent, and is not
looked up again for a minute.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from zope.interface import implementer

from p2pd.base.addresses import canonical_host
from p2pd.base.errors import FormatError
from p2pd.protocols.tracker.announce import TrackerError

KEPT_SECONDS = 300.0
KEPT_FAILURE_SECONDS = 60.0
LOST_SECONDS = 60.0
"""A lookup without an answer for so long is made again: the resolver may have lost it."""

MOST_KEPT = 1000
MOST_ADDRESSES = 16

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")


class Names:
    """Resolves through the reactor's `nameResolver`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._kept: dict[str, tuple[tuple[str, ...], float]] = {}
        self._waiting: dict[str, list[Deferred[tuple[str, ...]]]] = {}
        self._began: dict[str, float] = {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The IP addresses of a host name or IP literal, at least one. Raises TrackerError."""
        try:
            return (canonical_host(host),)
        except FormatError:
            pass
        found = await self._lookup(wire_name(host).lower())
        if not found:
            raise TrackerError("its name cannot be found")
        return found

    def known(self, host: str) -> tuple[str, ...]:
        """The addresses that need no lookup now: of an IP literal, or of a name just looked up."""
        try:
            return (canonical_host(host),)
        except FormatError:
            kept = self._kept.get(host.lower())
        return kept[0] if kept is not None and self._reactor.seconds() < kept[1] else ()

    async def _lookup(self, name: str) -> tuple[str, ...]:
        kept = self._kept.get(name)
        now = self._reactor.seconds()
        if kept is not None and now < kept[1]:
            return kept[0]
        waiting = self._waiting.setdefault(name, [])
        # A waiter that is cancelled leaves the lookup to the others.
        answer: Deferred[tuple[str, ...]] = Deferred(lambda done: waiting.remove(done))
        waiting.append(answer)
        if now - self._began.get(name, float("-inf")) >= LOST_SECONDS:
            self._began[name] = now
            self._reactor.nameResolver.resolveHostName(_Addresses(self, name), name)
        return await answer

    def resolved(self, name: str, found: tuple[str, ...]) -> None:
        """A lookup ended; nothing found means that there is no such name."""
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        seconds = KEPT_SECONDS if found else KEPT_FAILURE_SECONDS
        self._kept[name] = found, self._reactor.seconds() + seconds
        self._began.pop(name, None)
        for answer in self._waiting.pop(name, []):
            answer.callback(found)


@implementer(IResolutionReceiver)
class _Addresses:
    """Collects what the resolver finds for one name."""

    def __init__(self, names: Names, name: str) -> None:
        self._names = names
        self._name = name
        self._found: dict[str, None] = {}

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:  # noqa: N802, N803
        """It cannot be stopped anyway."""

    def addressResolved(self, address: IAddress) -> None:  # noqa: N802
        """One address."""
        if len(self._found) < MOST_ADDRESSES:
            self._found[canonical_host(str(getattr(address, "host", "")))] = None

    def resolutionComplete(self) -> None:  # noqa: N802
        """That is all."""
        self._names.resolved(self._name, tuple(self._found))


def wire_name(host: str) -> str:
    """A host name in ASCII (IDNA), as resolvers and HTTP want it. Raises TrackerError."""
    try:
        name = host.rstrip(".").encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not _HOST.fullmatch(name):
        raise TrackerError("its URL has no valid host name")
    return name
