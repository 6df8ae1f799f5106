"""The node with the CA: what it answers to nodes that ask for certificates, whoever they are.

Who asks shows a token, or a certificate that is to be renewed, by a signature; nothing else is
believed, and the answer can be read by nobody else. A token is for one certificate a use: who asks
again with the same key, for his answer was lost, is given the same again, and no use is counted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from twisted.logger import Logger

from p2pd.automation.swarm_ca.authorities import Authorities
from p2pd.base.errors import FormatError, P2pdError
from p2pd.formats.x509.swarm_ca import SwarmCaError, check_dates, is_issued_by
from p2pd.protocols.enrolment.exchange import (
    MAX_TORRENTS,
    Answer,
    Request,
    answer_to,
    read_asked,
    refusal,
)
from p2pd.state.swarm_ca.book import Book
from p2pd.state.swarm_ca.folder import SwarmCaFolder, Wanted, key_id

AT_ONCE = 4
"""Requests that are looked at; others are asked to come again."""

Torrents = Callable[[Sequence[str]], Awaitable[list[bytes]]]
Addresses = Callable[[], Sequence[str]]


class UnprovenError(P2pdError):
    """Who asks has not shown that he may: it may be a guess."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What to send. `guess`: it was not shown who asks. What was issued is for the audit log."""

    body: bytes
    guess: bool = False
    refused: str = ""
    authority: str = ""
    token: str = ""
    serial: int = 0
    renewed: int = 0


class Issuer:
    """Answers. `torrents` has the .torrent files of ids, `addresses` where we are asked again.

    `port` is where peers of such torrents reach us.
    """

    log = Logger()

    def __init__(
        self,
        authorities: Authorities,
        torrents: Torrents,
        addresses: Addresses,
        port: Callable[[], int] = lambda: 0,
    ) -> None:
        self._authorities = authorities
        self._torrents = torrents
        self._addresses = addresses
        self._port = port
        self._under_way = 0

    @property
    def is_busy(self) -> bool:
        """Whether no more are looked at now."""
        return self._under_way >= AT_ONCE

    async def answer(self, body: bytes) -> Answered:
        """What to answer to a request, good or bad."""
        try:
            request = read_asked(body)
        except FormatError as problem:
            return Answered(refusal(str(problem)), guess=True, refused=str(problem))
        self._under_way += 1
        try:
            return await self._answer(request)
        except UnprovenError as problem:
            return Answered(refusal(str(problem)), guess=True, refused=str(problem))
        except SwarmCaError as problem:
            return Answered(refusal(str(problem)), refused=str(problem))
        except P2pdError as problem:
            # Of our own disk or key: the sentence names paths, which are nobody else's business.
            self.log.error("a certificate cannot be issued: {why}", why=str(problem))
            sentence = "it cannot issue now: its log says why"
            return Answered(refusal(sentence), refused=str(problem))
        finally:
            self._under_way -= 1

    async def _answer(self, request: Request) -> Answered:
        ids = await self._authorities.run(self._judged, request)
        torrents = _bounded(await self._torrents(ids)) if ids else []
        return await self._authorities.run(self._issued, request, torrents)

    def _judged(self, request: Request) -> Sequence[str]:
        """Which torrents go with the answer, of who may ask. Raises UnprovenError, P2pdError."""
        folder = self._folder(request)
        book = folder.book()
        if request.certificate is not None:
            self._check_certificate(folder, book, request, request.certificate)
            return ()
        _check_token(book, request)
        return book.token(request.token.hex(), self._authorities.now().timestamp()).torrents

    def _folder(self, request: Request) -> SwarmCaFolder:
        folder = self._authorities.with_fingerprint(request.fingerprint)
        if folder is None:
            raise UnprovenError("it does not have that CA")
        return folder

    def _issued(self, request: Request, torrents: Sequence[bytes]) -> Answered:
        folder, now = self._folder(request), self._authorities.now()
        renewed = 0
        with folder.changing() as book:
            if request.certificate is not None:
                self._check_certificate(folder, book, request, request.certificate)
                renewed = request.certificate.serial_number
                made = folder.renewed(book, renewed, request.key, now)
            else:
                _check_token(book, request)
                made = self._by_token(folder, book, request)
            name = book.name
        addresses = tuple(self._addresses())
        answer = Answer(made, folder.certificate(), tuple(torrents), addresses, self._port())
        body = answer_to(request, answer, folder.key())
        return Answered(
            body,
            authority=name,
            token=request.token.hex(),
            serial=made.serial_number,
            renewed=renewed,
        )

    def _by_token(self, folder: SwarmCaFolder, book: Book, request: Request) -> x509.Certificate:
        now = self._authorities.now()
        id_ = request.token.hex()
        way = f"token {id_}"
        token = book.token(id_, now.timestamp())
        again = book.of_key(key_id(request.key), way, now.timestamp())
        if again is not None:
            return folder.issued(again.serial)
        book.spend(id_, now.timestamp())
        label = token.label or request.label
        wanted = Wanted(token.names, token.days, label, way, token.renewable)
        return folder.issue(book, request.key, wanted, now)

    def _check_certificate(
        self, folder: SwarmCaFolder, book: Book, request: Request, shown: x509.Certificate
    ) -> None:
        """Raises UnprovenError when it is not his, or not ours; SwarmCaError when it is over."""
        ours = is_issued_by(shown, folder.certificate())
        if not ours or not request.is_signed_with(shown.public_key()):
            raise UnprovenError("the certificate is not of that CA, or not of who shows it")
        check_dates(shown, self._authorities.now(), "the certificate")
        if shown.serial_number not in book.issued:
            raise SwarmCaError("the CA does not know that certificate any more")


def _check_token(book: Book, request: Request) -> None:
    """Raises UnprovenError unless it is from who has the token."""
    token = book.tokens.get(request.token.hex())
    if token is None or not _is_proved(token.proof, request):
        raise UnprovenError("there is no such token: it was revoked, or ended long ago")


def _is_proved(proof: str, request: Request) -> bool:
    try:
        return request.is_signed_with(Ed25519PublicKey.from_public_bytes(bytes.fromhex(proof)))
    except ValueError:
        return False


def _bounded(torrents: Sequence[bytes]) -> list[bytes]:
    """As many as fit into an answer."""
    found, size = [], 0
    for torrent in torrents:
        size += len(torrent)
        if size > MAX_TORRENTS:
            break
        found.append(torrent)
    return found
