"""A blocklist from a server on loopback, and real connections from addresses on it and others."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peers.http_calls import HttpEndpoint, RpcError
from peers.p2pd_node import P2pdNode
from peers.processes import wait_until
from peers.scripted import PROTOCOL, Wire

from p2pd.testing import make_torrent

DATA = bytes(range(256)) * 400
TORRENT = make_torrent({"data": DATA}, private=True)


class ListServer:
    """Serves one list in gzip, and says whether it is another one than was asked for."""

    def __init__(self) -> None:
        self.text = b""
        self.status: list[int] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = gzip.compress(outer.text, mtime=0)
                tag = f'"{hash(outer.text)}"'
                known = self.headers.get("If-None-Match") == tag
                outer.status.append(304 if known else 200)
                self.send_response(outer.status[-1])
                self.send_header("ETag", tag)
                self.send_header("Content-Length", "0" if known else str(len(data)))
                self.end_headers()
                if not known:
                    self.wfile.write(data)

            def log_message(self, *_: Any) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/list.gz"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def server() -> Iterator[ListServer]:
    made = ListServer()
    yield made
    made.stop()


def knock(node: P2pdNode, host: str) -> Wire | None:
    """A connection from this address that shook hands; None if it was turned away."""
    made = socket.create_connection((node.host, node.port), 5, source_address=(host, 0))
    wire = Wire(made)
    with contextlib.suppress(OSError, EOFError):
        wire.handshake(bytes.fromhex(node.hash_string), name=host[-3:].encode())
        if wire.read_handshake().startswith(PROTOCOL):
            return wire
    made.close()
    return None


def hung_up(wire: Wire) -> bool:
    wire.socket.settimeout(40)
    with contextlib.suppress(ConnectionResetError):
        while wire.socket.recv(4096):
            pass
    return True


def status(node: P2pdNode) -> dict[str, Any]:
    found: dict[str, Any] = node.call("session_get", fields=["blocklist_status"])
    result: dict[str, Any] = found["blocklist_status"]
    return result


def test_who_is_on_the_list_is_kept_away_and_hung_up_on(
    new_p2pd: Callable[..., P2pdNode], server: ListServer, work: Path
) -> None:
    server.text = b"# words\nbad: ones:127.0.0.2-127.0.0.9\n"
    node = new_p2pd(settings={"blocklist.url": server.url, "blocklist.enabled": "true"})
    torrent = work / "data.torrent"
    torrent.write_bytes(TORRENT)
    node.add(torrent)
    node.wait_checked()
    wait_until(lambda: status(node)["updated_date"], 10, "the list", details=node.log_tail)
    assert node.call("session_get", fields=["blocklist_size"]) == {"blocklist_size": 1}
    assert knock(node, "127.0.0.3") is None
    welcome = knock(node, "127.0.0.20")
    assert welcome is not None
    node.wait_peers(1)
    assert status(node)["turned_away"] == 1
    assert node.call("peer_add", ids=[node.hash_string], addresses=["127.0.0.9:9"])["added"] == 0

    # asked again, the server says that it is the same; then it has another one
    assert node.call("blocklist_update") == {"blocklist_size": 1}
    assert server.status == [200, 304]
    server.text = b"127.0.0.16/28\n2001:db8::/32\n"
    assert node.call("blocklist_update") == {"blocklist_size": 2}
    assert hung_up(welcome)
    assert knock(node, "127.0.0.20") is None
    other = knock(node, "127.0.0.3")
    assert other is not None
    other.socket.close()

    # the list outlives the server, and a restart
    server.stop()
    with pytest.raises(RpcError) as refused:
        node.call("blocklist_update")
    assert refused.value.code == 8
    assert status(node)["problem"]
    assert node.terminate() == 0
    node.start()
    node.wait_checked()
    wait_until(lambda: knock(node, "127.0.0.20") is None, 5, "the list after a restart")
    assert status(node)["failures"] >= 1
    node.check_healthy()


def test_a_file_in_the_older_dialect_and_a_compiled_one_that_is_damaged(
    new_p2pd: Callable[..., P2pdNode], work: Path
) -> None:
    node = new_p2pd()
    path = work / "list.dat"
    path.write_text("127.000.000.002 - 127.000.000.009 , 100 , bad\n127.0.0.20 - 127.0.0.20,128,x")
    torrent = work / "data.torrent"
    torrent.write_bytes(TORRENT)
    node.add(torrent)
    node.wait_checked()
    settings = {"blocklist-url": str(path), "blocklist-enabled": True}
    assert older(node, "session-set", **settings) == {}
    assert older(node, "blocklist-update") == {"blocklist-size": 1}
    assert older(node, "session-get", fields=["blocklist-size"]) == {"blocklist-size": 1}
    assert knock(node, "127.0.0.3") is None
    welcome = knock(node, "127.0.0.20")
    assert welcome is not None
    welcome.socket.close()

    assert node.terminate() == 0
    compiled = node.state_folder / "blocklist.ranges"
    compiled.write_bytes(compiled.read_bytes()[:-1] + b"\xff")
    node.start()
    node.wait_checked()
    wait_until(lambda: knock(node, "127.0.0.3") is None, 10, "the list made anew")
    assert "the blocklist is made anew" in node.log_text()

    path.write_text("<html>")
    with pytest.raises(RpcError, match="web page") as refused:
        node.call("blocklist_update")
    assert refused.value.code == 10
    assert knock(node, "127.0.0.3") is None
    node.check_healthy()


def older(node: P2pdNode, method: str, **arguments: Any) -> Any:
    """A call in Transmission's older dialect, behind its session id."""
    endpoint = HttpEndpoint("127.0.0.1", node.control_port)
    token = (node.state_folder / "control-token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    _, told, _ = endpoint.post("/transmission/rpc", {}, headers)
    headers["X-Transmission-Session-Id"] = told["x-transmission-session-id"]
    call = {"method": method, "arguments": arguments}
    _, _, answer = endpoint.post("/transmission/rpc", call, headers)
    said = json.loads(answer)
    assert said["result"] == "success", said
    return said["arguments"]
