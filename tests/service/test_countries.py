"""Countries come from a MaxMind database; whatever is wrong with it is a sentence, not an end."""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import LogPublisher, formatEvent, globalLogPublisher

from p2pd.service.countries import Countries

pytest.importorskip("maxminddb")

NETWORKS = {
    "91.0.0.0/8": {"country": {"iso_code": "DE"}, "registered_country": {"iso_code": "US"}},
    "85.2.0.0/16": {"country_code": "CH"},
    "85.3.0.0/16": {"country": "AT"},
    "85.4.0.0/16": {"continent": {"code": "EU"}},
    "85.5.0.0/16": {"country": {"iso_code": "much too long"}},
}


def encoded(value: Any) -> bytes:
    """A value in the data section of the MaxMind DB format 2.0 (strings, numbers, maps, lists)."""

    def control(kind: int, size: int) -> bytes:
        assert size < 285
        long = size >= 29
        first = (0 if kind > 7 else kind << 5) | (29 if long else size)
        return bytes([first, *([kind - 7] if kind > 7 else []), *([size - 29] if long else [])])

    if isinstance(value, str):
        return control(2, len(value.encode())) + value.encode()
    if isinstance(value, int):
        return control(9, 8) + value.to_bytes(8, "big")
    if isinstance(value, list):
        return control(11, len(value)) + b"".join(map(encoded, value))
    pairs = b"".join(encoded(name) + encoded(each) for name, each in value.items())
    return control(7, len(value)) + pairs


def database(networks: Mapping[str, Any]) -> bytes:
    """A MaxMind DB of IPv4 networks: a binary tree over the bits, then the records."""
    nodes: list[list[Any]] = [[None, None]]
    data, offsets = b"", {}
    for text, record in networks.items():
        network = ipaddress.IPv4Network(text)
        bits = f"{int(network.network_address):032b}"[: network.prefixlen]
        at = 0
        for bit in map(int, bits[:-1]):
            if nodes[at][bit] is None:
                nodes.append([None, None])
                nodes[at][bit] = len(nodes) - 1
            at = nodes[at][bit]
        offsets[text] = len(data)
        data += encoded(record)
        nodes[at][int(bits[-1])] = text

    def number(entry: Any) -> bytes:
        if isinstance(entry, str):
            return (len(nodes) + 16 + offsets[entry]).to_bytes(3, "big")
        return (len(nodes) if entry is None else entry).to_bytes(3, "big")

    tree = b"".join(number(left) + number(right) for left, right in nodes)
    metadata = {
        "binary_format_major_version": 2, "binary_format_minor_version": 0,
        "build_epoch": 1_700_000_000, "database_type": "Test-Country", "description": {},
        "ip_version": 4, "languages": ["en"], "node_count": len(nodes), "record_size": 24,
    }  # fmt: skip
    return tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + encoded(metadata)


@pytest.fixture
def said() -> Any:
    """The sentences that are logged."""
    sentences: list[str] = []

    def observe(event: Any) -> None:
        if event.get("log_namespace") == "p2pd.service.countries.Countries":
            sentences.append(formatEvent(event))

    publisher: LogPublisher = globalLogPublisher
    publisher.addObserver(observe)
    yield sentences
    publisher.removeObserver(observe)


def opened(path: Path, content: bytes | None = None) -> Countries:
    if content is not None:
        path.write_bytes(content)
    countries = Countries(str(path))
    countries.open()
    return countries


@pytest.mark.parametrize(
    ("host", "country"),
    [
        ("91.1.2.3", "DE"),
        ("85.2.255.255", "CH"),
        ("85.3.0.0", "AT"),
        ("85.4.1.1", ""),
        ("85.5.1.1", ""),
        ("85.6.1.1", ""),
        ("8.8.8.8", ""),
        ("2001:db8::1", ""),
        ("no address", ""),
    ],
)
def test_the_country_of_an_address(
    tmp_path: Path, said: list[str], host: str, country: str
) -> None:
    countries = opened(tmp_path / "db.mmdb", database(NETWORKS))
    assert countries(host) == country
    assert countries("91.1.2.3") == "DE"
    assert said == []


def test_none_is_configured(said: list[str]) -> None:
    countries = Countries("")
    countries.open()
    assert countries("91.1.2.3") == ""
    assert said == []


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path, said: list[str]) -> None:
    countries = opened(tmp_path / "gone.mmdb")
    assert countries("91.1.2.3") == ""
    assert said == [
        f"peers.geoip_database: {tmp_path}/gone.mmdb cannot be used, so countries are not known: "
        "No such file or directory"
    ]


def test_what_is_no_database_is_a_sentence(tmp_path: Path, said: list[str]) -> None:
    folder, pipe = tmp_path / "folder", tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)
    for path, content in ((folder, None), (pipe, None), (tmp_path / "text", b"hello" * 100),
                          (tmp_path / "empty", b"")):  # fmt: skip
        assert opened(path, content)("91.1.2.3") == ""
    assert len(said) == 4
    assert "Is a directory" in said[0]
    assert "not a file" in said[1]
    assert all("cannot be used, so countries are not known: " in sentence for sentence in said)


def test_without_the_package_there_is_a_sentence(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    countries = opened(tmp_path / "db.mmdb", database(NETWORKS))
    assert countries("91.1.2.3") == ""
    assert "the package maxminddb is not installed (the extra geoip)" in said[0]


def test_a_database_that_is_damaged_inside_is_left_alone_from_then_on(
    tmp_path: Path, said: list[str]
) -> None:
    whole = database(NETWORKS)
    at = whole.index(encoded("iso_code"))
    countries = opened(tmp_path / "db.mmdb", whole[:at] + b"\xff" * 8 + whole[at + 8 :])
    assert countries("85.2.1.1") == "CH"
    assert countries("91.1.2.3") == ""
    assert countries("91.1.2.4") == ""
    assert countries("85.3.1.1") == ""
    assert len(said) == 1
    assert "it is damaged" in said[0]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_ends_the_daemon(tmp_path_factory: Any, data: st.DataObject) -> None:
    whole = bytearray(database(NETWORKS))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(whole), len(whole) // 2, len(whole) - 5]))
    countries = opened(tmp_path_factory.mktemp("db") / "db.mmdb", bytes(whole[:cut]))
    for host in ("91.1.2.3", "85.2.1.1", "8.8.8.8", "::1"):
        found = countries(host)
        assert found == "" or (len(found) == 2 and found.isalnum())
