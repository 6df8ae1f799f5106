"""What goes over HTTP from p2pctl, and what becomes of a broken connection."""

from __future__ import annotations

import http.client
import io
from typing import Any

import pytest

from p2pd.clients.api_client import (
    PATIENT_SECONDS,
    TIMEOUT_SECONDS,
    ApiClient,
    CannotConnectError,
    HttpTransport,
)


class FakeConnection:
    """Stands in for http.client's; `outcome` is an answer's body, or what to raise."""

    outcome: Any = b'{"result":{"a":1}}'
    made: list[tuple[Any, ...]] = []  # noqa: RUF012 - shared on purpose
    timeouts: list[float] = []  # noqa: RUF012

    def __init__(self, host: str, port: int | None, *, timeout: float) -> None:
        self.made.append((host, port))
        self.timeouts.append(timeout)

    def request(self, *request: Any) -> None:
        self.made.append(request)
        if isinstance(self.outcome, Exception):
            raise self.outcome

    def getresponse(self) -> Any:
        answer = io.BytesIO(self.outcome)
        answer.status = 200  # type: ignore[attr-defined]
        return answer

    def close(self) -> None:
        self.made.append(("closed",))


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> type[FakeConnection]:
    fresh = type("Fresh", (FakeConnection,), {"made": [], "timeouts": []})
    monkeypatch.setattr(http.client, "HTTPConnection", fresh)
    return fresh


def test_a_call_goes_out_and_its_result_comes_back(connection: Any) -> None:
    result = ApiClient(HttpTransport("http://box.test:1234"), "secret").call("x_y", b=2)
    assert result == {"a": 1}
    address, request, closed = connection.made
    assert address == ("box.test", 1234)
    method, path, body, headers = request
    assert (method, path) == ("POST", "/rpc")
    assert body == b'{"jsonrpc": "2.0", "id": 1, "method": "x_y", "params": {"b": 2}}'
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Content-Type"] == "application/json"
    assert closed == ("closed",)


def test_what_may_take_long_is_waited_for(connection: Any) -> None:
    client = ApiClient(HttpTransport("http://box.test:1"))
    client.call("x")
    client.call_patiently("x")
    assert connection.timeouts == [TIMEOUT_SECONDS, PATIENT_SECONDS]


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError(111, "Connection refused"), TimeoutError("timed out"),
     http.client.BadStatusLine("junk"), http.client.IncompleteRead(b""), OSError()],
)  # fmt: skip
def test_a_broken_connection_is_said_in_words(connection: Any, error: Exception) -> None:
    connection.outcome = error
    with pytest.raises(CannotConnectError) as caught:
        ApiClient(HttpTransport("http://me:pw@box.test:1")).call("x")
    assert str(caught.value).startswith("cannot reach the daemon at http://box.test:1: ")
    assert connection.made[-1] == ("closed",)
