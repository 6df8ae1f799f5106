"""The dialect as a part of the site: what it makes of requests before and after the gate.

Before: a login form, and the cookie of a login session, are made into the Authorization header that
they stand for, so that one gate judges all who call. After: its refusals are said as qBittorrent
says them, 403 for who has to log in, and `Fails.` for a form that was wrong.
"""

from __future__ import annotations

from twisted.web.resource import Resource
from twisted.web.server import Request

from p2pd.control.gate import Plain
from p2pd.control.qbittorrent.auth import LOGIN
from p2pd.control.qbittorrent.forms import FormInParts, boundary_of, parse_fields
from p2pd.control.qbittorrent.login_sessions import COOKIE, LoginSessions, basic
from p2pd.control.qbittorrent.refusals import ApiError
from p2pd.control.request import ControlRequest

PREFIX = b"/api/v2/"
LOGIN_PATH = PREFIX + LOGIN.encode()
UNAUTHORIZED = 401


class QBittorrentEdge:
    """What happens at the edge of the site."""

    def __init__(self, sessions: LoginSessions) -> None:
        self._sessions = sessions

    def headers_came(self, request: ControlRequest) -> None:
        """Lend a request the credentials of its login session: of which path is known later."""
        if request.requestHeaders.hasHeader("authorization"):
            return
        value = session_of(request)
        found = None if value is None else self._sessions.authorization(value)
        if found is not None:
            request.requestHeaders.setRawHeaders("authorization", [found])
            request.lent_credentials = True

    def request_came(self, request: ControlRequest) -> None:
        """Take the credentials of a login form, and those back that are of no use elsewhere."""
        if request.path == LOGIN_PATH and request.method == b"POST":
            credentials = form_credentials(request)
            if credentials is not None:
                request.requestHeaders.setRawHeaders("authorization", [credentials])
        elif request.lent_credentials and not request.path.startswith(PREFIX):
            request.requestHeaders.removeHeader("authorization")

    def refused(self, request: Request, refusal: Resource) -> Resource:
        """The gate's refusal in the words of this dialect."""
        if not (isinstance(refusal, Plain) and refusal.status == UNAUTHORIZED):
            return refusal
        if not request.path.startswith(PREFIX):
            return refusal
        if request.path == LOGIN_PATH and request.method == b"POST":
            return Said(200, "Fails.")
        return Said(403, "Forbidden")


class Said(Plain):
    """A status and words to the letter: some clients compare them."""

    def render(self, request: Request) -> bytes:
        """Say it, without an end of the line."""
        return super().render(request).rstrip(b"\n")


def session_of(request: Request) -> str | None:
    """The value of the cookie, if there is one."""
    value = request.getCookie(COOKIE.encode())
    return None if value is None else value.decode("latin-1")[:64]


def form_credentials(request: Request) -> bytes | None:
    """The credentials in the form of a request; None if there are none."""
    content = request.content
    assert content is not None
    body = content.read()
    content.seek(0)
    try:
        boundary = boundary_of(request.getHeader("content-type") or "")
        if boundary is None:
            fields = parse_fields(body)
        else:
            parts = FormInParts(boundary)
            parts.feed(body)
            fields = parts.finish().fields
    except ApiError:
        return None
    if "username" not in fields and "password" not in fields:
        return None
    return basic(fields.get("username", ""), fields.get("password", ""))
