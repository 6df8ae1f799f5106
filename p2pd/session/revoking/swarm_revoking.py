"""Revocation and expiry in a session: its TLS torrents, the lists of their CAs, and what ends when.

It joins `Revocations`, which has the lists, `Endings`, which warns, and the torrents, whose peers
are parted from when a new list names them. A torrent whose own certificate was taken back has no
peers any more, and says why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Protocol, Sequence

from cryptography import x509
from twisted.logger import Logger

from p2pd.base.clock import Clock
from p2pd.base.errors import FormatError
from p2pd.base.measures import Measure
from p2pd.formats.x509.own_certificate import shown_chain
from p2pd.formats.x509.pem import read_certificate
from p2pd.formats.x509.revocation import RevocationList, ca_id, refusal
from p2pd.session.revoking.endings import DAY, Ending, EndingMemory, Endings, Subject
from p2pd.session.revoking.prospects import Prospects
from p2pd.session.revoking.revocations import RevocationMemory, Revocations, name_of
from p2pd.session.session_events import EventKind
from p2pd.session.turns import Turns

MOST_CALLERS = 100
"""Torrents without peers that call on those they met when there is a new list: peers of several
torrents need to hear of it once."""
LOOKS_IN_A_TURN = 1000
"""Torrents of which it is looked whether a new list is about them, of some microseconds each."""
TOLD_IN_A_TURN = 20
"""Torrents that hear of it, each of which may have many peers to part from."""
NOTICE = 1 / 4
"""Of a certificate's life that is left when it is warned of: nodes renew theirs before that."""

OWN_REVOKED = "its own certificate is revoked"


class RevokingMemory(RevocationMemory, EndingMemory, Protocol):
    """Where lists are kept, and what was told (state.revocation_files)."""


@dataclass(frozen=True, slots=True)
class RevokingParts:
    """What it takes; times in seconds before an end."""

    memory: RevokingMemory | None = None
    warn: float = 14 * DAY
    urgent: float = 3 * DAY


class Swarm(NamedTuple):
    """A TLS torrent (None: it is not there yet), with the PEM of its CA and of our certificate.

    `name` is the torrent's, `key` its info-hash in hex; `not_after` (Unix seconds) is of our
    certificate, 0 if there is none.
    """

    torrent: Any
    key: str
    name: str
    ca: str
    certificate: str
    not_after: float


class RevokingHost(Protocol):
    """What is needed of the session."""

    clock: Clock
    disks: Any
    events: Any
    activity: Any

    def wall(self) -> float: ...
    def background(self, work: Any, what: str) -> None: ...


class Swarms(Protocol):
    """The TLS torrents."""

    def swarms(self) -> Iterable[Swarm]:
        """All of them."""

    def hold_back(self, torrent: Any) -> None:
        """It is to have no peers from now on."""


