"""JSON over HTTP to the control endpoint of a program under test, with the standard library."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any


class HttpEndpoint:
    """One control endpoint on loopback; a connection per call, so a restart needs no care."""

    def __init__(self, host: str, port: int, *, seconds: float = 30) -> None:
        self.host, self.port, self.seconds = host, port, seconds

    def post(
        self, path: str, body: object, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """POST `body` as JSON; returns status, headers (lower case) and the answer's bytes."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.seconds)
        try:
            connection.request(
                "POST",
                path,
                json.dumps(body),
                {"Content-Type": "application/json", **(headers or {})},
            )
            answer = connection.getresponse()
            data = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"{self.host}:{self.port}{path}: {error!r}") from error
        finally:
            connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, data

    def json_rpc(self, path: str, method: str, params: Any, headers: Mapping[str, str]) -> Any:
        """One JSON-RPC 2.0 call; returns its result. Raises RpcError with the error object."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        status, _, data = self.post(path, body, headers)
        if status != 200:
            raise RpcError(method, {"code": status, "message": data[:300].decode(errors="replace")})
        answer = json.loads(data)
        if "error" in answer:
            raise RpcError(method, answer["error"])
        return answer["result"]


class RpcError(Exception):
    """A call that the program refused; `code` is the error's number."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        super().__init__(f"{method}: {json.dumps(error)}")
        self.code: int = error["code"]
        self.error = error
