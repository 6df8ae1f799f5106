"""HTTPS trackers of a torrent with a CA of its own: they are believed by that CA alone.

The tracker shows a certificate that this CA issued for its host, and that it did not take back,
and is shown the torrent's own then. Peers' names, that of the torrent and `*`, are no names of
hosts: no peer can pretend to be the tracker. A connection is for one question and for one torrent.
Who was asked by such a connection cannot send us on to one in the clear.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IPolicyForHTTPS
from zope.interface import implementer

from p2pd.formats.x509.server_names import is_address, is_for_host
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.transports.tls.context import Check, TlsContext, Verdict


class Credentials(NamedTuple):
    """Of one torrent, as it is now; `refusal` says who is not to be believed any more."""

    context: TlsContext
    refusal: Check


AskCredentials = Callable[[], Credentials | None]
"""What a torrent has to show; None: it is a torrent as any other, and so are its trackers. Raises
TrackerError: it has nothing that can be shown, and why."""

MakeAgent = Callable[[IPolicyForHTTPS], IAgent]
"""An agent that keeps no connection."""


@implementer(IPolicyForHTTPS, IOpenSSLClientConnectionCreator)
class TorrentCertificates:
    """Makes the one connection of a question. `refusal` is why the tracker was not believed."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._host = ""
        self._verdict = Verdict()

    @property
    def refusal(self) -> str:
        """In words; empty if there was none."""
        return self._verdict.refusal

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:  # noqa: N802 - Twisted's name
        """What makes the connection to a server."""
        self._host = hostname.decode("ascii").strip("[]")
        return self

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:  # noqa: N802, N803
        """It, before the handshake."""
        server_name = "" if is_address(self._host) else self._host
        self._verdict = Verdict()
        return self._credentials.context.ask(server_name, self._check, self._verdict)

    def _check(self, chain: Sequence[x509.Certificate]) -> str | None:
        if not is_for_host(chain[0], self._host):
            return f"it is not for {self._host}"
        return self._credentials.refusal(chain)


@implementer(IAgent)
class TorrentAgent:
    """The requests of one question: `shared` has those to HTTP, and what torrents have in common.

    Whether a torrent has a CA is asked when it counts: it may be known only since its metadata is.
    """

    def __init__(self, shared: IAgent, make: MakeAgent, credentials: AskCredentials) -> None:
        self._shared = shared
        self._make = make
        self._credentials = credentials
        self._is_private = False

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: Any = None,  # noqa: N803 - Twisted's name
    ) -> Any:
        """As an agent has it; raises and fails with TrackerError, too."""
        if not uri.startswith(b"https:"):
            if self._is_private:
                raise TrackerError("it redirects to something that is not HTTPS")
            return self._shared.request(method, uri, headers, bodyProducer)
        credentials = self._credentials()
        if credentials is None:
            return self._shared.request(method, uri, headers, bodyProducer)
        self._is_private = True
        certificates = TorrentCertificates(credentials)
        asking: Deferred[Any] = self._make(certificates).request(method, uri, headers, bodyProducer)
        return asking.addErrback(_in_words, certificates)


def _in_words(failure: Failure, certificates: TorrentCertificates) -> Failure:
    if certificates.refusal:
        raise TrackerError(f"its certificate is refused: {certificates.refusal}") from None
    problem = failure.value
    if isinstance(problem, ResponseFailed) and any(map(is_refusal, problem.reasons)):
        raise TrackerError("it refuses the certificate of the torrent") from None
    return failure


def is_refusal(failure: Failure) -> bool:
    """Whether it is an alert, which only the other side sends, that is about certificates."""
    words = str(failure.value).lower()
    is_ours = "certificate" in words or "unknown ca" in words or "access denied" in words
    return failure.check(SSL.Error) is not None and "alert" in words and is_ours
