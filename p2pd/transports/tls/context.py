"""What the TLS connections of one swarm are made with: its CA, our certificate, and the rules.

TLS 1.2 or newer; both ends show a certificate, which the swarm's CA and nobody else has to have
issued (libtorrent's SSL torrents have it so). Nothing is resumed: no tickets, no cache, no early
data; no renegotiation and no compression. Names of hosts and addresses count for nothing: whose a
certificate is, `check` judges.
"""

from __future__ import annotations

from typing import Any, Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto

from p2pd.base.errors import FormatError
from p2pd.formats.x509.unreadable import NO_KEY
from p2pd.transports.tls.suites import best_suites

Check = Callable[[Sequence[x509.Certificate]], str | None]
"""Judges a chain that leads to the CA, the peer's own certificate first: None, or a refusal in
words. It is called in another thread, for several peers at a time, and must not raise."""

VERIFY = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
_PRIORITIZE_CHACHA = 1 << 21
"""SSL_OP_PRIORITIZE_CHACHA, for which pyOpenSSL has no name: who dials and likes that best gets it,
for his processor has no AES."""

OPTIONS = (
    SSL.OP_NO_SSLv2
    | SSL.OP_NO_SSLv3
    | SSL.OP_NO_COMPRESSION
    | SSL.OP_NO_RENEGOTIATION
    | SSL.OP_NO_TICKET
    | SSL.OP_CIPHER_SERVER_PREFERENCE
    | _PRIORITIZE_CHACHA
)
MOST_BETWEEN = 4
"""Certificates between a peer's own and the CA's."""

_PARTIAL_WRITE = 1
"""SSL_MODE_ENABLE_PARTIAL_WRITE, which pyOpenSSL sets and has no name for: with it one call writes
one record."""

_WORDS = {
    9: "it is not valid yet",
    10: "it has expired",
    7: "its signature is wrong",
    18: "it is signed by itself",
    19: "it is of another CA",
    20: "it is of another CA",
    21: "it is of another CA",
    22: "it is too many CAs away from the swarm's",
    24: "its issuer is no CA",
    25: "it is too many CAs away from the swarm's",
    26: "it is not for this use",
    34: "it has a critical extension that is not known here",
    47: "its issuer may not issue for this name",
    48: "its issuer may not issue for this name",
    66: "its key is too weak",
    67: "the key of its issuer is too weak",
    68: "it is signed with a digest that is too weak",
    79: "its issuer is no CA",
}
"""X509_V_ERR numbers that have a cause which a user can see."""


class Verdict:
    """What was found of the certificates of one connection; `refusal` is in words."""

    __slots__ = ("chain", "refusal")

    def __init__(self) -> None:
        self.chain: list[x509.Certificate] = []
        self.refusal = ""


class TlsContext:
    """Makes the connections of one swarm. To be made by `swarm_context`, and kept."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def accept(self) -> SSL.Connection:
        """A connection that was dialled by the peer."""
        connection = self._new()
        connection.set_accept_state()
        return connection

    def dial(self, server_name: str) -> SSL.Connection:
        """One that we dialled, with the name by which the peer knows the swarm."""
        connection = self._new()
        connection.set_tlsext_host_name(server_name.encode("ascii"))
        connection.set_connect_state()
        return connection

    def made(self, connection: SSL.Connection) -> bool:
        """Whether this connection is one of this swarm, as it is known here."""
        return connection.get_context() is self._context

    def ask(self, server_name: str, check: Check, verdict: Verdict) -> SSL.Connection:
        """One to a server of the swarm that is no peer: `check` judges it, and nothing else.

        The name is of a host; empty: it has none. It is shown our certificate if it asks for one,
        and after its own was found to be good. What the connection is for is left to the caller
        (app_data).
        """
        connection = self._new()
        if server_name:
            connection.set_tlsext_host_name(server_name.encode("ascii"))
        connection.set_verify(VERIFY, _judge(check, verdict))
        connection.set_connect_state()
        return connection

    def _new(self) -> SSL.Connection:
        connection = SSL.Connection(self._context)
        connection.set_app_data(Verdict())
        return connection


def swarm_context(ca_pem: str, certificate_pem: str, key_pem: str, *, check: Check) -> TlsContext:
    """The context of a swarm with this CA, for the node that has this certificate and key.

    Of the CA's text the first certificate counts; what follows the first of `certificate_pem` goes
    along with it, for those who need it to come to the CA. Raises FormatError.
    """
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(OPTIONS)
    suites = best_suites()
    context.set_cipher_list(suites.tls_1_2)
    context.set_tls13_ciphersuites(suites.tls_1_3)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(b"p2pd")
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.clear_mode(_PARTIAL_WRITE)
    _trust(context, ca_pem)
    _show(context, certificate_pem, key_pem)
    context.set_verify_depth(MOST_BETWEEN)
    context.set_verify(VERIFY, _judge(check))
    return TlsContext(context)


def _trust(context: SSL.Context, ca_pem: str) -> None:
    store = context.get_cert_store()
    assert store is not None
    try:
        store.add_cert(crypto.X509.from_cryptography(_certificates(ca_pem)[0]))
    except (ValueError, IndexError, crypto.Error):
        raise FormatError("the swarm's CA is no certificate that can be used") from None


def _show(context: SSL.Context, certificate_pem: str, key_pem: str) -> None:
    try:
        own, *others = _certificates(certificate_pem)
        context.use_certificate(own)
        for other in others:
            context.add_extra_chain_cert(other)
    except (ValueError, crypto.Error, SSL.Error):
        raise FormatError("the certificate is none that can be used") from None
    try:
        key: Any = load_pem_private_key(key_pem.encode(), None)
        context.use_privatekey(key)
        context.check_privatekey()
    except SSL.Error:
        raise FormatError("the private key is not the certificate's") from None
    except (*NO_KEY, crypto.Error):
        raise FormatError("the private key is none that can be used") from None


def _certificates(pem: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem.encode())


def _judge(
    check: Check, known: Verdict | None = None
) -> Callable[[SSL.Connection, crypto.X509, int, int, int], bool]:
    """Called for each certificate of a chain, the CA's first, and for what is wrong with it.

    What is found goes to the verdict of the connection, unless it is known whose that is.
    """

    def judge(
        connection: SSL.Connection, certificate: crypto.X509, problem: int, depth: int, ok: int
    ) -> bool:
        verdict: Verdict = connection.get_app_data() if known is None else known
        if not ok:
            verdict.refusal = _WORDS.get(problem, f"it cannot be verified ({problem})")
            return False
        verdict.chain.insert(0, certificate.to_cryptography())
        if not depth:
            verdict.refusal = check(verdict.chain) or ""
        return not verdict.refusal

    return judge
