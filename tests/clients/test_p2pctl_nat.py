"""p2pctl nat."""

from __future__ import annotations

import json
from typing import Any

NOTHING = {
    "status": "off", "mappings": [], "external_address": "", "address_votes": [],
    "last_incoming_date": 0,
}  # fmt: skip
MAPPED = {
    "status": "mapped", "protocol": "natpmp", "gateway": "192.168.1.1",
    "gateway_external_address": "100.64.0.2", "behind_another_nat": True,
    "local_address": "192.168.1.9",
    "mappings": [
        {"protocol": "tcp", "internal_port": 6881, "external_port": 7000, "lease_seconds": 3600,
         "renewal_seconds": 1700, "expiry_seconds": 3500},
        {"protocol": "udp", "use": "peers", "internal_port": 6881, "external_port": 7000,
         "lease_seconds": 0, "renewal_seconds": 1700, "expiry_seconds": None},
        {"protocol": "tcp", "use": "tls", "internal_port": 6882, "external_port": 7001,
         "lease_seconds": 3600, "renewal_seconds": 1700, "expiry_seconds": 3400},
    ],
    "errors": {"pcp": "it does not\x1b[31m answer"}, "next_try_seconds": None,
    "external_address": "81.2.69.142",
    "address_votes": [{"address": "81.2.69.142", "votes": {"peer": 3, "tracker": 1}}],
    "last_incoming_date": 1700000000,
}  # fmt: skip
FAILED = {
    **MAPPED, "status": "failed", "mappings": [], "errors": {"upnp": "it is not authorized"},
    "next_try_seconds": 61, "address_votes": [], "external_address": "", "last_incoming_date": 0,
}  # fmt: skip


def test_what_is_mapped_is_told_in_words(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["nat_status"] = {
        "enabled": True, "listen_port": 6881, "announced_port": 7000,
        "tls_listen_port": 6882, "tls_announced_port": 7001,
        "ipv4": MAPPED, "ipv6": FAILED,
    }  # fmt: skip
    said = p2pctl("nat").stdout
    assert "port 7000 outside, 6881 here" in said
    assert "192.168.1.1 maps TCP 7000 to 6881 for 3500 s, UDP 7000 to 6881 without an end" in said
    assert ", TLS 7001 to 6882 for 3400 s (NAT-PMP)" in said
    assert "TLS port 7001 outside, 6882 here" in said
    assert "100.64.0.2, is none of the internet" in said
    assert "PCP: it does not" in said
    assert "\x1b" not in said
    assert "IPv4: 81.2.69.142 (told: 81.2.69.142 by 3 peer, 1 tracker)" in said
    assert "IPv4: somebody outside connected last" in said
    assert "IPv6: no gateway maps the port" in said
    assert "UPnP: it is not authorized" in said
    assert "the next attempt is in 61 s" in said
    assert "IPv6: our address outside is not known" in said


def test_what_is_off_is_told_to_be_off(p2pctl: Any, daemon: Any) -> None:
    answer = {
        "enabled": False, "listen_port": 6881, "announced_port": 6881,
        "tls_listen_port": 0, "tls_announced_port": 0,
        "ipv4": NOTHING, "ipv6": NOTHING,
    }  # fmt: skip
    daemon.answers["nat_status"] = answer
    said = p2pctl("nat").stdout.splitlines()
    assert said[0] == "port 6881"
    assert "port_forwarding_enabled is false" in said[1]
    assert len(said) == 4
    assert json.loads(p2pctl("nat", "--json").stdout) == answer
