"""Answers to the search for gateways: read or refused in words."""

from __future__ import annotations

from p2pd.protocols.nat import ssdp
from p2pd.protocols.nat.device_http import device_url
from p2pd.protocols.nat.mapping import NatFormatError

SEEDS: list[bytes] = [
    b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\n"
    b"ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nEXT:\r\n"
    b"SERVER: a/1 UPnP/1.1 b/2\r\nLOCATION: http://192.168.1.1:5000/rootDesc.xml\r\n\r\n",
    b"HTTP/1.0 200\nLocation:http://[fe80::1]:80/\n\n",
    ssdp.search(ssdp.GATEWAYS[0]),
]


def fuzz(data: bytes) -> None:
    try:
        answer = ssdp.parse_answer(data)
        url = device_url(answer.location, "192.168.1.1")
    except NatFormatError as refusal:
        words = str(refusal)
    else:
        words = ""
        assert url.host == "192.168.1.1"
        assert url.request("GET", {}).count(b"\r\n") == 4
    assert words.isprintable()
