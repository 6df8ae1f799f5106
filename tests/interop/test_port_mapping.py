"""Daemons at home, behind a real NAT, and a router that maps their port: miniupnpd of Debian.

All of it happens in network namespaces that the test makes; where the kernel has none, or no NAT in
them, the tests are skipped.
"""

from __future__ import annotations

import contextlib
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from peers.daemon_at_home import PORT, Daemon
from peers.home_network import (
    GATEWAY,
    GATEWAY_6,
    MACHINES,
    MACHINES_6,
    OUTSIDE,
    ROUTER,
    HomeNetwork,
)  # fmt: skip
from peers.processes import ChildProcess, wait_until
from peers.tls_swarm import TlsSwarm

TLS_PORT = 16882
BOTH = {("tcp", PORT): (MACHINES[0], PORT), ("udp", PORT): (MACHINES[0], PORT)}

DIAL = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
    print("connected")
except OSError as problem:
    print(problem)
"""
SHAKE_HANDS = """
import socket, sys
dialled = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
hello = b"\\x13BitTorrent protocol" + bytes(8) + bytes.fromhex(sys.argv[3])
dialled.sendall(hello + b"-XX0001-" + b"x" * 12)
dialled.settimeout(5)
print(dialled.recv(1)[0])
"""
TRACKER = """
import http.server, socket
class Tracker(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        host = socket.inet_aton(self.client_address[0])
        body = b"d11:external ip4:" + host + b"8:intervali1800e5:peers0:e"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("", 6969), Tracker).serve_forever()
"""
LIAR = """
import socket, sys, threading, time
manner, stranger = sys.argv[1:]
web = socket.create_server(("10.9.0.1", 5000))
where = stranger if manner == "elsewhere" else "10.9.0.1"
found = f"HTTP/1.1 200 OK\\r\\nST: x\\r\\nLOCATION: http://{where}:5000/d.xml\\r\\n\\r\\n"
def answer(search):
    while True:
        search.sendto(found.encode(), search.recvfrom(2000)[1])
search = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
search.bind(("10.9.0.1", 1900))
threading.Thread(target=answer, args=[search], daemon=True).start()
print("ready", flush=True)
while True:
    asked = web.accept()[0]
    asked.recv(2000)
    print("asked", flush=True)
    try:
        asked.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n<root>")
        while True:
            asked.sendall(b"<a/>" * (1 if manner == "slow" else 10000))
            time.sleep(0.2 if manner == "slow" else 0)
    except OSError:
        print("cut", flush=True)
