"""What is asked of an authority, whole: certificates, renewed ones, tokens. It blocks.

The daemon does it in threads, and p2pctl with an authority that is kept away from daemons.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from p2pd.formats.x509.pem import PublicKey, private_key_pem, read_request
from p2pd.formats.x509.swarm_ca import SwarmCaError, fingerprint, new_key
from p2pd.protocols.enrolment.token import new_token, token_text
from p2pd.state.swarm_ca.book import EnrolmentToken
from p2pd.state.swarm_ca.folder import SwarmCaFolder, Wanted

MOST_HOURS = 24.0 * 366


@dataclass(frozen=True, slots=True)
class Given:
    """What was issued, and by whom. There is a private key (PEM) if it was made here."""

    certificate: x509.Certificate
    ca: x509.Certificate
    private_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TokenWish:
    """What is to be asked for with a token. `days` None: as the authority usually does."""

    addresses: tuple[str, ...]
    names: tuple[str, ...]
    torrents: tuple[str, ...] = ()
    uses: int = 1
    hours: float = 24.0
    days: float | None = None
    label: str = ""
    renewable: bool = True


def issue(folder: SwarmCaFolder, wanted: Wanted, csr: str | None, now: datetime) -> Given:
    """A certificate, for the key of a request (PEM) or a new one. Raises P2pdError."""
    own = None
    if csr is None:
        own = new_key()
        key: PublicKey = own.public_key()
    else:
        found = read_request(csr).public_key()
        assert isinstance(found, PublicKey)
        key = found
    with folder.changing() as book:
        made = folder.issue(book, key, wanted, now)
    return Given(made, folder.certificate(), "" if own is None else private_key_pem(own))


def renew(folder: SwarmCaFolder, serial: int, now: datetime) -> Given:
    """The same certificate anew, for the same key. Raises P2pdError."""
    with folder.changing() as book:
        made = folder.renewed(book, serial, None, now)
    return Given(made, folder.certificate())


def make_token(folder: SwarmCaFolder, wish: TokenWish, now: datetime) -> tuple[str, EnrolmentToken]:
    """A token, as text, and what is kept of it. Raises P2pdError."""
    if not 0 < wish.hours <= MOST_HOURS:
        raise SwarmCaError(f"a token is good for {MOST_HOURS:.0f} hours at most")
    token = new_token(wish.addresses, fingerprint(folder.certificate()))
    at = int(now.timestamp())
    with folder.changing() as book:
        row = EnrolmentToken(
            id=token.id.hex(),
            proof=token.proof.hex(),
            names=wish.names,
            days=book.limits.usual_days if wish.days is None else wish.days,
            uses=wish.uses,
            made_at=at,
            expires_at=at + round(wish.hours * 3600),
            label=wish.label,
            renewable=wish.renewable,
            torrents=wish.torrents,
        )
        book.note_token(row)
    return token_text(token), row


def remove_token(folder: SwarmCaFolder, id_: str) -> None:
    """It is good for nothing from now on. Raises P2pdError."""
    with folder.changing() as book:
        if book.tokens.pop(id_, None) is None:
            raise SwarmCaError(f"the CA has no token {id_[:40]!r}")
