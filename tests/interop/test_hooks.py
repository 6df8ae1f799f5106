"""Real commands and a real server are told what happens to torrents, also after a restart."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peers.http_calls import RpcError
from peers.p2pd_node import P2pdNode
from peers.processes import wait_until

from p2pd.testing import make_torrent

DATA = b"hook" * 10_000
TORRENT = make_torrent({"data": DATA}, name="data", private=True)
ALLOWED = {"automation.private_addresses": '["127.0.0.0/8"]'}


class HookServer:
    """Remembers what it is told, and answers `code`."""

    def __init__(self) -> None:
        self.code = 200
        self.told: list[tuple[dict[str, Any], dict[str, str], bytes]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.told.append((json.loads(body), dict(self.headers), body))
                self.send_response(outer.code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def events(self) -> list[str]:
        return [body["event"] for body, _, _ in self.told]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def server() -> Iterator[HookServer]:
    made = HookServer()
    yield made
    made.stop()


def program(folder: Path, text: str) -> str:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def add(node: P2pdNode, work: Path) -> None:
    torrent = work / "data.torrent"
    torrent.write_bytes(TORRENT)
    node.downloads.mkdir(parents=True, exist_ok=True)
    (node.downloads / "data").mkdir(exist_ok=True)
    (node.downloads / "data" / "data").write_bytes(DATA)
    node.add(torrent)
    node.wait_checked()


def test_a_server_is_told_and_told_again_after_a_restart(
    new_p2pd: Callable[..., P2pdNode], server: HookServer, work: Path
) -> None:
    node = new_p2pd(settings=ALLOWED)
    hook = node.call("hook_add", name="w", kind="webhook", url=server.url, secret="key")["hook"]
    assert node.call("hook_test", id=hook["id"])["status"] == 200
    body, headers, raw = server.told.pop()
    assert body["event"] == "test"
    stamp = headers["X-P2pd-Timestamp"].encode()
    digest = hmac.new(b"key", stamp + b"." + raw, hashlib.sha256).hexdigest()
    assert headers["X-P2pd-Signature"] == f"sha256={digest}"
    add(node, work)
    wait_until(lambda: "done" in server.events(), 10, "word of it", details=node.log_tail)
    wait_until(lambda: not node.call("hook_letters")["letter_count"], 10, "the last of it")
    assert server.events()[0] == "added"
    assert server.told[0][0]["torrent"]["hash_string"] == node.hash_string

    server.code = 503
    node.call("torrent_set", ids=[node.hash_string], labels=["tv"])
    wait_until(lambda: "labels" in server.events(), 10, "a try", details=node.log_tail)
    wait_until(lambda: node.call("hook_letters")["letter_count"], 5, "a letter")
    assert node.terminate() == 0
    server.code = 200
    node.start()
    assert node.call("hook_letters")["letter_count"] == 1
    wait_until(
        lambda: not node.call("hook_letters")["letter_count"], 20, "it", details=node.log_tail
    )
    assert server.events()[-1] == "labels"
    assert server.told[-1][1]["X-P2pd-Attempt"] == "2"
    node.check_healthy()


def test_programs_of_the_configuration_run_and_those_of_clients_do_not(
    new_p2pd: Callable[..., P2pdNode], work: Path
) -> None:
    out = work / "out"
    path = program(work, f'echo "$P2PD_EVENT $TR_TORRENT_NAME $1" >> {out}; echo heard; cat')
    settings = {
        "automation.command": f'["{path}", "$(id)"]',
        "automation.command_events": '["added", "removed"]',
        "automation.script_torrent_done": path,
    }
    node = new_p2pd(settings=settings)
    with pytest.raises(RpcError, match="allow_commands_over_rpc is off"):
        node.call("hook_add", name="x", kind="command", command=["/bin/sh"])
    with pytest.raises(RpcError, match="allow_commands_over_rpc is off"):
        node.call("session_set", script_torrent_added_filename="/bin/sh")
    shown = node.call("session_get", fields=["script_torrent_done_filename"])
    assert shown == {"script_torrent_done_filename": path}
    add(node, work)
    node.call("torrent_remove", ids=[node.hash_string])
    wait_until(
        lambda: out.exists() and len(out.read_text().splitlines()) == 3, 10, "three lines",
        details=node.log_tail,
    )  # fmt: skip
    lines = sorted(out.read_text().splitlines())
    assert lines == ["added data $(id)", "done data ", "removed data $(id)"]
    wait_until(lambda: "said: heard" in node.log_text(), 5, "its words", details=node.log_tail)


def test_what_the_end_of_the_daemon_cut_off_is_run_again_and_the_start_is_heard(
    new_p2pd: Callable[..., P2pdNode], work: Path
) -> None:
    out, go = work / "out", work / "go"
    path = program(work, f'echo "$P2PD_EVENT" >> {out}; [ -e {go} ] || exec sleep 600')
    node = new_p2pd(settings={"automation.command": f'["{path}"]'})
    add(node, work)
    wait_until(lambda: out.exists() and "done" in out.read_text(), 10, "it", details=node.log_tail)
    assert node.terminate() == 0
    go.touch()
    (node.downloads / "data").rename(work / "elsewhere")
    out.unlink()
    node.start()
    expected = {"added", "checked", "done", "missing"}
    wait_until(
        lambda: out.exists() and expected <= set(out.read_text().split()), 10, str(expected),
        details=node.log_tail,
    )  # fmt: skip


def test_a_command_that_clients_may_set_is_ended_with_the_daemon(
    new_p2pd: Callable[..., P2pdNode], work: Path
) -> None:
    path = program(work, "echo at work; exec sleep 600")
    node = new_p2pd(settings={"automation.allow_commands_over_rpc": "true"})
    hook = node.call("hook_add", name="c", kind="command", command=[path], seconds=1)["hook"]
    end = node.call("hook_test", id=hook["id"])
    assert end["problem"] == "it was ended after 1 seconds"
    assert end["output"] == "at work\n"
    node.call("hook_set", id=hook["id"], seconds=600)
    add(node, work)
    assert node.terminate() == 0