"""
MAGNET = "magnet:?xt=urn:btih:" + "ab" * 20


@pytest.fixture
def daemon_at(
    home: HomeNetwork, work: Path, ended_after: Callable[[Any], Any]
) -> Callable[..., Daemon]:
    def start(machine: int, *settings: str) -> Daemon:
        folder = work / f"machine{machine}"
        made: Daemon = ended_after(Daemon(home.machines[machine], folder, *settings))
        return made

    return start


def dial(home: HomeNetwork, host: str, port: int) -> str:
    """From outside."""
    return home.run(home.outside, sys.executable, "-c", DIAL, host, str(port)).strip()


@pytest.mark.parametrize("protocol", ["pcp", "natpmp", "upnp"])
def test_the_port_is_mapped_and_given_back(
    home: HomeNetwork, daemon_at: Callable[..., Daemon], protocol: str
) -> None:
    home.serve(protocol)
    assert dial(home, ROUTER, PORT) != "connected"
    daemon = daemon_at(0)
    known = daemon.wait_mapped()
    assert (known["protocol"], known["gateway"]) == (protocol, GATEWAY)
    assert known["local_address"] == MACHINES[0]
    wait_until(lambda: daemon.nat()["external_address"] == ROUTER, 10, "address outside")
    assert not daemon.nat()["behind_another_nat"]
    assert home.mappings() == BOTH

    daemon.call("torrent_add", filename=MAGNET)
    assert daemon.call("port_test")["port_is_open"] is False
    home.run(home.outside, sys.executable, "-c", SHAKE_HANDS, ROUTER, str(PORT), "ab" * 20)
    wait_until(lambda: daemon.nat()["last_incoming_date"], 10, "peer from outside")
    tested = daemon.call("port_test")
    assert tested["port_is_open"]
    assert tested["port_is_mapped"]
    assert tested["external_address"] == ROUTER

    daemon.stop()
    assert home.mappings() == {}
    assert dial(home, ROUTER, PORT) != "connected"


def test_a_port_that_another_machine_has_becomes_another_which_the_tracker_is_told(
    home: HomeNetwork,
    daemon_at: Callable[..., Daemon],
    work: Path,
    ended_after: Callable[[Any], Any],
) -> None:
    home.serve("pcp")
    tracker: ChildProcess = ended_after(
        ChildProcess(
            [*home.inside(home.outside), sys.executable, "-u", "-c", TRACKER], work, name="tracker"
        )
    )
    daemon_at(0).wait_mapped()
    second = daemon_at(1)
    second.wait_mapped()
    status = second.call("nat_status")
    outside = status["announced_port"]
    assert status["listen_port"] == PORT
    assert outside != PORT
    assert home.mappings()["tcp", outside] == (MACHINES[1], PORT)
    assert dial(home, ROUTER, outside) == "connected"
    second.call("torrent_add", filename=f"{MAGNET}&tr=http://{OUTSIDE}:6969/announce")
    wait_until(
        lambda: f"&port={outside}&" in tracker.log_path.read_text(), 20, "announce",
        details=tracker.log_tail,
    )  # fmt: skip
    wait_until(
        lambda: second.nat()["address_votes"][0]["votes"] == {"nat": 1, "tracker": 1}, 10, "vote"
    )


def test_peers_of_a_tls_torrent_have_a_port_of_their_own_while_it_has_a_certificate(
    home: HomeNetwork,
    daemon_at: Callable[..., Daemon],
    work: Path,
    ended_after: Callable[[Any], Any],
) -> None:
    home.serve("pcp")
    tracker: ChildProcess = ended_after(
        ChildProcess(
            [*home.inside(home.outside), sys.executable, "-u", "-c", TRACKER], work, name="tracker"
        )
    )
    swarm = TlsSwarm(work, "v1", size=100_000, tracker=f"http://{OUTSIDE}:6969/announce")
    daemons = [daemon_at(machine, f"peers.tls_port={TLS_PORT}") for machine in (0, 1)]
    for daemon in daemons:
        daemon.wait_mapped()
        daemon.call("torrent_add", metainfo=b64encode(swarm.content.torrent.read_bytes()).decode())
        assert ("tcp", TLS_PORT) not in home.mappings(), "nobody could come there"
    for machine, daemon in enumerate(daemons):
        certificate, key = swarm.issue()
        torrent = daemon.call("torrent_get", fields=["id"])["torrents"][0]["id"]
        daemon.call(
            "torrent_set_certificate", ids=[torrent], certificate=certificate, private_key=key
        )
        wait_until(
            lambda wanted=4 + machine + 1: len(home.mappings()) == wanted, 10, "the port for TLS",
            details=lambda: f"{home.mappings()}",
        )  # fmt: skip
    ports = [daemon.call("nat_status")["tls_announced_port"] for daemon in daemons]
    assert ports[0] == TLS_PORT
    assert ports[1] != TLS_PORT
    for machine, port in enumerate(ports):
        assert home.mappings()["tcp", port] == (MACHINES[machine], TLS_PORT)
        assert dial(home, ROUTER, port) == "connected"
        wait_until(
            lambda port=port: f"&port={port}&" in tracker.log_path.read_text(), 20, "announce",
            details=tracker.log_tail,
        )  # fmt: skip
    torrent = daemons[0].call("torrent_get", fields=["id"])["torrents"][0]["id"]
    daemons[0].call("torrent_remove", ids=[torrent])
    wait_until(lambda: ("tcp", ports[0]) not in home.mappings(), 10, "the end of its mapping")
    assert dial(home, ROUTER, ports[0]) != "connected"
    for daemon in daemons:
        daemon.stop()
    assert home.mappings() == {}


def test_after_a_kill_the_mapping_is_taken_up_again_and_switched_off_by_a_client(
    home: HomeNetwork, daemon_at: Callable[..., Daemon]
) -> None:
    home.serve("pcp")
    daemon = daemon_at(0)
    daemon.wait_mapped()
    daemon.process.kill()
    assert home.mappings() == BOTH
    daemon.start()
    assert daemon.wait_mapped()["errors"] == {}
    daemon.call("session_set", port_forwarding_enabled=False)
    wait_until(lambda: home.mappings() == {}, 5, "end of the mappings")
    assert daemon.nat()["status"] == "off"
    daemon.call("session_set", port_forwarding_enabled=True)
    daemon.wait_mapped()
    assert home.mappings() == BOTH


def test_the_firewall_of_ipv6_is_opened_and_closed(
    home: HomeNetwork, daemon_at: Callable[..., Daemon]
) -> None:
    home.serve("pcp")
    daemon = daemon_at(0)
    for _ in range(5):
        known = daemon.wait_mapped("ipv6")
        assert (known["protocol"], known["gateway"]) == ("pcp", GATEWAY_6)
        assert known["local_address"] == known["gateway_external_address"] == MACHINES_6[0]
        assert dial(home, MACHINES_6[0], PORT) == "connected"
        refusals = home.refusals()
        daemon.stop()
        if home.refusals() == refusals:
            assert dial(home, MACHINES_6[0], PORT) == "timed out"
            return
        home.restart()
        daemon.start()
    pytest.fail("the router never closed what it had opened")


def test_a_router_that_was_started_anew_is_asked_again(
    home: HomeNetwork, daemon_at: Callable[..., Daemon]
) -> None:
    home.serve("pcp")
    daemon_at(0).wait_mapped()
    # That it was started is told in datagrams; one that nobody hears is made up for minutes later.
    for _ in range(5):
        home.restart()
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: home.mappings() == BOTH, 8, "the mappings, once more", exactly=True)
            return
    pytest.fail("none of five starts was heard")


@pytest.mark.parametrize("protocol", ["pcp", "upnp"])
def test_a_router_that_is_gone_does_not_hold_up_the_end(
    home: HomeNetwork, daemon_at: Callable[..., Daemon], protocol: str
) -> None:
    home.serve(protocol)
    daemon = daemon_at(0)
    daemon.wait_mapped()
    home.run(home.router, "ip", "link", "set", "lan", "down")
    assert daemon.process.terminate(5) == 0


def test_a_gateway_that_no_route_tells_is_named(
    home: HomeNetwork, daemon_at: Callable[..., Daemon]
) -> None:
    home.serve("pcp")
    home.run(home.machines[0], "ip", "route", "del", "default")
    daemon = daemon_at(0, "peers.interface=eth0", f"reachability.gateway={GATEWAY}")
    assert daemon.wait_mapped()["gateway"] == GATEWAY
    assert home.mappings() == BOTH


def test_another_address_of_the_interface_is_followed(
    home: HomeNetwork, daemon_at: Callable[..., Daemon]
) -> None:
    home.serve("pcp")
    machine = home.machines[0]
    daemon = daemon_at(0, "peers.interface=eth0")
    daemon.wait_mapped()
    home.run(machine, "ip", "addr", "flush", "dev", "eth0")
    wait_until(lambda: daemon.nat()["status"] == "no_gateway", 20, "loss of the address")
    assert daemon.call("nat_status")["announced_port"] == PORT
    home.run(machine, "ip", "addr", "add", "10.9.0.77/24", "dev", "eth0")
    home.run(machine, "ip", "route", "add", "default", "via", GATEWAY)
    known = daemon.wait_mapped()
    assert known["local_address"] == "10.9.0.77"
    outside = daemon.call("nat_status")["announced_port"]
    assert outside != PORT, "that one leads to the old address until its lease is over"
    assert home.mappings()["tcp", outside] == ("10.9.0.77", PORT)


def test_who_is_bound_to_this_machine_asks_nobody(
    home: HomeNetwork, daemon_at: Callable[..., Daemon]
) -> None:
    home.serve("pcp")
    daemon = daemon_at(0, "peers.interface=127.0.0.1")
    known = daemon.nat()
    assert known["status"] == "no_gateway"
    assert "this machine alone" in known["errors"]["gateway"]
    assert home.mappings() == {}


@pytest.mark.parametrize(
    ("manner", "words"),
    [
        ("endless", "more than 131072 bytes"),
        ("slow", "no answer within 8 seconds"),
        ("elsewhere", "it does not answer"),
    ],
)
def test_a_router_that_lies_is_not_believed_and_costs_seconds(
    home: HomeNetwork,
    daemon_at: Callable[..., Daemon],
    work: Path,
    ended_after: Callable[[Any], Any],
    manner: str,
    words: str,
) -> None:
    command = [*home.inside(home.router), sys.executable, "-c", LIAR, manner, MACHINES[1]]
    liar: ChildProcess = ended_after(ChildProcess(command, work, name="liar"))
    wait_until(lambda: "ready" in liar.log_path.read_text(), 10, "liar", details=liar.log_tail)
    daemon = daemon_at(0)
    wait_until(lambda: daemon.nat()["status"] == "failed", 20, "end of the attempt")
    known = daemon.nat()
    assert words in known["errors"]["upnp"]
    assert 0 < known["next_try_seconds"] <= 75
    wanted = ["ready"] if manner == "elsewhere" else ["ready", "asked", "cut"]
    wait_until(lambda: liar.log_path.read_text().split() == wanted, 5, "end of the liar's answer")
