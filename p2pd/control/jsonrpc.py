"""POST /rpc: JSON-RPC 2.0, with batches and notifications, over txjsonrpc's dispatch.

txjsonrpc finds the method for a name; the edge is here: what it takes from HTTP, and that nothing
but a sentence on purpose ever leaves. No session id is needed: a JSON content type and the Origin
check keep web pages from elsewhere out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from txjsonrpc_ng.jsonrpc import BaseSubhandler
from txjsonrpc_ng.jsonrpclib import Fault
from txjsonrpc_ng.web.jsonrpc import JSONRPC

from p2pd.base.errors import P2pdError
from p2pd.control import answers
from p2pd.control.access.audit import AuditLog
from p2pd.control.access.caller import current_caller
from p2pd.control.access.roles import rule_of
from p2pd.control.delivery import Watch, send, takes_gzip
from p2pd.control.errors import RpcCode, RpcError, rpc_error_of
from p2pd.control.gate import is_same_origin, nothing_here, say
from p2pd.control.message import BadCall, Call, calls_of, is_method_name, parse_json
from p2pd.control.request import ControlRequest
from p2pd.control.rpc_load import UNKNOWN, RpcLoad
from p2pd.control.schema import BoundMethod, JsonObject
from p2pd.state.answering import Answering

DISCOVERY = {"rpc.discover": "system_methods"}
"""What a client of any API asks for that describes itself (OpenRPC, Service Discovery Method)."""

LONG_BODY = 64 * 1024
"""Bytes of a body that takes long to parse: of these one has a turn of the reactor to itself."""

_log = Logger()


class RpcResource(JSONRPC):  # type: ignore[misc]
    """The resource; the methods of group `torrent` are called `torrent_…`, and so on."""

    isLeaf = False
    separator = "_"

    def __init__(
        self,
        groups: Mapping[str, BaseSubhandler],
        reactor: Any,
        load: RpcLoad | None = None,
        audit: AuditLog | None = None,
        answering: Answering | None = None,
    ) -> None:
        """Without `answering` there is nothing to be kept."""
        super().__init__()
        self._audit = audit
        self._answering = answering
        self._reactor = reactor
        self._load = load or RpcLoad()
        for prefix, group in groups.items():
            self.putSubHandler(prefix, group)

    def getChild(self, path: bytes, request: IRequest) -> Resource:  # noqa: N802 - Twisted's name
        """The same with a slash at the end; nothing else is below."""
        return self if path == b"" and not request.postpath else nothing_here()

    def render(self, request: ControlRequest) -> bytes | int:
        """Refuse what is no call, or answer when the methods are through."""
        if (refusal := self.refuse(request)) is not None:
            return refusal
        if request.content.overflow:
            request.setHeader(b"connection", b"close")
            return say(request, 413, f"the body is bigger than {request.content.limit} bytes")
        if busy := request.content.busy or self._load.refusal():
            return say(request, 503, busy, [("Retry-After", "1")])
        self._load.requests += 1
        work = Deferred.fromCoroutine(self._serve(request))
        work.addErrback(self._report, request)
        work.addBoth(self._served)
        return NOT_DONE_YET

    def _served(self, _result: object) -> None:
        self._load.requests -= 1

    def refuse(self, request: ControlRequest) -> bytes | None:
        """The body of a refusal for what HTTP says of the request, or None to go on."""
        if request.method != b"POST":
            return say(request, 405, "send a JSON-RPC 2.0 call with POST", [("Allow", "POST")])
        kind = (request.getHeader(b"content-type") or b"").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            return say(request, 415, "the Content-Type of a call is application/json")
        if not is_same_origin(request):
            return say(request, 403, "a web page from elsewhere may not call")
        return None

    async def respond(self, value: object) -> object | None:
        """The answer to a parsed body; None when nothing wants one."""
        try:
            body = calls_of(value)
        except RpcError as error:
            return answers.failure(None, error)
        replies = [await self._run(entry) for entry in body.entries]
        wanted = [reply for reply in replies if reply is not None]
        if body.batch:
            return wanted or None
        return wanted[0] if wanted else None

    async def perform(self, call: Call) -> JsonObject:
        """The result of a call. Raises RpcError and nothing else."""
        began, name, result = self._reactor.seconds(), UNKNOWN, "ok"
        answer: JsonObject | None = None
        permitted = False
        try:
            method = self._method(call.method)
            name = call.method
            _check_role(DISCOVERY.get(name, name))
            permitted = True
            answer = await self._answer_of(method, call)
            return answer
        except Exception as problem:
            error = self._error_of(problem, call)
            result = error.code.name.lower()
            raise error from None
        finally:
            self._load.performed(name, result, self._reactor.seconds() - began)
            if permitted:
                self._note(call, result, answer or {})

    async def _answer_of(self, method: BoundMethod, call: Call) -> JsonObject:
        """Of what changes something, when that is kept."""
        if self._answering is None or not rule_of(call.method).changes:
            return await method(call.params)
        return await self._answering.answer(lambda: method(call.params))

    def _note(self, call: Call, result: str, answer: JsonObject) -> None:
        if self._audit is not None and rule_of(call.method).changes:
            self._audit.note(current_caller(), call.method, call.params, result, answer)

    @staticmethod
    def _error_of(problem: Exception, call: Call) -> RpcError:
        if isinstance(problem, RpcError):
            return problem
        if isinstance(problem, P2pdError):
            return rpc_error_of(problem)
        _log.failure("the method {method} failed", method=call.method)
        return RpcError(RpcCode.INTERNAL_ERROR, "see the daemon's log")

    async def _run(self, entry: Call | BadCall) -> dict[str, Any] | None:
        if isinstance(entry, BadCall):
            return answers.failure(entry, entry.error)
        try:
            answer = answers.success(entry, await self.perform(entry))
        except RpcError as refusal:
            answer = answers.failure(entry, refusal)
        return None if entry.notification else answer

    def _method(self, name: str) -> BoundMethod:
        name = DISCOVERY.get(name, name)
        if is_method_name(name):
            try:
                method: BoundMethod = self._getFunction(name)
            except Fault:
                pass
            else:
                return method
        raise RpcError(RpcCode.METHOD_NOT_FOUND, f"there is no method {name[:64]}")

    async def _serve(self, request: ControlRequest) -> None:
        watch = Watch(request)
        pacer = answers.Pacer(self._reactor)
        body = request.content.read()
        if len(body) > LONG_BODY:
            await pacer.pause()
        try:
            value = parse_json(body)
        except RpcError as error:
            answer: object | None = answers.failure(None, error)
        else:
            del body
            await pacer.pause()
            answer = await self.respond(value)
        if answer is None:
            self._finish(request, watch, 204, [])
            return
        chunks = await answers.encode(answer, pacer)
        request.setHeader(b"content-type", b"application/json; charset=UTF-8")
        request.setHeader(b"vary", b"accept-encoding")
        if takes_gzip(request) and sum(map(len, chunks)) > answers.WORTH_GZIP:
            request.setHeader(b"content-encoding", b"gzip")
            chunks = await answers.compress(chunks, pacer)
        self._finish(request, watch, 200, chunks)

    def _finish(
        self, request: ControlRequest, watch: Watch, status: int, chunks: list[bytes]
    ) -> None:
        if not watch.gone:
            request.setResponseCode(status)
            send(request, chunks, self._load, self._reactor)

    def _report(self, failure: Any, request: ControlRequest) -> None:
        _log.failure("a call could not be answered", failure=failure)
        if not request.finished and not request._disconnected:
            request.responseHeaders.removeHeader(b"content-encoding")
            request.write(say(request, 500, "the answer could not be made: see the daemon's log"))
            request.finish()


def _check_role(method: str) -> None:
    identity, need = current_caller().identity, rule_of(method).need
    if not identity.permits(need):
        who = f"{identity.user} ({identity.role})" if identity.user else "who did not log in"
        raise RpcError(RpcCode.FORBIDDEN, f"{method} is not for {who}: it takes {need.words}")
