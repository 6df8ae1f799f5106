"""POST /enrol: other nodes ask for certificates of a CA that is here, without a login.

What they send shows by itself who may (protocols/enrolment): that is looked at instead. Guesses are
counted, slowed and locked out as those of passwords are, and what was issued is in the audit log.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from p2pd.automation.swarm_ca.issuer import Answered, Issuer
from p2pd.control.access.audit import AuditLog
from p2pd.control.access.caller import Caller, Identity
from p2pd.control.access.roles import Role
from p2pd.control.auth import Login
from p2pd.control.gate import client_host, say
from p2pd.control.held_answers import HeldAnswers
from p2pd.control.request import ControlRequest
from p2pd.protocols.enrolment.exchange import MAX_REQUEST

PATH = b"/enrol"
METHOD = "swarm_ca_answer"
"""What it is called in the audit log."""

_log = Logger()


class EnrolResource(Resource):
    """Answers; it is asked before the gate."""

    isLeaf = True

    def __init__(self, issuer: Issuer, login: Login, audit: AuditLog, reactor: Any) -> None:
        super().__init__()
        self._issuer = issuer
        self._login = login
        self._audit = audit
        self._held = HeldAnswers(reactor)

    def render(self, request: ControlRequest) -> bytes | int:
        """Answer, or say why not."""
        host = request.seen.address or client_host(request)
        if request.method != b"POST":
            return say(request, 405, "nodes ask here for certificates", [("Allow", "POST")])
        if self._login.is_locked_out(host):
            return say(request, 403, "too many guesses from this address: try again later")
        if request.content.overflow or request.content.getbuffer().nbytes > MAX_REQUEST:
            request.setHeader(b"connection", b"close")
            return say(request, 413, f"a request is not longer than {MAX_REQUEST} bytes")
        if request.content.busy or self._issuer.is_busy:
            return say(request, 503, "it is busy: try again", [("Retry-After", "1")])
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        work = Deferred.fromCoroutine(self._answer(request, host, gone))
        work.addErrback(self._broken, request, gone)
        return NOT_DONE_YET

    async def _answer(self, request: ControlRequest, host: str, gone: list[object]) -> None:
        answered = await self._issuer.answer(request.content.getvalue())
        self._note(answered, host)

        def send() -> None:
            if not gone:
                request.setResponseCode(403 if answered.refused else 200)
                request.setHeader(b"content-type", b"application/octet-stream")
                request.write(answered.body)
                request.finish()

        delay = self._login.guessed(host) if answered.guess else 0.0
        if delay and not gone and self._held.room():
            self._held.hold(request, delay, send)
        else:
            send()

    def _note(self, answered: Answered, host: str) -> None:
        if answered.refused:
            _log.warn("{host} is refused a certificate: {why}", host=host, why=answered.refused)
            return
        shown = f"token {answered.token}" if answered.token else f"serial {answered.renewed:x}"
        caller = Caller(Identity("", Role.READ_ONLY, own_only=True), host)
        params = {"name": answered.authority, "by": shown, "serial": f"{answered.serial:x}"}
        self._audit.note(caller, METHOD, params, "ok", {})

    def _broken(self, failure: Any, request: ControlRequest, gone: list[object]) -> None:
        _log.failure("a request for a certificate could not be answered", failure=failure)
        if not gone and not request.finished:
            request.write(say(request, 500, "it could not be answered: see the node's log"))
            request.finish()
