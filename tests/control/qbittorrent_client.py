"""A client of the qBittorrent Web API that talks to a site in memory."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from tests.control.fake_session import FakeSession

BOUNDARY = "----a-boundary"


class Client:
    """Calls by path; a test's caller does the talking. It has the token unless told otherwise."""

    def __init__(self, caller: Any, session: FakeSession) -> None:
        self.caller = caller
        self.session = session
        self.headers: dict[str, str | None] = {}

    def get(self, path: str, /, **params: Any) -> Any:
        query = f"?{urlencode(params)}" if params else ""
        return self._settled("GET", f"/api/v2/{path}{query}", b"", {})

    def post(self, path: str, /, **params: Any) -> Any:
        kind = "application/x-www-form-urlencoded"
        return self._settled(
            "POST", f"/api/v2/{path}", urlencode(params).encode(), {"Content-Type": kind}
        )

    def upload(self, path: str, files: list[bytes], /, **params: Any) -> Any:
        parts = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            .encode()
            for name, value in params.items()
        ]  # fmt: skip
        for content in files:
            head = 'Content-Disposition: form-data; name="torrents"; filename="a.torrent"'
            parts += [f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode(), content, b"\r\n"]
        body = b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return self._settled("POST", f"/api/v2/{path}", body, {"Content-Type": kind})

    def _wait(self, transport: Any) -> None:
        """Until the answer is here, or for as long as a refusal may be held back."""
        clock = self.caller.clock
        for seconds in [0] * 50 + [1] * 40:
            before = len(transport.value())
            clock.advance(seconds)
            if before and len(transport.value()) == before:
                return

    def json(self, path: str, /, **params: Any) -> Any:
        answer = self.get(path, **params)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def asked(self, path: str, /, **params: Any) -> list[Any]:
        """What the session was asked for a call that was done."""
        self.session.asked.clear()
        answer = self.post(path, **params)
        assert answer.status == 200, (answer.status, answer.body)
        return list(self.session.asked)

    def _settled(self, method: str, path: str, body: bytes, headers: dict[str, str | None]) -> Any:
        given = {**headers, **self.headers}
        protocol, transport = self.caller.connect()
        lines = {
            "Host": "127.0.0.1:9091",
            "Authorization": f"Bearer {self.caller.token}" if self.caller.token else None,
            "Content-Length": str(len(body)) if method == "POST" else None,
            **given,
        }
        head = [f"{method} {path} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in lines.items() if value is not None]
        protocol.dataReceived("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        self._wait(transport)
        return self.caller.answer(transport)
