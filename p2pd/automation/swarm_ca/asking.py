"""The node that wants a certificate: makes a key, asks, and looks at what it is given.

The key is made here and never leaves this node. All of it blocks but `ask`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from p2pd.automation.refusals import RefusedError
from p2pd.automation.web import WebError
from p2pd.base.errors import P2pdError
from p2pd.formats.x509.pem import PrivateKey, certificate_pem, private_key_pem, read_private_key
from p2pd.formats.x509.swarm_ca import check_dates, fingerprint, is_issued_by, new_key, new_request
from p2pd.protocols.enrolment import exchange
from p2pd.protocols.enrolment.exchange import Answer, Asking, ExchangeError
from p2pd.protocols.enrolment.token import Token
from p2pd.state.swarm_ca.enrolled import Enrolled


class Post(Protocol):
    """Reaches other nodes (`node_post.NodePost`)."""

    async def send(self, address: str, body: bytes) -> bytes:
        """What a node answers. Raises WebError."""

    async def hosts(self, address: str) -> Sequence[str]:
        """The IP addresses of a node. Raises WebError."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is about to be asked, and the key that a certificate is wanted for."""

    key: PrivateKey = field(repr=False)
    asking: Asking

    @property
    def key_pem(self) -> str:
        """As it is kept."""
        return private_key_pem(self.key)


def with_token(token: Token, label: str) -> Ask:
    """For whoever has a token."""
    key = new_key()
    asking = Asking(
        token.fingerprint, new_request(key), proof=token.key, token=token.id, label=label
    )
    return Ask(key, asking)


def for_renewal(enrolled: Enrolled, key_pem: str, key: PrivateKey) -> Ask:
    """To renew, for a new key, what is had for another."""
    asking = Asking(
        fingerprint(enrolled.ca),
        new_request(key),
        proof=read_private_key(key_pem),
        certificate=enrolled.certificate,
    )
    return Ask(key, asking)


async def ask(post: Post, addresses: Sequence[str], asking: Asking) -> tuple[Answer, str]:
    """The first good answer, and of which address. Raises P2pdError.

    What a node refuses is refused. Who cannot be reached, or answers what is not from the CA, is
    not the one that is meant: the next address may be.
    """
    problems = []
    for address in addresses:
        try:
            return asking.read(await post.send(address, asking.body)), address
        except WebError as problem:
            problems.append(str(problem))
        except exchange.RefusedError as problem:
            raise RefusedError(f"{address} refuses: {problem}") from None
        except P2pdError as problem:
            problems.append(f"{address}: {problem}")
    raise ExchangeError("; ".join(problems))


def checked(answer: Answer, now: datetime) -> Answer:
    """The same, if its certificate can be used. Raises P2pdError."""
    if not is_issued_by(answer.certificate, answer.ca):
        raise ExchangeError("the certificate that was sent is not of its CA")
    check_dates(answer.certificate, now, "by this machine's clock the new certificate")
    return answer


def enrolled_by(answer: Answer, id_: str, addresses: Sequence[str]) -> Enrolled:
    """As it is kept: with where the node with the CA wants to be asked again."""
    return Enrolled(
        id_,
        certificate_pem(answer.certificate),
        certificate_pem(answer.ca),
        tuple(answer.addresses) or tuple(addresses),
    )
