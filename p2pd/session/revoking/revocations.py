"""Which certificates the CAs of a session's torrents took back.

There is one list for each CA, whoever it came from: a peer of any of its torrents, a file, or the
CA that is kept here. A list takes the place of another only if it is newer, and is in force from
that moment on: for handshakes, for peers that are connected, and after a restart.
"""

from __future__ import annotations

from typing import Any, Callable, Collection, Iterable, Mapping, Protocol, Sequence

from cryptography import x509
from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from p2pd.base.errors import P2pdError
from p2pd.base.measures import Measure, counter, gauge
from p2pd.formats.x509.pem import certificate_pem, read_certificate
from p2pd.formats.x509.revocation import RevocationList, ca_id, read_list, refusal
from p2pd.session.revoking.unneeded_lists import UnneededLists
from p2pd.storage.disks import Disks


class RevocationMemory(Protocol):
    """Where lists are kept (state.revocation_files); all of it blocks."""

    def load(self) -> Sequence[bytes]:
        """Each a CA's certificate and its list, in PEM."""

    def save(self, ca_id: bytes, content: str) -> None: ...
    def forget(self, ca_id: bytes) -> None: ...
    def unneeded(self) -> dict[bytes, int]:
        """Which are not needed, and since when (Unix seconds)."""

    def save_unneeded(self, since: Mapping[bytes, int]) -> None: ...


class RevocationHost(Protocol):
    """What is needed of the session."""

    disks: Disks

    def wall(self) -> float: ...
    def background(self, work: Any, what: str) -> None: ...


Listener = Callable[[bytes, RevocationList], object]
"""Hears by the id of its CA of a list that is in force from now on."""


class Revocations:
    """One for a session. `judge` is for any thread, the rest for the reactor's."""

    log = Logger()

    def __init__(self, host: RevocationHost, memory: RevocationMemory | None) -> None:
        self._host = host
        self._memory = memory
        self._in_force: dict[bytes, RevocationList] = {}
        self._listeners: list[Listener] = []
        self._saving = DeferredLock()
        self._unsaved: dict[bytes, x509.Certificate] = {}
        self._ends: dict[bytes, float] = {}
        self._unneeded = UnneededLists()
        self.taken = self.refused = 0

    def listen(self, listener: Listener) -> None:
        """Have it hear of every list that is new."""
        self._listeners.append(listener)

    async def recall(self) -> None:
        """Bring back what is kept, before any peer is let in."""
        if self._memory is None:
            return
        memory = self._memory
        for content in await self._host.disks.aside.run("read", memory.load):
            try:
                ca = read_certificate(content)
                found = read_list(content[content.index(_LIST_BEGINS) :], ca)
            except (P2pdError, ValueError) as problem:
                self.log.warn("a revocation list is lost: {why}", why=str(problem))
                continue
            self._put(ca, found)
        self._unneeded.since = await self._host.disks.aside.run("read", memory.unneeded)

    def _put(self, ca: x509.Certificate, found: RevocationList) -> None:
        key, ends_at = ca_id(ca), ca.not_valid_after_utc.timestamp()
        self._in_force[key] = found
        self._ends[key] = max(ends_at, self._ends.get(key, 0.0))

    async def take_saved(self, content: bytes) -> None:
        """A CA's certificate and its list, in PEM, as they were kept. Raises FormatError,
        StateError.
        """
        ca = read_certificate(content)
        _, begins, rest = content.partition(_LIST_BEGINS)
        self.adopt(read_list(begins + rest, ca), ca, "a backup")
        await self.saved()

    # -- what is in force ----------------------------------------------------------------------

    def of(self, ca: x509.Certificate) -> RevocationList | None:
        """The list of a CA; None: nobody has made one, as far as is known here."""
        return self._in_force.get(ca_id(ca)) if self._in_force else None

    def judge(self, chain: Sequence[x509.Certificate]) -> str | None:
        """Why nobody with this chain, the CA's certificate last, is let in; None: he may be."""
        if not self._in_force:
            return None
        ca = chain[-1]
        return refusal(chain, ca, self.of(ca))

    # -- a list comes --------------------------------------------------------------------------

    def take(self, data: bytes, ca: x509.Certificate, source: str) -> RevocationList | None:
        """A list, in DER or PEM, from whomever: what is in force now; None if that is no other.

        Raises FormatError: it is none, or this CA did not sign it.
        """
        try:
            found = read_list(data, ca)
        except P2pdError:
            self.refused += 1
            raise
        return found if self.adopt(found, ca, source) else None

    def adopt(self, found: RevocationList, ca: x509.Certificate, source: str) -> bool:
        """A list that was verified: whether it is newer than the one that was in force."""
        key = ca_id(ca)
        if not found.newer_than(self._in_force.get(key)):
            return False
        self._put(ca, found)
        self.taken += 1
        self.log.info(
            "revocation list {number} of {ca}, with {count} on it, from {source}",
            number=found.number,
            ca=name_of(ca),
            count=len(found.revoked),
            source=source,
        )
        self._unsaved[key] = ca
        self._host.background(self.saved(), "a revocation list")
        for listener in self._listeners:
            listener(key, found)
        return True

    async def saved(self) -> None:
        """Wait until all of them are kept, one after the other. Raises StateError."""
        memory = self._memory
        await self._saving.acquire()
        try:
            while self._unsaved and memory is not None:
                key, ca = self._unsaved.popitem()
                content = certificate_pem(ca) + self._in_force[key].pem()
                try:
                    await self._host.disks.aside.run("write", memory.save, key, content)
                except P2pdError:
                    self._unsaved.setdefault(key, ca)
                    raise
        finally:
            self._saving.release()

    async def tidy(self, needed: Collection[bytes]) -> None:
        """Lists go that have long been of no use: nothing needs any but those of these CAs, by id.

        Raises StateError.
        """
        memory, now = self._memory, self._host.wall()
        if memory is None:
            return
        news = self._unneeded.note(self._in_force, needed, now)
        due = self._unneeded.due(self._ends, now)
        for key in due:
            self._ends.pop(key, None)
            self._unsaved.pop(key, None)
            self._unneeded.since.pop(key, None)
            number = self._in_force.pop(key).number
            self.log.info(
                "revocation list {number} is forgotten: its CA is needed by nothing here",
                number=number,
            )
        await self._saving.acquire()
        try:
            for key in due:
                await self._host.disks.aside.run("write", memory.forget, key)
            if news or due:
                since = dict(self._unneeded.since)
                await self._host.disks.aside.run("write", memory.save_unneeded, since)
        finally:
            self._saving.release()

    # -- for readers ---------------------------------------------------------------------------

    def lists(self) -> Iterable[RevocationList]:
        """Those in force."""
        return self._in_force.values()

    def measures(self) -> Sequence[Measure]:
        """Lists, and what they are of."""
        return [
            gauge(
                "revocation_lists", "CAs of which a revocation list is here.", len(self._in_force)
            ),
            gauge(
                "revoked_certificates",
                "Certificates on revocation lists.",
                sum(len(one.revoked) for one in self._in_force.values()),
            ),
            counter(
                "revocation_lists_taken_total", "Revocation lists that were newer.", self.taken
            ),
            counter(
                "revocation_lists_refused_total",
                "Revocation lists that were none, or that the CA did not sign.",
                self.refused,
            ),
        ]


def name_of(ca: x509.Certificate) -> str:
    """What a CA is called, for people."""
    try:
        return ca.subject.rfc4514_string()[:200] or "a CA without a name"
    except ValueError:
        return "a CA"


_LIST_BEGINS = b"-----BEGIN X509 CRL-----"
