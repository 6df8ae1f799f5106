"""Gateways that speak UPnP: what they describe, what they are asked, what they answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.nat import igd
from p2pd.protocols.nat.device_http import device_url
from p2pd.protocols.nat.mapping import NatFormatError

URL = device_url("http://192.168.1.1:5000/rootDesc.xml", "192.168.1.1")


def described(*services, base=""):
    inside = "".join(
        f"<service><serviceType>{kind}</serviceType><serviceId>x</serviceId>"
        f"<controlURL>{control}</controlURL><SCPDURL>/x.xml</SCPDURL></service>"
        for kind, control in services
    )
    return (
        '<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">'
        + (f"<URLBase>{base}</URLBase>" if base else "")
        + "<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>"
        "<deviceList><device><deviceList><device><serviceList>"
        + inside
        + "</serviceList></device></deviceList></device></deviceList></device></root>"
    ).encode()


def read(*services, base=""):
    return [
        (s.type, s.control.text) for s in igd.read_description(described(*services, base=base), URL)
    ]


def test_the_best_service_comes_first_and_what_is_no_connection_is_left_out():
    assert read(
        ("urn:schemas-upnp-org:service:Layer3Forwarding:1", "/l3"),
        (igd.PPP_1, "/ppp"),
        (igd.IP_1, "ip?a=1"),
        (igd.IP_2, "http://192.168.1.1:5001/ip2"),
    ) == [
        (igd.IP_2, "http://192.168.1.1:5001/ip2"),
        (igd.IP_1, "http://192.168.1.1:5000/ip?a=1"),
        (igd.PPP_1, "http://192.168.1.1:5000/ppp"),
    ]


def test_the_base_that_is_told_counts_unless_it_leads_elsewhere():
    base = "http://192.168.1.1:80/upnp/"
    assert read((igd.IP_1, "ctl"), base=base) == [(igd.IP_1, "http://192.168.1.1:80/upnp/ctl")]
    assert read((igd.IP_1, "ctl"), base="http://10.0.0.1/") == [
        (igd.IP_1, "http://192.168.1.1:5000/ctl")
    ]


@pytest.mark.parametrize(
    "control",
    [
        "http://192.168.1.2/ctl",
        "http://router/ctl",
        "http://169.254.169.254/latest/meta-data",
        "https://192.168.1.1/ctl",
        "file:///etc/passwd",
        "//evil.example/ctl",
        "http://user:word@192.168.1.1/ctl",
        "http://192.168.1.1:99999/ctl",
        "http://[::1",
        "",
    ],
)
def test_a_control_elsewhere_than_at_the_gateway_is_left_out(control):
    assert read((igd.IP_1, control)) == []


def test_a_description_of_too_many_services_is_cut_off():
    many = [(igd.IP_1, f"/{n}") for n in range(igd.MOST_SERVICES + 5)]
    assert len(read(*many)) == igd.MOST_SERVICES


def test_an_action_is_asked_for_in_soap():
    service = igd.GatewayService(igd.IP_1, device_url("http://192.168.1.1:5000/ctl", "192.168.1.1"))
    head, _, body = igd.soap_request(
        service, "AddPortMapping", {"NewExternalPort": "6881", "NewPortMappingDescription": "a<b&c"}
    ).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /ctl HTTP/1.1"
    assert "Host: 192.168.1.1:5000" in lines
    assert f'SOAPAction: "{igd.IP_1}#AddPortMapping"' in lines
    assert f"Content-Length: {len(body)}" in lines
    assert (
        f'<u:AddPortMapping xmlns:u="{igd.IP_1}"><NewExternalPort>6881</NewExternalPort>'
        "<NewPortMappingDescription>a&lt;b&amp;c</NewPortMappingDescription></u:AddPortMapping>"
    ).encode() in body


def answer(inside):
    return (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<s:Body>{inside}</s:Body></s:Envelope>"
    ).encode()


def fault(code, description=""):
    return answer(
        "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
        '<UPnPError xmlns="urn:schemas-upnp-org:control-1-0">'
        f"<errorCode>{code}</errorCode><errorDescription>{description}</errorDescription>"
        "</UPnPError></detail></s:Fault>"
    )


def test_what_an_action_answers_is_read_by_name():
    inside = (
        f'<u:GetExternalIPAddressResponse xmlns:u="{igd.IP_1}">'
        "<NewExternalIPAddress>198.51.100.7</NewExternalIPAddress></u:GetExternalIPAddressResponse>"
    )
    assert igd.parse_soap("GetExternalIPAddress", 200, answer(inside)) == {
        "NewExternalIPAddress": "198.51.100.7"
    }


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (igd.CONFLICT, "another machine"),
        (igd.PERMANENT_ONLY, "without an end"),
        (igd.EXTERNAL_WILDCARD_ONLY, "all ports"),
        (igd.NOT_AUTHORIZED, "authorized"),
        (999, "code 999: no such thing"),
    ],
)
def test_refusals_have_their_code_and_are_in_words(code, words):
    with pytest.raises(igd.UpnpError, match=words) as caught:
        igd.parse_soap("AddPortMapping", 500, fault(code, "no such thing"))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("status", "data", "words"),
    [
        (500, b"", "HTTP 500"),
        (401, b"<html><body>no</body></html>", "HTTP 401"),
        (500, answer("<s:Fault><faultstring>oh\ndear</faultstring></s:Fault>"), "oh dear"),
        (500, fault("x" * 30, "why"), "code 0: why"),
    ],
)
def test_a_refusal_without_a_code_is_one_too(status, data, words):
    with pytest.raises(igd.UpnpError, match=words) as caught:
        igd.parse_soap("AddPortMapping", status, data)
    assert caught.value.code == 0


@pytest.mark.parametrize("data", [b"", b"<a/>", answer("<u:OtherResponse/>")])
def test_what_is_no_answer_is_refused(data):
    with pytest.raises(NatFormatError):
        igd.parse_soap("AddPortMapping", 200, data)


@given(st.text(max_size=60), st.text(max_size=30))
def test_no_control_url_leads_elsewhere(control, base):
    try:
        data = described((igd.IP_1, control.replace("<", "").replace("&", "")), base="")
        found = igd.read_description(data, URL)
    except NatFormatError:
        return
    for service in found:
        assert service.control.host == "192.168.1.1"
        assert service.control.text.isascii()
        assert " " not in service.control.target
