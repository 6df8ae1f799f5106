"""Revocation lists among the peers of one torrent (p2pd_crl): who has which, and who gets it.

Each side says which list it has when the two meet, and whenever it gets a newer one; who lacks it
asks one of those that have it. So a list crosses each connection once at most, and comes to each
node about once. Whoever a new list names is sent it and parted from, all in one turn, and learns by
it why nobody talks to him any more. Seeds, who have no other reason to meet, call on each other to
tell of a new list, and while they serve somebody to hear of one, now and then. What a peer may say
is bounded; a list that it sends and the torrent's CA did not sign, or that is another than it said,
is held against it.
"""

from __future__ import annotations

from typing import Any, Iterable, Protocol

from cryptography import x509
from twisted.logger import Logger

from p2pd.base.errors import FormatError
from p2pd.formats.x509.chain_end import OF_CA
from p2pd.formats.x509.revocation import RevocationList, refusal
from p2pd.protocols.peerwire.extensions import p2pd_crl
from p2pd.protocols.peerwire.extensions.p2pd_crl import (
    NO_LIST,
    ListHeld,
    ListSent,
    ListVersion,
    ListWanted,
)
from p2pd.session.revoking.revocations import Revocations

NAME = p2pd_crl.NAME
ANSWER_SECONDS = 10.0
"""What a peer has to send a list that was asked of it; then another is asked."""
AT_ONCE, SECONDS_EACH = 30, 5.0
"""Messages that a peer may send at once, and after how many seconds it may send one more."""


VISITS = 16
"""To how many seeds a seed brings a new list. Who hears brings it to as many, so that a few are
enough for all of a large swarm to hear of it."""
FIRST_LOOKS, VISIT_SECONDS = 3, 300.0
"""At how many a seed looks whether there is one when it begins to serve, and how often at one more.
Who is called on serves nobody for that: it calls on nobody itself."""


class RevocationPeer(Protocol):
    """A connected peer; hashable by identity."""

    closed: bool
    address: Any
    extensions: Any
    certificate: Any
    peer_interested: bool

    def flush(self) -> None: ...
    def disconnect(self, reason: str) -> None: ...


class RevocationOwner(Protocol):
    """The torrent."""

    @property
    def ca(self) -> x509.Certificate | None:
        """Whose certificates its peers have; None: their peers need none."""

    @property
    def connected(self) -> Iterable[Any]: ...

    record: Any
    host: Any
    dialling: Any

    def is_complete(self) -> bool: ...


class _Said:
    """What is known of one peer."""

    __slots__ = ("allowance", "at", "given", "told", "unanswered", "version")

    def __init__(self, now: float) -> None:
        self.version = NO_LIST
        self.unanswered = 0
        self.told = False
        """Whether it heard which list we have."""
        self.given: ListVersion | None = None
        """The list that it got of us last."""
        self.allowance, self.at = float(AT_ONCE), now

    def may_speak(self, now: float) -> bool:
        """Whether one more message is not too many."""
        grown = self.allowance + (now - self.at) / SECONDS_EACH
        self.allowance, self.at = min(float(AT_ONCE), grown) - 1.0, now
        return self.allowance >= 0.0


