"""`/api/v2/…`: from a request to an action, and from what it says to an answer over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from p2pd.control import answers
from p2pd.control.access.audit import AuditLog
from p2pd.control.access.caller import current_caller
from p2pd.control.answers import EncodedList, Pacer
from p2pd.control.delivery import Watch, send, takes_gzip
from p2pd.control.gate import is_same_origin, say
from p2pd.control.qbittorrent.call import Action, Answer, Call, FileAnswer, check_role
from p2pd.control.qbittorrent.dialect import session_of
from p2pd.control.qbittorrent.forms import Form, parse_fields, parse_form
from p2pd.control.qbittorrent.refusals import ApiError, refusal_of
from p2pd.control.request import ControlRequest
from p2pd.control.rpc_load import RpcLoad
from p2pd.state.answering import Answering

TEXT = "text/plain; charset=UTF-8"
JSON = "application/json"

_log = Logger()


class QBittorrentResource(Resource):
    """All paths of the dialect."""

    isLeaf = True

    def __init__(
        self,
        actions: Mapping[str, Action],
        reactor: Any,
        load: RpcLoad,
        audit: AuditLog,
        answering: Answering | None = None,
    ) -> None:
        """Without `answering` there is nothing to be kept."""
        super().__init__()
        self._audit = audit
        self._answering = answering
        self._actions = actions
        self._reactor = reactor
        self._load = load

    def render(self, request: ControlRequest) -> bytes | int:
        """Refuse what is no call, or answer when the action is through."""
        path = b"/".join(request.postpath or []).decode("latin-1")
        action = self._actions.get(path)
        if action is None:
            return say(request, 404, "there is nothing of that name in this API")
        if (refusal := self._refusal(request, action)) is not None:
            return refusal
        self._load.requests += 1
        work = Deferred.fromCoroutine(self._serve(request, path, action))
        work.addErrback(self._report, request)
        work.addBoth(self._served)
        return NOT_DONE_YET

    def _refusal(self, request: ControlRequest, action: Action) -> bytes | None:
        if request.method not in action.http_methods:
            allowed = b", ".join(action.http_methods).decode()
            return say(request, 405, f"call it with {allowed}", [("Allow", allowed)])
        if not is_same_origin(request):
            return say(request, 403, "a web page from elsewhere may not call")
        if request.content.overflow:
            request.setHeader(b"connection", b"close")
            return say(request, 413, f"the body is bigger than {request.content.limit} bytes")
        if busy := request.content.busy or self._load.refusal():
            return say(request, 503, busy, [("Retry-After", "1")])
        return None

    def _served(self, _result: object) -> None:
        self._load.requests -= 1

    async def _serve(self, request: ControlRequest, path: str, action: Action) -> None:
        watch = Watch(request)
        pacer = Pacer(self._reactor)
        answer = await self._perform(request, path, action, pacer)
        if isinstance(answer, ApiError):
            kind, chunks = TEXT, [answer.sentence.encode()]
            request.setResponseCode(answer.status)
        else:
            kind, chunks = await _encoded(answer, pacer)
        if isinstance(answer, FileAnswer):
            name = quote(answer.name, safe="")
            request.setHeader("content-disposition", f"attachment; filename*=UTF-8''{name}")
        request.setHeader("content-type", kind)
        request.setHeader("vary", "accept-encoding")
        if takes_gzip(request) and sum(map(len, chunks)) > answers.WORTH_GZIP:
            request.setHeader("content-encoding", "gzip")
            chunks = await answers.compress(chunks, pacer)
        if not watch.gone:
            send(request, chunks, self._load, self._reactor)

    async def _perform(
        self, request: ControlRequest, path: str, action: Action, pacer: Pacer
    ) -> Answer | ApiError:
        began, result = self._reactor.seconds(), "ok"
        call: Call | None = None
        try:
            check_role(action.method)
            call = await _call_of(request, pacer)
            answer = await self._answer_of(action, call)
            for cookie in call.cookies:
                request.responseHeaders.addRawHeader("set-cookie", cookie)
            return answer
        except Exception as problem:
            refusal = refusal_of(problem)
            if refusal is None:
                _log.failure("{path} of qBittorrent's API failed", path=path)
                refusal = ApiError(500, "see the daemon's log")
            result = str(refusal.status)
            return refusal
        finally:
            self._load.performed(f"qbittorrent/{path}", result, self._reactor.seconds() - began)
            if call is not None and action.rule.changes:
                self._audit.note(current_caller(), action.method, _noted(path, call), result, {})

    async def _answer_of(self, action: Action, call: Call) -> Answer:
        """Of what changes something, when that is kept."""
        if self._answering is None or not action.rule.changes:
            return await action.run(call)
        return await self._answering.answer(lambda: action.run(call))

    def _report(self, failure: Any, request: ControlRequest) -> None:
        _log.failure("a call could not be answered", failure=failure)
        if not request.finished and not request._disconnected:
            request.responseHeaders.removeHeader("content-encoding")
            request.write(say(request, 500, "the answer could not be made: see the daemon's log"))
            request.finish()


async def _call_of(request: ControlRequest, pacer: Pacer) -> Call:
    """The call; of a form and a query that both name something the form counts. Raises ApiError."""
    form = Form()
    if request.method == b"POST":
        kind = request.getHeader("content-type") or ""
        form = await parse_form(kind, request.content.read(), pacer.pause)
    form.fields = {**parse_fields(request.uri.partition(b"?")[2]), **form.fields}
    given = request.requestHeaders.getRawHeaders(b"authorization")
    return Call(
        form=form,
        pacer=pacer,
        authorization=given[0] if given else None,
        secure=request.scheme == "https",
        folder=request.seen.prefix.decode("ascii") + "/",
        session=session_of(request),
    )


def _noted(path: str, call: Call) -> dict[str, Any]:
    """What the audit log has of a call, with the torrents by the name that it knows."""
    params: dict[str, Any] = {"path": f"/api/v2/{path}"}
    for name, value in call.form.fields.items():
        if name in ("hash", "hashes"):
            params["ids"] = call.listed(name)
        else:
            params[name] = value
    return params


async def _encoded(answer: Answer, pacer: Pacer) -> tuple[str, list[bytes]]:
    """The content type and the bytes of an answer."""
    if isinstance(answer, FileAnswer):
        return answer.content_type, [answer.content]
    if isinstance(answer, str):
        return TEXT, [answer.encode("utf-8", "replace")]
    if isinstance(answer, EncodedList):
        return JSON, answer.chunks
    if isinstance(answer, list):
        return JSON, (await answers.encode_rows(answer, pacer)).chunks
    return JSON, await answers.encode(answer, pacer)