class SwarmRevoking:
    """One for a session."""

    log = Logger()

    def __init__(
        self, host: RevokingHost, swarms: Swarms, parts: RevokingParts, timers: Clock
    ) -> None:
        self._host = host
        self._swarms = swarms
        self._others: list[Callable[[], Iterable[Ending]]] = []
        self._changed: dict[bytes, RevocationList] = {}
        """New lists of which not all torrents have heard, by the id of the CA."""
        self._turns = Turns(timers)
        self.lists = Revocations(host, parts.memory)
        self.lists.listen(self._list_changed)
        self.endings = Endings(
            host,
            self._all_endings,
            parts.memory,
            timers,
            warn=parts.warn,
            urgent=parts.urgent,
        )

    def close(self) -> None:
        """The session ends."""
        self._turns.stop()
        self.endings.close()

    # -- what is in force ----------------------------------------------------------------------

    def own_refusal(self, ca_pem: str, certificate_pem: str) -> str:
        """Why peers refuse us; empty: the list of the CA does not name our certificate."""
        ca = certificate_of(ca_pem)
        in_force = None if ca is None else self.lists.of(ca)
        if ca is None or in_force is None or not in_force.revoked:
            return ""  # as it is nearly always, and lists of torrents ask for each of them
        shown = chain_of(ca_pem, certificate_pem)
        return OWN_REVOKED if refusal(shown, ca, in_force) else ""

    def _list_changed(self, key: bytes, found: RevocationList) -> None:
        self._changed[key] = found
        if self._turns.is_over:
            self._turns.begin(self._tell_torrents())

    def _tell_torrents(self) -> Iterator[float]:
        while self._changed:
            key = next(iter(self._changed))
            found = self._changed.pop(key)
            callers = 0
            for swarm in self._swarms.swarms():
                yield 1 / LOOKS_IN_A_TURN
                ca = certificate_of(swarm.ca)
                if swarm.torrent is None or ca is None or ca_id(ca) != key:
                    continue
                leaving = bool(self.own_refusal(swarm.ca, swarm.certificate))
                rests = swarm.torrent.resting and swarm.torrent.running and not leaving
                callers += rests  # who does not run, or has to go, calls on nobody
                dial = callers <= MOST_CALLERS
                swarm.torrent.revocation_list_changed(found, leaving=leaving, dial=dial)
                if leaving:
                    self._own_revoked(swarm)
                yield 1 / TOLD_IN_A_TURN
            self.endings.changed()

    def _own_revoked(self, swarm: Swarm) -> None:
        warning = f"the certificate of {swarm.name} is revoked: its torrent has no peers"
        self.log.warn("{warning}", warning=warning)
        swarm.torrent.telling.tell(
            EventKind.CERTIFICATE,
            what=Subject.CERTIFICATE.value,
            stage="revoked",
            ends_at=int(swarm.not_after),
            seconds_left=int(swarm.not_after - self._host.wall()),
            warning=warning,
        )
        self._swarms.hold_back(swarm.torrent)
        self._host.activity.changed(swarm.torrent)

    # -- what ends -----------------------------------------------------------------------------

    def prospects(self, swarm: Swarm) -> Prospects:
        """What is to be told of one torrent."""
        ca = certificate_of(swarm.ca)
        in_force = None if ca is None else self.lists.of(ca)
        return Prospects(
            tuple(self.endings.warnings(self._endings_of(swarm))),
            0.0 if ca is None else ca.not_valid_after_utc.timestamp(),
            0 if in_force is None else in_force.number,
            0.0 if in_force is None else in_force.made_at.timestamp(),
            0.0 if in_force is None else in_force.next_update.timestamp(),
            0 if in_force is None else len(in_force.revoked),
        )

    def watch(self, source: Callable[[], Iterable[Ending]]) -> None:
        """Warn of these ends, too, which are no torrent's."""
        self._others.append(source)

    def _all_endings(self) -> Iterator[Ending]:
        """Each CA's once, with all of its torrents."""
        shared: dict[str, list[Ending]] = {}
        for swarm in self._swarms.swarms():
            for ending in self._endings_of(swarm):
                shared.setdefault(ending.key, []).append(ending)
        for ending in (ending for source in self._others for ending in source()):
            shared.setdefault(ending.key, []).append(ending)
        for endings in shared.values():
            first = endings[0]
            torrents = tuple(torrent for each in endings for torrent in each.torrents)
            ends_at = min(each.ends_at for each in endings)
            yield replace(first, ends_at=ends_at, torrents=torrents)

    def _endings_of(self, swarm: Swarm) -> Iterator[Ending]:
        torrents = () if swarm.torrent is None else (swarm.torrent,)
        if swarm.not_after:
            key = f"{Subject.CERTIFICATE}:{swarm.key}"
            own, ends_at = certificate_of(swarm.certificate), swarm.not_after
            life = 0.0 if own is None else ends_at - own.not_valid_before_utc.timestamp()
            notice = life * NOTICE if life > 0 else math.inf
            yield Ending(Subject.CERTIFICATE, key, swarm.name, ends_at, torrents, notice)
        ca = certificate_of(swarm.ca)
        if ca is None:
            return
        name, of = name_of(ca), ca_id(ca).hex()
        ends_at = ca.not_valid_after_utc.timestamp()
        yield Ending(Subject.CA, f"{Subject.CA}:{of}", name, ends_at, torrents)
        found = self.lists.of(ca)
        if found is not None:
            due = found.next_update.timestamp()
            key = f"{Subject.REVOCATION_LIST}:{of}"
            yield Ending(Subject.REVOCATION_LIST, key, name, due, torrents)

    def measures(self) -> Sequence[Measure]:
        """Lists, and what ends when."""
        return [*self.lists.measures(), *self.endings.measures()]


@lru_cache(maxsize=2048)
def chain_of(ca_pem: str, certificate_pem: str) -> Sequence[x509.Certificate]:
    """What peers verify a certificate by (own_certificate.shown_chain); nothing: there is none."""
    try:
        return shown_chain(ca_pem, certificate_pem) if certificate_pem else ()
    except FormatError:
        return ()


@lru_cache(maxsize=2048)
def certificate_of(pem: str) -> x509.Certificate | None:
    """The first certificate in a text; None: there is none. The last texts are remembered."""
    try:
        return read_certificate(pem) if pem else None
    except FormatError:
        return None
