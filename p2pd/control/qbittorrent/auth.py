"""auth/login and auth/logout.

Whoever gets to these actions has passed the gate, with the credentials of his form.
"""

from __future__ import annotations

from p2pd.control.qbittorrent.call import Action, Answer, Call
from p2pd.control.qbittorrent.login_sessions import COOKIE, LoginSessions

LOGIN = "auth/login"


class Auth:
    """The actions that begin and end login sessions."""

    def __init__(self, sessions: LoginSessions) -> None:
        self._sessions = sessions

    def actions(self) -> dict[str, Action]:
        """By path."""
        return {
            LOGIN: Action(self.login, "user_self", posted=True),
            "auth/logout": Action(self.logout, "user_self", posted=True),
        }

    async def login(self, call: Call) -> Answer:
        """Begin a session."""
        value = self._sessions.begin(call.authorization)
        call.cookies.append(_cookie(value, call))
        return "Ok."

    async def logout(self, call: Call) -> Answer:
        """End it."""
        if call.session is not None:
            self._sessions.end(call.session)
            call.cookies.append(_cookie("", call) + "; Max-Age=0")
        return ""


def _cookie(value: str, call: Call) -> str:
    # Strict: no browser sends it along with what a page from elsewhere asks for.
    secure = "; Secure" * call.secure
    return f"{COOKIE}={value}; HttpOnly; SameSite=Strict; Path={call.folder}{secure}"
