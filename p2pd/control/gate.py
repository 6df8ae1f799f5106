"""The checks every request passes before any resource sees it, in the order Transmission has.

Locked out (403), OPTIONS, credentials (401), the name in the Host header (421). The name check is
against DNS rebinding: a page on a hostile name that resolves to this address is turned away.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import socket
import struct
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.address import UNIXAddress
from twisted.web.resource import Resource
from twisted.web.server import Request

from p2pd.base.addresses import canonical_host
from p2pd.base.errors import FormatError
from p2pd.control.auth import Login, Verdict

PROXIED = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")
"""Headers by which a proxy says that the request is somebody else's."""


_CREDENTIALS = struct.Struct("3i")


class Plain(Resource):
    """A status and one sentence; what is said when a request gets no further."""

    isLeaf = True

    def __init__(self, status: int, sentence: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__()
        self.status = status
        self.sentence = sentence
        self.headers = headers

    def render(self, request: Request) -> bytes:
        """Say it, whatever the method was."""
        return say(request, self.status, self.sentence, self.headers)


def say(
    request: Request, status: int, sentence: str, headers: Sequence[tuple[str, str]] = ()
) -> bytes:
    """Set the status and headers on a request; returns the body, to be returned by a render."""
    request.setResponseCode(status)
    for name, value in headers:
        request.responseHeaders.addRawHeader(name, value)
    if not sentence:
        return b""
    request.setHeader(b"content-type", b"text/plain; charset=utf-8")
    return sentence.encode() + b"\n"


def nothing_here() -> Plain:
    """What stands for a path that is not there."""
    return Plain(404, "nothing here: the control API is at POST /rpc")


class Gate:
    """The checks before the tree of resources."""

    def __init__(
        self,
        login: Login,
        allowed_hosts: Sequence[str] = (),
        open_paths: Sequence[bytes] = (),
        trusted_users: Collection[int] = (),
    ) -> None:
        """`open_paths` may be read without a login by programs on this host.

        `trusted_users` (their numbers) need none on a unix socket.
        """
        self._trusted_users = frozenset(trusted_users)
        self._login = login
        self._open_paths = tuple(open_paths)
        self._allowed_hosts = tuple(host.lower().rstrip(".") for host in allowed_hosts)

    def admits(self, request: Request) -> bool:
        """Whether the credentials are right; asked before the body is read, to size its bound."""
        return self._is_trusted(request) or self._login.accepts(
            _only_header(request, b"authorization")
        )

    def refusal(self, request: Request) -> Resource | None:
        """What to answer instead of the resource, or None to go on."""
        if self._is_open(request) or self._is_trusted(request):
            verdict = Verdict.WELCOME
        else:
            credentials = _only_header(request, b"authorization")
            verdict = self._login.judge(credentials, client_host(request))
        if verdict is Verdict.LOCKED:
            return Plain(403, "too many wrong tokens from this address: try again in a minute")
        if request.method == b"OPTIONS":
            # No Access-Control-Allow-Origin: a page from elsewhere learns that it may not call.
            return Plain(204, "", [("Allow", "OPTIONS, POST")])
        if verdict is not Verdict.WELCOME:
            return _login_please()
        if not self._knows_host(_only_header(request, b"host")):
            return Plain(421, "this host name is not in control.allowed_hosts")
        return None

    def _is_trusted(self, request: Request) -> bool:
        user = unix_user(request)
        return user is not None and user in self._trusted_users

    def _is_open(self, request: Request) -> bool:
        """Behind a proxy on this host everyone would come from here: then it is not."""
        return (
            request.path in self._open_paths
            and request.method in (b"GET", b"HEAD")
            and is_loopback(client_host(request))
            and not any(request.requestHeaders.hasHeader(name) for name in PROXIED)
        )

    def _knows_host(self, header: bytes | None) -> bool:
        name = host_name(header)
        if name is None:
            return False
        if name == "localhost" or _is_ip(name):
            return True
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self._allowed_hosts)


def _login_please() -> Plain:
    challenges = [
        ("WWW-Authenticate", 'Basic realm="p2pd", charset="UTF-8"'),
        ("WWW-Authenticate", 'Bearer realm="p2pd"'),
    ]
    sentence = "log in with the control token: as Bearer, or as the password of the user p2pd"
    return Plain(401, sentence, challenges)


def is_same_origin(request: Request) -> bool:
    """Whether the request comes from no web page, or from a page of this very daemon."""
    origin = _only_header(request, b"origin")
    if origin is None:
        return not request.requestHeaders.hasHeader(b"origin")
    host = _only_header(request, b"host") or b""
    try:
        return urlsplit(origin.decode("ascii")).netloc.lower() == host.decode("ascii").lower()
    except ValueError:
        return False


def client_host(request: Request) -> str:
    """The address the connection comes from, in text, or which user of this host is at it."""
    user = unix_user(request)
    if user is not None:
        return f"user {user}"
    return str(getattr(request.getClientAddress(), "host", "127.0.0.1"))


def unix_user(request: Request) -> int | None:
    """The number of the user at the other end of a unix socket (unix(7), SO_PEERCRED)."""
    if not isinstance(request.getClientAddress(), UNIXAddress):
        return None
    transport: Any = request.channel.transport
    size, connection = _CREDENTIALS.size, transport.getHandle()
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    user: int = _CREDENTIALS.unpack(credentials)[1]
    return user


def is_loopback(host: str) -> bool:
    """Whether an IP address in text is this host's own."""
    try:
        return ipaddress.ip_address(canonical_host(host)).is_loopback
    except FormatError:
        return False


def host_name(header: bytes | None) -> str | None:
    """The name in a Host header, lower-case and without its port; None if there is none."""
    if header is None:
        return None
    try:
        name = urlsplit(f"//{header.decode('ascii').strip()}").hostname
    except ValueError:
        return None
    return name.rstrip(".") if name else None


def _only_header(request: Request, name: bytes) -> bytes | None:
    values = request.requestHeaders.getRawHeaders(name) or ()
    return values[0] if len(values) == 1 else None


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