class TorrentRevocations:
    """The exchange of one torrent. To be told of every list that is in force from now on."""

    __slots__ = ("_asked", "_asked_at", "_judged", "_next_visit", "_owner", "_said", "_session")

    log = Logger()

    def __init__(self, owner: RevocationOwner, session: Revocations) -> None:
        self._owner = owner
        self._session = session
        self._said: dict[RevocationPeer, _Said] = {}
        self._judged: set[RevocationPeer] = set()
        """Those of whom no list that came before them can be news."""
        self._asked: RevocationPeer | None = None
        self._asked_at = 0.0
        self._next_visit: float | None = None

    @property
    def allowed(self) -> bool:
        """Whether there is a CA whose lists could be exchanged."""
        return self._owner.ca is not None

    def may_have_news(self, peer: RevocationPeer) -> bool:
        """Whether a peer is worth a word though neither side wants data of the other."""
        return self.allowed and (peer.extensions.expected or peer.extensions.speaks(NAME))

    # -- peers come and go ---------------------------------------------------------------------

    def introduced(self, peer: RevocationPeer, now: float) -> None:
        """It told which extensions it speaks."""
        ca = self._owner.ca
        if ca is None or self._was_let_in_late(peer, ca) or not peer.extensions.speaks(NAME):
            return
        said = self._said.setdefault(peer, _Said(now))
        if not said.told:
            said.told = True
            self._tell(peer)

    def left(self, peer: RevocationPeer, now: float) -> None:
        """A connection ended."""
        self._said.pop(peer, None)
        self._judged.discard(peer)
        if peer is self._asked:
            self._asked = None
            self._ask(now)

    def tick(self, now: float) -> None:
        """Once a second: whose certificate ended goes; who does not answer is not waited for."""
        self._end_connections()
        self._look_at_seeds(now)
        if self._asked is not None and now >= self._asked_at + ANSWER_SECONDS:
            said = self._said.get(self._asked)
            if said is not None:
                said.unanswered += 1
            self._asked = None
            self._ask(now)

    def _look_at_seeds(self, now: float) -> None:
        if self._next_visit is not None and now < self._next_visit:
            return
        if any(peer.peer_interested for peer in self._owner.connected):
            self._visit(FIRST_LOOKS if self._next_visit is None else 1)
            self._next_visit = now + VISIT_SECONDS

    def _visit(self, count: int) -> None:
        if self.allowed and self._owner.is_complete():
            self._owner.dialling.call_on_seeds(count)

    def _end_connections(self) -> None:
        ca = self._owner.ca
        if ca is None:
            return
        wall = self._owner.host.wall()
        all_over = ca.not_valid_after_utc.timestamp() <= wall
        for peer in list(self._owner.connected):
            if peer.certificate is None or self._was_let_in_late(peer, ca):
                continue
            if peer.certificate.not_after <= wall:
                self._part(peer, f"{peer.certificate.ends_by} has expired")
            elif all_over:
                self._part(peer, f"{OF_CA} has expired")

    def _was_let_in_late(self, peer: RevocationPeer, ca: x509.Certificate) -> bool:
        """A list may have come after its certificate was verified, and before it was let in."""
        if peer in self._judged or peer.certificate is None:
            return False
        self._judged.add(peer)
        found = self._session.of(ca)
        if found is None or not found.revoked:
            return False
        if not peer.certificate.between and peer.certificate.serial not in found.revoked:
            return False  # as it is nearly always, without reading it
        reason = _reason(peer, ca, found)
        if reason is not None:
            self._part(peer, reason)
        return reason is not None

    # -- a message -----------------------------------------------------------------------------

    def received(self, peer: RevocationPeer, payload: bytes, now: float) -> None:
        """What a peer says of lists. Raises FormatError."""
        ca = self._owner.ca
        if ca is None:
            return
        said = self._said.setdefault(peer, _Said(now))
        if not said.may_speak(now):
            raise FormatError("it says too much of revocation lists")
        message = p2pd_crl.parse(payload)
        if isinstance(message, ListHeld):
            said.version = message.version
            self._ask(now)
        elif isinstance(message, ListWanted):
            self._give(peer, said)
        elif isinstance(message, ListSent):
            self._take(peer, said, message, ca)
            self._ask(now)  # another may have said by now that it has a newer one

    def _take(
        self, peer: RevocationPeer, said: _Said, message: ListSent, ca: x509.Certificate
    ) -> None:
        if peer is self._asked:
            self._asked = None
        said.version = message.version
        if message.version <= self._version():
            return  # somebody else was quicker
        found = self._session.take(message.der, ca, f"the peer {peer.address}")
        if found is None or found.version != message.version:
            raise FormatError("it sent another revocation list than it said")

    # -- asking and giving ---------------------------------------------------------------------

    def _version(self) -> ListVersion:
        ca = self._owner.ca
        found = None if ca is None else self._session.of(ca)
        return NO_LIST if found is None else ListVersion(*found.version)

    def _ask(self, now: float) -> None:
        """One of those that have a newer list, if nobody is asked: first who always answered."""
        if self._asked is not None:
            return
        ours = self._version()
        newer = [(said, peer) for peer, said in self._said.items() if said.version > ours]
        if newer:
            _, peer = min(newer, key=lambda one: (one[0].unanswered, -one[0].version.number))
            self._asked, self._asked_at = peer, now
            self._send(peer, ListWanted())

    def _give(self, peer: RevocationPeer, said: _Said) -> None:
        ca = self._owner.ca
        found = None if ca is None else self._session.of(ca)
        if found is None:
            return
        version = ListVersion(*found.version)
        if said.given != version:  # once is enough
            said.given = said.version = version
            self._send(peer, ListSent(version, found.der))

    def _tell(self, peer: RevocationPeer) -> None:
        self._send(peer, ListHeld(self._version()))

    def _send(self, peer: RevocationPeer, message: ListHeld | ListWanted | ListSent) -> None:
        if not peer.closed:
            peer.extensions.send(NAME, message.encode())
            peer.flush()

    # -- a list is in force --------------------------------------------------------------------

    def list_changed(self, found: RevocationList, *, leaving: bool = False) -> None:
        """It holds for those that are connected, and others are to have it: at once all of it, if
        we are `leaving` and nobody could ask for it.
        """
        ca = self._owner.ca
        if ca is None:
            return
        version = ListVersion(*found.version)
        for peer in list(self._owner.connected):
            said = self._said.get(peer)
            reason = _reason(peer, ca, found)
            if reason is None:
                if said is not None and said.version < version:
                    self._give(peer, said) if leaving else self._tell(peer)
                continue
            if said is not None and said.version < version:
                self._give(peer, said)
            self._part(peer, reason)
        if not leaving:
            self._visit(VISITS)

    def _part(self, peer: RevocationPeer, reason: str) -> None:
        self.log.info(
            "{name}: {address} is disconnected: {reason}",
            name=self._owner.record.name,
            address=peer.address,
            reason=reason,
        )
        peer.disconnect(reason)


def _reason(peer: RevocationPeer, ca: x509.Certificate, found: RevocationList) -> str | None:
    """Why a peer that was let in is to go."""
    if peer.certificate is None:
        return None
    shown = (peer.certificate.der, *peer.certificate.between)
    chain = [x509.load_der_x509_certificate(each) for each in shown]
    if found.revoked and chain[-1].issuer != ca.subject:
        # Who came by a CA of another name is judged when he comes again.
        return "its certificate is to be looked at anew"
    return refusal(chain, ca, found)
