"""GET /metrics: who may read it, and that it is what Prometheus reads."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from p2pd.base.measures import Histogram, counter, histogram


def families(body: bytes) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(body.decode())}


def test_measures_are_written_as_prometheus_reads_them(caller_with: Any) -> None:
    seen = Histogram((0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 3.0):
        seen.observe(value)
    more = [counter("pieces_total", "Pieces.", 5), histogram("took_seconds", "Time.", seen)]
    caller = caller_with(measured=[lambda: more])
    answer = caller.send("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"][0].startswith("text/plain; version=")
    found = families(answer.body)
    torrents = {tuple(s.labels.values()): s.value for s in found["p2pd_torrents"].samples}
    assert torrents == {("seeding",): 2, ('a"\\\n',): 1}
    assert found["p2pd_torrents"].documentation == 'By "status".'
    assert found["p2pd_pieces"].type == "counter"
    assert [s.value for s in found["p2pd_pieces"].samples] == [5]
    took = {
        (s.name.removeprefix("p2pd_took_seconds"), s.labels.get("le", "")): s.value
        for s in found["p2pd_took_seconds"].samples
    }
    buckets = {("_bucket", "0.1"): 2, ("_bucket", "1.0"): 3, ("_bucket", "+Inf"): 4}
    assert took == {**buckets, ("_count", ""): 4, ("_sum", ""): 3.65}


def test_who_asks_for_open_metrics_gets_it(caller: Any) -> None:
    answer = caller.send("GET", "/metrics", headers={"Accept": "application/openmetrics-text"})
    assert answer.headers["content-type"][0].startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


def test_calls_are_counted_by_method_and_result(caller: Any) -> None:
    caller.call("session_stats")
    caller.call("session_stats")
    caller.call("torrent_get", fields=[])
    for number in range(50):
        caller.call(f"no_such_{number}")
    found = families(caller.send("GET", "/metrics").body)
    calls = {tuple(s.labels.values()): s.value for s in found["p2pd_rpc_calls"].samples}
    assert calls == {
        ("session_stats", "ok"): 2,
        ("torrent_get", "invalid_params"): 1,
        ("unknown", "method_not_found"): 50,
    }
    assert {s.labels["method"] for s in found["p2pd_rpc_call_seconds"].samples} == {
        "session_stats",
        "torrent_get",
        "unknown",
    }


def test_the_metrics_need_the_token(caller: Any) -> None:
    assert caller.send("GET", "/metrics", headers={"Authorization": None}).status == 401
    assert caller.send("GET", "/metrics", headers={"Host": "evil.example"}).status == 421
    assert caller.send("POST", "/metrics").status == 405
    assert caller.send("HEAD", "/metrics").body == b""


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_opened_they_are_read_without_it_on_this_machine(caller_with: Any, host: str) -> None:
    caller = caller_with(open_metrics=True)
    caller.host = host
    without: dict[str, str | None] = {"Authorization": None}
    assert caller.send("GET", "/metrics", headers=without).status == 200
    assert caller.send("POST", "/metrics", headers=without).status == 401
    assert caller.send("GET", "/rpc", headers=without).status == 401
    assert caller.send("GET", "/metrics", headers={**without, "Host": "evil.test"}).status == 421
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        proxied = {**without, name: "192.0.2.1"}
        assert caller.send("GET", "/metrics", headers=proxied).status == 401


def test_opened_they_still_need_it_from_elsewhere(caller_with: Any) -> None:
    caller = caller_with(open_metrics=True)
    caller.host = "192.0.2.7"
    assert caller.send("GET", "/metrics", headers={"Authorization": None}).status == 401
    assert caller.send("GET", "/metrics").status == 200


def test_what_cannot_be_told_is_an_error_in_words(caller_with: Any) -> None:
    def broken() -> list[Any]:
        raise ValueError("a bug")

    answer = caller_with(measured=[broken]).send("GET", "/metrics")
    assert answer.status == 500
    assert b"see the daemon's log" in answer.body
    assert b"a bug" not in answer.body
