"""JSON over HTTP on loopback, on one connection that is kept: asking often must cost little."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from bench.processes import HOST


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpEndpoint:
    """Posts to one port. Raises OSError while nobody answers there."""

    def __init__(self, port: int, timeout: float = 60.0) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=timeout)

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer; a kept connection that the other side has closed is made anew."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        data = json.dumps(body).encode()
        try:
            return self._post(path, data, sent)
        except (http.client.HTTPException, ConnectionError):
            self.close()
        try:
            return self._post(path, data, sent)
        except http.client.HTTPException as problem:
            self.close()
            raise ConnectionError(f"no answer to {path}: {problem!r}") from None

    def _post(self, path: str, data: bytes, headers: Mapping[str, str]) -> Answer:
        self._connection.request("POST", path, data, dict(headers))
        response = self._connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())

    def close(self) -> None:
        """Close the connection; the next call makes another."""
        self._connection.close()

    def json_rpc(
        self, path: str, method: str, params: Any, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The result of a JSON-RPC 2.0 call. Raises ValueError with what the other side said."""
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = self.post(path, call, headers)
        try:
            reply = json.loads(answer.body)
        except ValueError:
            raise ValueError(f"{method}: HTTP {answer.status} {answer.body[:200]!r}") from None
        if "error" in reply:
            raise ValueError(f"{method}: {reply['error']}")
        return reply["result"]
