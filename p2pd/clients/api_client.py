"""A blocking client of the control API, for programs without a reactor.

Knows HTTP and JSON-RPC 2.0; what the methods mean is for the callers.
"""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import ssl
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from p2pd import __version__
from p2pd.base.errors import P2pdError

DEFAULT_URL = "http://127.0.0.1:9091"
UNIX = "unix:"
"""What the address of a unix socket begins with; its path follows."""

TIMEOUT_SECONDS = 90.0
"""Longer than the daemon gives itself to fetch a torrent from a URL."""

PATIENT_SECONDS = 3600.0
"""For calls whose work grows with the number of torrents."""

NOT_THE_API = "what answered is not p2pd's control API"

SAYS_NOTHING = frozenset((-32602, 5))
"""Codes of errors whose message ("Invalid params", "system error") tells people nothing when there
is a sentence besides."""

MAX_ANSWER = 512 * 1024 * 1024

JsonObject = dict[str, Any]


class ApiError(P2pdError):
    """The daemon said no; `code` is the API's, or 0 for a refusal by HTTP status."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class CannotConnectError(P2pdError):
    """There is no daemon at the address, or the connection broke."""


class HttpAnswer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


class Transport(Protocol):
    """Sends the body of a call; tests have one without a network."""

    def post(self, body: bytes, token: str | None, *, patient: bool = False) -> HttpAnswer:
        """The answer, which may take long if `patient`. Raises CannotConnectError."""


class Door(Protocol):
    """Where a daemon is, for what is more than a call; tests have one without a network."""

    @property
    def host(self) -> str:
        """What the Host header says."""

    @property
    def path(self) -> str:
        """Of the API."""

    def connect(self, timeout: float) -> socket.socket:
        """A connection. Raises CannotConnectError."""

    def broken(self, error: Exception) -> CannotConnectError:
        """What to say of a connection that broke."""


class HttpTransport:
    """One connection a call: nothing to keep alive between the calls of a person."""

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        self._timeout = timeout
        self._path_of_socket = url[len(UNIX) :] if url.startswith(UNIX) else ""
        if self._path_of_socket:
            url = "http://localhost"
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            self._host, self._port = parts.hostname, parts.port
        except ValueError:
            parts, self._host, self._port = urlsplit(""), None, None
        if parts.scheme not in ("http", "https") or not self._host:
            raise P2pdError(f"not the address of a control API: {url[:200]!r}")
        self._secure = parts.scheme == "https"
        self._path = parts.path if parts.path not in ("", "/") else "/rpc"
        self._place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        if self._path_of_socket:
            self._place = f"{UNIX}{self._path_of_socket}"

    def post(self, body: bytes, token: str | None, *, patient: bool = False) -> HttpAnswer:
        """POST to the API's path. Raises CannotConnectError."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"p2pctl/{__version__}",
            "Connection": "close",
        }
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        connection = self._connection(PATIENT_SECONDS if patient else self._timeout)
        try:
            connection.request("POST", self._path, body, headers)
            response = connection.getresponse()
            return HttpAnswer(response.status, response.read(MAX_ANSWER))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self.broken(error) from None
        finally:
            connection.close()

    @property
    def host(self) -> str:
        """What the Host header says."""
        port = "" if self._port is None else f":{self._port}"
        shown = f"[{self._host}]" if ":" in str(self._host) else str(self._host)
        return f"{shown}{port}"

    @property
    def path(self) -> str:
        """Of the API."""
        return self._path.rstrip("/")

    def connect(self, timeout: float) -> socket.socket:
        """A connection, with TLS if the address says so. Raises CannotConnectError."""
        connection = self._connection(timeout)
        try:
            connection.connect()
        except (OSError, ValueError) as error:
            raise self.broken(error) from None
        made: socket.socket = connection.sock
        return made

    def broken(self, error: Exception) -> CannotConnectError:
        """What to say of a connection that broke, or never was."""
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return CannotConnectError(f"cannot reach the daemon at {self._place}: {words}")

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        assert self._host is not None
        if self._path_of_socket:
            return _UnixConnection(self._path_of_socket, timeout)
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=timeout, context=ssl.create_default_context()
        )


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._socket_path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._socket_path)


class ApiClient:
    """Calls methods; results are JSON objects as the reference has them."""

    def __init__(self, transport: Transport, token: str | None = None) -> None:
        self._transport = transport
        self._token = token
        self._ids = itertools.count(1)

    def call(self, method: str, /, **params: Any) -> JsonObject:
        """The result. Raises ApiError and CannotConnectError, each with a sentence."""
        return self._call(method, params, patient=False)

    def call_patiently(self, method: str, /, **params: Any) -> JsonObject:
        """The same, of what may take an hour."""
        return self._call(method, params, patient=True)

    def _call(self, method: str, params: JsonObject, *, patient: bool) -> JsonObject:
        call = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        body = json.dumps(call).encode()
        answer = self._transport.post(body, self._token, patient=patient)
        if answer.status != 200:
            raise ApiError(0, _refusal(answer, self._token is not None))
        try:
            return answer_of(json.loads(answer.body))
        except (ValueError, RecursionError):
            raise ApiError(0, NOT_THE_API) from None

    def torrents(self, fields: list[str], ids: list[int] | None = None) -> list[JsonObject]:
        """The fields of some torrents, or of all."""
        chosen: JsonObject = {} if ids is None else {"ids": ids}
        rows: list[JsonObject] = self.call("torrent_get", fields=fields, **chosen)["torrents"]
        return rows


def answer_of(reply: Any) -> JsonObject:
    """The result in an answer object of JSON-RPC 2.0. Raises ApiError."""
    try:
        if (error := reply.get("error")) is not None:
            raise ApiError(int(error["code"]), _sentence(error))
        result: JsonObject = reply["result"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ApiError(0, NOT_THE_API) from None
    return result


def _sentence(error: JsonObject) -> str:
    data = error.get("data")
    detail = data.get("error_string") if isinstance(data, dict) else None
    if detail and error["code"] in SAYS_NOTHING:
        return str(detail)
    return f"{error['message']}: {detail}" if detail else str(error["message"])


def _refusal(answer: HttpAnswer, had_token: bool) -> str:
    if answer.status == 401:
        if had_token:
            return "the daemon does not accept this token"
        return "the daemon asks for its token: give --token, P2PCTL_TOKEN or --state-dir"
    said = answer.body[:300].decode("utf-8", "replace").partition("\n")[0]
    return f"the daemon answered {answer.status}: {said}"
