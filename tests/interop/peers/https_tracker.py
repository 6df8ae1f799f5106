"""A small HTTPS tracker by Python's own ssl, which asks who comes for a certificate."""

from __future__ import annotations

import http.server
import itertools
import socketserver
import ssl
import threading
import urllib.parse
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from p2pd.clients.free_port import free_port
from p2pd.formats import bencode
from peers.tls_swarm import HOST, Identity

SECONDS = 10
PEER_SIZE = 6


class Question(NamedTuple):
    """An announce: by which connection it came, with whose certificate, for which host."""

    connection: int
    serial: int
    server_name: str | None
    info_hash: bytes
    event: str
    port: int


class HttpsTracker:
    """It shows `identity` and lets in whom `trusts` (PEM) certifies, as they are at the moment.

    `refused` says what went wrong with those who did not get as far as a question.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(HOST)
        self.url = f"https://localhost:{self.port}/announce"
        self.questions: list[Question] = []
        self.refused: list[str] = []
        self.peers: set[int] = set()
        self.numbers = itertools.count(1)
        self._context: ssl.SSLContext | None = None

    def show(self, identity: Identity, *, trusts: str) -> None:
        """From now on."""
        pem = self._folder / "tracker.pem"
        pem.write_text(identity.key + identity.certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        context.load_verify_locations(cadata=trusts)
        context.verify_mode = ssl.CERT_REQUIRED
        context.sni_callback = _note_name
        self._context = context

    def wrap(self, plain: Any) -> Any:
        """The connection of somebody who came, after the handshake."""
        assert self._context is not None
        plain.settimeout(SECONDS)
        return self._context.wrap_socket(plain, server_side=True)

    def answer(self, question: Question) -> bytes:
        """The others that announced themselves."""
        self.questions.append(question)
        peers = b"".join(
            bytes(map(int, HOST.split("."))) + port.to_bytes(2, "big")
            for port in sorted(self.peers - {question.port})
        )
        self.peers.add(question.port)
        return bencode.encode({b"interval": 1800, b"peers": peers})

    def __enter__(self) -> HttpsTracker:
        self._server = _Server((HOST, self.port), _Handler)
        self._server.tracker = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join(SECONDS)
        self._server.server_close()


def _note_name(connection: Any, name: str | None, _context: ssl.SSLContext) -> None:
    connection.asked_for = name


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    tracker: HttpsTracker


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    """Connections stay, if who asks wants that."""

    server: _Server

    def handle(self) -> None:
        """All that comes by a connection."""
        try:
            super().handle()
        except (OSError, ValueError) as problem:
            self.server.tracker.refused.append(getattr(problem, "reason", "") or str(problem))

    def setup(self) -> None:
        """Shake hands, or note why not."""
        self._number = next(self.server.tracker.numbers)
        try:
            self.request = self.server.tracker.wrap(self.request)
        except OSError as problem:
            self.server.tracker.refused.append(getattr(problem, "reason", "") or str(problem))
            self.handle = lambda: None  # type: ignore[method-assign]
        super().setup()

    def do_GET(self) -> None:
        """An announce."""
        asked = dict(
            each.split("=", 1) for each in urllib.parse.urlsplit(self.path).query.split("&")
        )
        shown = self.request.getpeercert()
        question = Question(
            self._number,
            int(shown["serialNumber"], 16),
            getattr(self.request, "asked_for", None),
            urllib.parse.unquote_to_bytes(asked["info_hash"]),
            asked.get("event", ""),
            int(asked["port"]),
        )
        body = self.server.tracker.answer(question)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is written."""
