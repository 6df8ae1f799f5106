"""What one torrent has to be a peer of its swarm: made in a thread, used in the reactor's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Callable, Iterator, NamedTuple, Sequence

from cryptography import x509

from p2pd.base.errors import P2pdError
from p2pd.formats.x509.chain_end import ChainEnd
from p2pd.formats.x509.own_certificate import OwnCertificate, check_own, end_of, told
from p2pd.formats.x509.peer_names import ANY_TORRENT, matches, names
from p2pd.formats.x509.pem import read_certificate
from p2pd.session.revoking.swarm_revoking import Swarm
from p2pd.session.tls.tls_api import TlsState
from p2pd.state.torrent_keys import KeptCertificate
from p2pd.transports.tls.context import TlsContext, swarm_context

Refusal = Callable[[Sequence[x509.Certificate]], str | None]
"""Judges a chain that leads to the torrent's CA, the peer's own certificate first: why it is not
let in, or None. It is called in other threads, and must not raise."""

OwnRefusal = Callable[[str, str], str]
"""Whether the CA (PEM) took back a certificate (PEM) of ours: in words, or nothing."""


class Terms(NamedTuple):
    """Who may be a peer: whom this CA (PEM) certifies for a torrent of this name."""

    ca: str
    name: str


@dataclass(frozen=True, slots=True)
class SwarmIdentity:
    """Of one torrent. Without a `context` it has no peers, for the reason in `trouble`."""

    kept: KeptCertificate
    ca_name: str = ""
    own: OwnCertificate | None = None
    context: TlsContext | None = None
    trouble: str = ""
    end: ChainEnd | None = None
    """Of what is shown, with all that leads to the CA."""

    def moments(self) -> Iterator[float]:
        """When it stands otherwise than before, in Unix seconds."""
        if self.own is not None:
            yield self.own.not_before.timestamp()
            yield self.own.not_after.timestamp()
        if self.end is not None:
            yield self.end.moment.timestamp()

    def swarm(self, torrent: Any, info_hash: str) -> Swarm:
        """The torrent with this, as far as revocation and dates go."""
        not_after = 0.0 if self.own is None else self.own.not_after.timestamp()
        kept = self.kept
        return Swarm(torrent, info_hash, kept.name, kept.ca, kept.certificate, not_after)

    def stand(self, wall: float, revoked: OwnRefusal) -> tuple[TlsState, str]:
        """Whether it can be shown now, and why not, in words."""
        own = self.own
        if self.context is None or own is None:
            return TlsState.UNFIT, f"its certificate cannot be used: {self.trouble}"
        if wall < own.not_before.timestamp():
            day = f"{own.not_before:%Y-%m-%d %H:%M} UTC"
            return TlsState.NOT_YET_VALID, f"its certificate is not valid before {day}"
        if refusal := revoked(self.kept.ca, self.kept.certificate):
            return TlsState.REVOKED, f"{refusal}: it needs another one"
        if wall > own.not_after.timestamp():
            day = f"{own.not_after:%Y-%m-%d %H:%M} UTC"
            return TlsState.EXPIRED, f"its certificate expired on {day}: it needs another one"
        if self.end is not None and wall > self.end.moment.timestamp():
            day = f"{self.end.moment:%Y-%m-%d %H:%M} UTC"
            return TlsState.EXPIRED, f"{self.end.what} expired on {day}: it needs another one"
        return TlsState.READY, ""

    @property
    def terms(self) -> Terms:
        """What it was made for."""
        return Terms(self.kept.ca, self.kept.name)


def identity_of(kept: KeptCertificate, refusal: Refusal, wall: float) -> SwarmIdentity:
    """What can be made of what is kept; a certificate that has run out is told by its dates."""
    own: OwnCertificate | None = None
    ca_name = ""
    try:
        ca_name = name_of_ca(kept.ca)
        if not kept.certificate or kept.trouble:
            return SwarmIdentity(kept, ca_name, trouble=kept.trouble)
        own = told(read_certificate(kept.certificate))
        end = end_of(kept.ca, kept.certificate)
        return made(kept, refusal, _within(own, end, wall))
    except P2pdError as problem:
        return SwarmIdentity(kept, ca_name, own, trouble=str(problem))


def made(kept: KeptCertificate, refusal: Refusal, now: datetime) -> SwarmIdentity:
    """The same of a certificate that is new. Raises P2pdError: it does not fit."""
    ca, name, certificate, key, _ = kept
    own = check_own(ca, certificate, key, name, now)
    context = swarm_context(ca, certificate, key, check=_judge(name, refusal))
    return SwarmIdentity(kept, name_of_ca(ca), own, context, end=end_of(ca, certificate))


def name_of_ca(ca: str) -> str:
    """What a CA is called. Raises FormatError."""
    subject = read_certificate(ca, "the certificate of the torrent's CA").subject
    return subject.rfc4514_string()[:200]


def _within(own: OwnCertificate, end: ChainEnd, wall: float) -> datetime:
    """Now, or when it was or will be valid: that it is not is seen anew each time it is used."""
    now = datetime.fromtimestamp(wall, UTC)
    return min(max(now, own.not_before), end.moment)


def _judge(name: str, refusal: Refusal) -> Refusal:
    def judge(chain: Sequence[x509.Certificate]) -> str | None:
        found = names(chain[0])
        if not (matches(chain[0], name) or ANY_TORRENT in found):
            said = ", ".join(map(repr, found))[:200] or "no torrent"
            return f"it is for {said}, and the torrent is {name!r}"
        return refusal(chain)

    return judge
