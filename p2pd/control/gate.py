"""The checks every request passes before any resource sees it, in the order Transmission has.

Locked out (403), OPTIONS, credentials (401), the name in the Host header (421). The name check is
against DNS rebinding: a page on a hostile name that resolves to this address is turned away. What
proxies say of a request counts when they are trusted, for all of these.
"""

from __future__ import annotations

import enum
import fnmatch
import ipaddress
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from twisted.internet.address import UNIXAddress
from twisted.web.resource import Resource
from twisted.web.server import Request

from p2pd.base.addresses import canonical_host
from p2pd.base.errors import FormatError
from p2pd.control.access.caller import Caller, Identity
from p2pd.control.access.proxies import Forwarded, Proxies
from p2pd.control.access.roles import Role
from p2pd.control.auth import Judgement, Login, Verdict

if TYPE_CHECKING:
    from p2pd.control.request import ControlRequest

FORWARDED = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-prefix")
"""In the order in which `Proxies.read` takes them."""

PROXIED = (b"forwarded", b"x-real-ip", b"via", *FORWARDED)
"""Headers by which a proxy says that the request is somebody else's."""

_SCRAPER = Identity("", Role.READ_ONLY)
_CREDENTIALS = struct.Struct("3i")


class Standing(enum.Enum):
    """What is known of a sender before the body comes."""

    KNOWN = "known"
    CLAIMED = "claimed"
    """It names a user, whose password was not looked at yet."""
    STRANGER = "stranger"


