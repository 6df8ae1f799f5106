"""The metrics of a real daemon, read by Prometheus's own tool, and bounds that callers meet."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p2pd.control.site import CONNECTIONS, OF_HOST

PAGE = Path(__file__).parents[2] / "docs" / "metrics.rst"


def scrape(port: int, token: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    connection.request("GET", "/metrics", headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def value(text: str, name: str) -> float:
    found = re.search(rf"^p2pd_{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def test_promtool_finds_nothing_wrong_and_the_page_lists_all(new_p2pd: Callable[..., Any]) -> None:
    node = new_p2pd(
        settings={
            "control.open_metrics": "true",
            "tracker.enabled": "true",
            "tracker.port": "0",
        }
    )
    node.call("session_stats")
    status, text = scrape(node.control_port)
    assert status == 200
    assert value(text, "rpc_requests") == 0
    assert value(text, "descriptors") > 10
    named = set(re.findall(r"``(p2pd_\w+)``", PAGE.read_text()))
    assert set(re.findall(r"^# TYPE (p2pd_\w+) ", text, re.MULTILINE)) <= named
    promtool = shutil.which("promtool")
    if promtool is None:
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail("promtool is not installed, and CI must run every interop test")
        pytest.skip("promtool is not installed")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_without_the_key_the_token_is_needed(new_p2pd: Callable[..., Any]) -> None:
    node = new_p2pd()
    token = (node.state_folder / "control-token").read_text().strip()
    assert scrape(node.control_port)[0] == 401
    assert scrape(node.control_port, token)[0] == 200


def test_connections_beyond_the_bound_are_refused_in_words(new_p2pd: Callable[..., Any]) -> None:
    node = new_p2pd(settings={"control.open_metrics": "true"})
    held = [socket.create_connection(("127.0.0.1", node.control_port)) for _ in range(OF_HOST)]
    try:
        assert scrape(node.control_port)[0] == 503
        with socket.create_connection(("127.0.0.1", node.control_port)) as one_more:
            said = b""
            while part := one_more.recv(4096):
                said += part
        assert said.startswith(b"HTTP/1.1 503 ")
        assert said.endswith(b"too many connections: close some, or try again in a moment\n")
    finally:
        for each in held:
            each.close()
    text = scrape(node.control_port)[1]
    assert value(text, "rpc_connections_limit") == CONNECTIONS
    assert value(text, "rpc_connections_refused_total") == 2
