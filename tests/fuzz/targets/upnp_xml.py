"""What gateways answer over HTTP: their description and SOAP, read or refused in words."""

from __future__ import annotations

from p2pd.protocols.nat import igd
from p2pd.protocols.nat.device_http import AnswerReader, device_url
from p2pd.protocols.nat.mapping import NatFormatError, NatRefusalError

_URL = device_url("http://192.168.1.1:5000/rootDesc.xml", "192.168.1.1")

SEEDS: list[bytes] = [
    b'<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><URLBase>http://192.168.'
    b"1.1/</URLBase><device><serviceList><service><serviceType>urn:schemas-upnp-org:service:WANIPC"
    b"onnection:1</serviceType><controlURL>/ctl</controlURL></service></serviceList></device>"
    b"</root>",
    b"<s:Envelope xmlns:s='e'><s:Body><u:AddPortMappingResponse xmlns:u='x'><a>1</a>"
    b"</u:AddPortMappingResponse></s:Body></s:Envelope>",
    b"<s:Envelope xmlns:s='e'><s:Body><s:Fault><detail><UPnPError><errorCode>718</errorCode>"
    b"<errorDescription>x</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n<a/>\r\n0\r\n\r\n",
    b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\n<a/>",
]


def fuzz(data: bytes) -> None:
    words = ""
    try:
        for service in igd.read_description(data, _URL):
            assert service.control.host == _URL.host
            assert igd.soap_request(service, "A", {"B": "c"}).count(b"\r\n\r\n") == 1
    except NatFormatError as refusal:
        words += str(refusal)
    for status in (200, 500):
        try:
            igd.parse_soap("AddPortMapping", status, data)
        except (NatFormatError, NatRefusalError) as refusal:
            words += str(refusal)
    reader = AnswerReader()
    try:
        reader.receive_data(data[: len(data) // 2])
        reader.receive_data(data[len(data) // 2 :])
        reader.end()
        assert reader.complete
    except NatFormatError as refusal:
        words += str(refusal)
    assert words.isprintable()