class SocketUser(NamedTuple):
    """Whose process may be at a unix socket, and who that is here."""

    name: str
    role: Role | None
    """None: that of the user of this name."""


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
    """The checks before the tree of resources, and who it is that passes them."""

    def __init__(
        self,
        login: Login,
        allowed_hosts: Sequence[str] = (),
        open_paths: Sequence[bytes] = (),
        socket_users: Mapping[int, SocketUser] | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        """`open_paths` may be read without a login by programs on this host.

        `socket_users` (by the numbers that the system has for them) need none on a unix socket.
        """
        self._socket_users = dict(socket_users or {})
        self._login = login
        self._open_paths = tuple(open_paths)
        self._proxies = proxies or Proxies()
        self._allowed_hosts = tuple(host.lower().rstrip(".") for host in allowed_hosts)

    def standing(self, request: ControlRequest) -> Standing:
        """Asked before the body is read, to size its bound."""
        request.seen = self._forwarded(request)
        credentials = _only_header(request, b"authorization")
        if self._by_socket(request) or self._login.identify(credentials):
            return Standing.KNOWN
        if self._login.is_claimed(credentials, self._address(request)):
            return Standing.CLAIMED
        return Standing.STRANGER

    def judge(self, request: ControlRequest) -> Judgement:
        """Who it is; PASSWORD when that has to be looked at."""
        if self._is_open(request):
            return Judgement(Verdict.WELCOME, _SCRAPER)
        identity = self._by_socket(request)
        if identity is not None:
            return Judgement(Verdict.WELCOME, identity)
        credentials = _only_header(request, b"authorization")
        judgement = self._login.judge(credentials, self._address(request))
        if judgement.verdict is Verdict.PASSWORD and request.method == b"OPTIONS":
            return Judgement(Verdict.MISSING)
        return judgement

    async def look(self, request: ControlRequest) -> Judgement:
        """Who it is, when it said PASSWORD. Raises TooBusyError."""
        credentials = _only_header(request, b"authorization")
        return await self._login.look(credentials, self._address(request))

    def refusal(self, request: ControlRequest, judgement: Judgement) -> Resource | None:
        """What to answer instead of the resource, or None to go on."""
        if judgement.verdict is Verdict.LOCKED:
            return Plain(403, "too many wrong keys or passwords from this address: try again later")
        if request.method == b"OPTIONS":
            # No Access-Control-Allow-Origin: a page from elsewhere learns that it may not call.
            return Plain(204, "", [("Allow", "OPTIONS, POST")])
        if judgement.verdict is not Verdict.WELCOME:
            return _login_please()
        if not self._knows_host(_only_header(request, b"host")):
            return Plain(421, "this host name is not in control.allowed_hosts")
        if request.seen.host and not self._knows_host(request.seen.host):
            return Plain(421, "the host name before the proxy is not in control.allowed_hosts")
        return None

    def caller(self, request: ControlRequest, identity: Identity) -> Caller:
        """Who it is, for all that is done for the request."""
        host = request.seen.host or _only_header(request, b"host") or b""
        base = f"{request.scheme}://{(host + request.seen.prefix).decode('latin-1')}"
        return Caller(identity, self._address(request), base)

    def lasting(self, request: ControlRequest) -> Callable[[], bool]:
        """Tells, as often as it is asked, whether the caller has the rights that it came with."""
        identity, accounts = request.caller.identity, self._login.accounts
        credentials = _only_header(request, b"authorization")
        by_socket = self._by_socket(request) is not None
        row = accounts.user(identity.user) if accounts.has_user(identity.user) else None

        def holds() -> bool:
            if by_socket:
                return self._by_socket(request) == identity
            if row is None or identity.key:
                return self._login.identify(credentials) == identity
            # A password that was right is not looked at again, but it may be another one now.
            return accounts.has_user(row.name) and accounts.user(row.name) == row

        return holds

    def _address(self, request: ControlRequest) -> str:
        return request.seen.address or client_host(request)

    def _forwarded(self, request: ControlRequest) -> Forwarded:
        if not isinstance(request.getClientAddress(), UNIXAddress):
            peer: str | None = client_host(request)
        else:
            peer = None
        lines = (request.requestHeaders.getRawHeaders(name) or () for name in FORWARDED)
        return self._proxies.read(peer, *lines)

    def _by_socket(self, request: Request) -> Identity | None:
        """Who it is by whose process is at the unix socket; for others a proxy does not count."""
        number = unix_user(request)
        known = None if number is None else self._socket_users.get(number)
        if known is None or _is_proxied(request):
            return None
        if known.role is None:
            return self._login.accounts.of_user(known.name)
        return Identity(known.name, known.role)

    def _is_open(self, request: Request) -> bool:
        """Behind a proxy on this host everyone would come from here: then it is not."""
        return (
            request.path in self._open_paths
            and request.method in (b"GET", b"HEAD")
            and is_loopback(client_host(request))
            and not _is_proxied(request)
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
    sentence = (
        "log in: with the control token or another key as Bearer, or as a user with a password; "
        "the token is that of the user p2pd"
    )
    return Plain(401, sentence, challenges)


def is_same_origin(request: ControlRequest) -> bool:
    """Whether the request comes from no web page, or from a page of this very daemon."""
    origin = _only_header(request, b"origin")
    if origin is None:
        return not request.requestHeaders.hasHeader(b"origin")
    host = request.seen.host or _only_header(request, b"host") or b""
    try:
        return urlsplit(origin.decode("ascii")).netloc.lower() == host.decode("ascii").lower()
    except ValueError:
        return False


def client_host(request: Request) -> str:
    """The address the connection comes from, in text, or which user of this host is at it."""
    user = unix_user(request)
    if user is not None:
        return f"user {user}"
    host = str(getattr(request.getClientAddress(), "host", "127.0.0.1"))
    try:
        return canonical_host(host)  # a socket for both families has ::ffff: before IPv4
    except FormatError:
        return host


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


def _is_proxied(request: Request) -> bool:
    return any(request.requestHeaders.hasHeader(name) for name in PROXIED)


def _only_header(request: Request, name: bytes) -> bytes | None:
    values = request.requestHeaders.getRawHeaders(name) or ()
    return values[0] if len(values) == 1 else None


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
