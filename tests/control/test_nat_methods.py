"""nat_status: what is known of the port and addresses outside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from p2pd.session.reaching_api import FamilyStatus, PortStatus

KNOWN = FamilyStatus(
    state="mapped",
    gateway="192.168.1.1",
    local_host="192.168.1.9",
    external_host="81.2.69.142",
    behind_nat=False,
    protocol="upnp",
    ports=(
        PortStatus("tcp", 6881, 7000, 3600, 1800.4, 3599.6),
        PortStatus("tcp", 6882, 7001, 0, 60.0, None, "tls"),
    ),
    troubles={"pcp": "it does not answer", "": "words"},
    next_try=None,
)


def test_what_is_mapped_is_told(caller: Any, session: Any) -> None:
    session.report = replace(
        session.report,
        enabled=True,
        port=7000,
        own_tls_port=6882,
        tls_port=7001,
        families={False: KNOWN, True: replace(KNOWN, ports=(), next_try=-1.0)},
        addresses={False: "81.2.69.142", True: ""},
        votes={False: {"81.2.69.142": {"nat": 1, "peer": 3}}, True: {}},
    )
    session.reached_at = {"ipv4": 1700000000.7}
    answer = caller.call("nat_status").result
    assert (answer["enabled"], answer["listen_port"], answer["announced_port"]) == (
        True, 6881, 7000,
    )  # fmt: skip
    assert (answer["tls_listen_port"], answer["tls_announced_port"]) == (6882, 7001)
    assert answer["ipv4"] == {
        "status": "mapped",
        "protocol": "upnp",
        "gateway": "192.168.1.1",
        "gateway_external_address": "81.2.69.142",
        "behind_another_nat": False,
        "local_address": "192.168.1.9",
        "mappings": [
            {
                "protocol": "tcp", "use": "peers", "internal_port": 6881, "external_port": 7000,
                "lease_seconds": 3600, "renewal_seconds": 1800, "expiry_seconds": 3600,
            },
            {
                "protocol": "tcp", "use": "tls", "internal_port": 6882, "external_port": 7001,
                "lease_seconds": 0, "renewal_seconds": 60, "expiry_seconds": None,
            },
        ],
        "errors": {"pcp": "it does not answer", "gateway": "words"},
        "next_try_seconds": None,
        "external_address": "81.2.69.142",
        "address_votes": [{"address": "81.2.69.142", "votes": {"nat": 1, "peer": 3}}],
        "last_incoming_date": 1700000000,
    }  # fmt: skip
    assert answer["ipv6"]["next_try_seconds"] == 0
    told = caller.call("port_test", ip_protocol="ipv4").result
    assert (told["external_address"], told["external_port"], told["port_is_mapped"]) == (
        "81.2.69.142", 7000, True,
    )  # fmt: skip


def test_the_port_of_tls_is_not_the_one_of_peers(caller: Any, session: Any) -> None:
    known = replace(KNOWN, ports=KNOWN.ports[1:])
    session.report = replace(session.report, families={False: known})
    assert not caller.call("port_test", ip_protocol="ipv4").result["port_is_mapped"]


def test_while_nothing_is_asked_little_is_told(caller: Any) -> None:
    answer = caller.call("nat_status").result
    assert answer["announced_port"] == 6881
    assert answer["ipv6"] == {
        "status": "off",
        "mappings": [],
        "external_address": "",
        "address_votes": [],
        "last_incoming_date": 0,
    }
