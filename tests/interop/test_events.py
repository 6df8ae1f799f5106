"""A WebSocket client that others wrote follows a real daemon: over TCP, TLS and a unix socket."""

from __future__ import annotations

import itertools
import json
import ssl
from concurrent.futures import ThreadPoolExecutor
from urllib.request import Request, urlopen

import pytest
from peers.processes import wait_until
from test_control_doors import p2pctl, write_certificate
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect, unix_connect

from p2pd.testing import make_torrent

TORRENT = make_torrent({"data.bin": b"x" * 300_000}, name="followed")
SECONDS = 40


class Client:
    """Keeps a copy of what it is told."""

    def __init__(self, connection):
        self.connection = connection
        self.ids = itertools.count(1)
        self.torrents = {}
        self.events = []
        self.cursor = None
        self.resyncs = []

    def call(self, method, **params):
        number = next(self.ids)
        call = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self.connection.send(json.dumps(call))
        while (message := self.next()).get("id") != number:
            pass
        return message["result"]

    def next(self):
        message = json.loads(self.connection.recv(timeout=SECONDS))
        if "method" in message:
            self.take(message["method"], message["params"])
        return message

    def take(self, method, params):
        if method == "events_resync":
            self.torrents.clear()
            self.resyncs.append(params["reason"])
        for row in params.get("torrents", ()):
            self.torrents.setdefault(row["id"], {}).update(row)
        for id_ in params.get("removed", ()):
            del self.torrents[id_]
        self.events += [event["kind"] for event in params.get("events", ())]
        self.cursor = params.get("cursor", self.cursor)

    def until(self, condition):
        while not condition():
            self.next()


def token(node):
    return (node.state_folder / "control-token").read_text().strip()


def headers(node):
    return {"Authorization": f"Bearer {token(node)}"}


def follow(node, **more):
    url = f"ws://127.0.0.1:{node.control_port}/rpc/events"
    return connect(url, additional_headers=headers(node), **more)


WISH = {"fields": ["name", "status", "labels"], "kinds": ["all"], "interval": 0.1}


def test_a_life_is_followed_also_over_a_break(work, new_p2pd):
    node = new_p2pd()
    path = work / "one.torrent"
    path.write_bytes(TORRENT)
    with follow(node) as connection:
        client = Client(connection)
        assert client.call("events_subscribe", **WISH)["resumed"] is False
        client.until(lambda: client.resyncs == ["new"])
        added = node.add(path)
        client.until(lambda: "started" in client.events)
        (row,) = client.torrents.values()
        assert row["name"] == "followed"
        connection.ping().wait(SECONDS)
        assert client.call("torrent_get", ids=[row["id"]], fields=["name"])["torrents"]
    client.events.clear()
    node.call("torrent_set", ids=[added["id"]], labels=["missed"])
    node.call("torrent_stop", ids=[added["id"]])
    with follow(node) as connection:
        client.connection = connection
        assert client.call("events_subscribe", **WISH, cursor=client.cursor)["resumed"] is True
        client.until(lambda: client.torrents[row["id"]]["labels"] == ["missed"])
        client.until(lambda: client.torrents[row["id"]]["status"] == 0)
        client.until(lambda: {"labels", "stopped"} <= set(client.events))
        node.call("torrent_remove", ids=[added["id"]])
        client.until(lambda: "removed" in client.events and not client.torrents)
        assert client.resyncs == ["new"]
        node.stop()
        with pytest.raises(ConnectionClosed) as end:
            client.until(lambda: False)
        assert end.value.rcvd is not None
        assert (end.value.rcvd.code, end.value.rcvd.reason) == (1001, "the daemon stops")


def test_over_tls_and_a_unix_socket(work, new_p2pd):
    write_certificate(work, 1)
    node = new_p2pd(
        start=False,
        settings={
            "control.tls_certificate": str(work / "cert.pem"),
            "control.tls_key": str(work / "key.pem"),
            "control.socket": str(work / "control.sock"),
        },
    )
    node.start(wait=False)
    trusted = ssl.create_default_context(cafile=str(work / "cert.pem"))
    socket = work / "control.sock"
    wait_until(socket.exists, 20, "the socket", details=node.log_tail)
    with unix_connect(str(socket), "ws://localhost/rpc/events") as connection:
        assert Client(connection).call("session_stats")["torrent_count"] == 0
    url = f"wss://127.0.0.1:{node.control_port}/rpc/events"
    with connect(url, ssl=trusted, additional_headers=headers(node)) as connection:
        client = Client(connection)
        client.call("events_subscribe", statistics=["torrent_count"])
        client.until(lambda: client.resyncs == ["new"])


def test_p2pctl_follows(work, new_p2pd):
    node = new_p2pd()
    path = work / "one.torrent"
    path.write_bytes(TORRENT)
    url = f"http://127.0.0.1:{node.control_port}"
    arguments = ["events", "--json", "--kind", "added", "--kind", "started", "--count", "2"]
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(p2pctl, node, url, *arguments, token=True)
        wait_until(
            lambda: "p2pd_events_clients 1.0" in metrics(node), 20, "p2pctl", details=node.log_tail
        )
        node.add(path)
        answer = following.result(60)
    assert answer.returncode == 0, answer.stderr
    told = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [(event["kind"], event["name"]) for event in told] == [
        ("added", "followed"),
        ("started", "followed"),
    ]


def metrics(node):
    request = Request(f"http://127.0.0.1:{node.control_port}/metrics", headers=headers(node))
    with urlopen(request, timeout=SECONDS) as page:
        return page.read().decode()


def test_strangers_and_pages_from_elsewhere_stay_out(new_p2pd):
    node = new_p2pd()
    url = f"ws://127.0.0.1:{node.control_port}/rpc/events"
    with pytest.raises(InvalidStatus, match="401"):
        connect(url)
    with pytest.raises(InvalidStatus, match="403"):
        follow(node, origin="http://evil.test")
