"""The extension handshake and the two numberings of extensions (BEP 10)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.formats import bencode
from p2pd.protocols.peerwire.extensions.registry import (
    MAX_EXTENSIONS,
    MAX_HANDSHAKE,
    MAX_METADATA,
    ExtensionHandshake,
    ExtensionRegistry,
    names_by_id,
)
from p2pd.protocols.peerwire.messages import Extended

NAMES = st.text(
    st.characters(exclude_categories=["Cs"], max_codepoint=0x2FFF), min_size=1, max_size=12
)
HANDSHAKES = st.builds(
    ExtensionHandshake,
    messages=st.dictionaries(NAMES, st.integers(0, 255), max_size=8),
    version=st.none() | st.sampled_from(["p2pd 0.1.0", "µTorrent 1.2"]),
    port=st.none() | st.integers(1, 65535),
    reqq=st.none() | st.integers(1, 5000),
    your_ip=st.none() | st.sampled_from(["192.0.2.7", "2001:db8::7"]),
    ipv4=st.none() | st.ip_addresses(v=4).map(str),
    ipv6=st.none() | st.just("2001:db8::1"),
    metadata_size=st.none() | st.integers(1, MAX_METADATA),
    upload_only=st.none() | st.booleans(),
)


def parse(**told: Any) -> ExtensionHandshake:
    return ExtensionHandshake.parse(bencode.encode({k.encode(): v for k, v in told.items()}))


def test_the_example_of_bep_10() -> None:
    raw = "d1:md11:LT_metadatai1e7:µT_PEXi2ee1:pi6881e1:v13:µTorrent 1.2e".encode()
    handshake = ExtensionHandshake.parse(raw)
    assert handshake.messages == {"LT_metadata": 1, "µT_PEX": 2}
    assert handshake.port == 6881
    assert handshake.version == "µTorrent 1.2"
    assert handshake.encode() == raw


def test_the_example_of_bep_9() -> None:
    raw = b"d1:md11:ut_metadatai3ee13:metadata_sizei31235ee"
    expected = ExtensionHandshake(messages={"ut_metadata": 3}, metadata_size=31235)
    assert ExtensionHandshake.parse(raw) == expected
    assert expected.encode() == raw


def test_the_example_of_bep_21() -> None:
    raw = b"d1:md11:ut_metadatai3ee11:upload_onlyi1ee"
    expected = ExtensionHandshake(messages={"ut_metadata": 3}, upload_only=True)
    assert ExtensionHandshake.parse(raw) == expected
    assert expected.encode() == raw


@given(HANDSHAKES)
def test_it_survives_the_wire(handshake: ExtensionHandshake) -> None:
    assert ExtensionHandshake.parse(handshake.encode()) == handshake


@given(
    st.dictionaries(
        st.sampled_from([b"m", b"p", b"v", b"reqq", b"yourip", b"ipv4", b"ipv6", b"upload_only",
                         b"metadata_size", b"other"]),
        st.recursive(
            st.integers() | st.binary(max_size=20),
            lambda inner: st.lists(inner, max_size=3)
            | st.dictionaries(st.binary(max_size=60), inner, max_size=3),
            max_leaves=6,
        ),
    )
)  # fmt: skip
def test_junk_values_are_left_out(told: dict[bytes, Any]) -> None:
    handshake = ExtensionHandshake.parse(bencode.encode(told))
    assert all(0 <= id_ < 256 for id_ in handshake.messages.values())
    assert handshake.port is None or 0 < handshake.port < 65536
    assert handshake.metadata_size is None or 0 < handshake.metadata_size <= MAX_METADATA
    assert ExtensionHandshake.parse(handshake.encode()) == handshake


@pytest.mark.parametrize(
    "told",
    [
        {"p": 0}, {"p": 65536}, {"p": -1}, {"p": b"6881"}, {"reqq": 0}, {"reqq": [5]},
        {"metadata_size": MAX_METADATA + 1}, {"metadata_size": -5}, {"v": 7}, {"v": b"\x00\n"},
        {"yourip": b"12345"}, {"yourip": 7}, {"ipv4": bytes(16)}, {"ipv6": bytes(4)},
        {"upload_only": b"1"}, {"m": [1]}, {"m": {b"a": -1}}, {"m": {b"a": 256}},
        {"m": {b"a": b"1"}}, {"m": {b"\xff": 1}}, {"m": {b"x" * 51: 1}}, {"m": {b"": 1}},
    ],
)  # fmt: skip
def test_each_junk_value_leaves_nothing(told: dict[str, Any]) -> None:
    assert parse(**told) == ExtensionHandshake()


def test_no_more_extensions_are_kept_than_anyone_needs() -> None:
    names = {f"x{n:03}".encode(): 1 for n in range(MAX_EXTENSIONS + 20)}
    assert len(parse(m=names).messages) == MAX_EXTENSIONS


def test_a_version_is_cut_and_printable() -> None:
    assert parse(v=b"\x1b[31mevil\r\n 1.0").version == "[31mevil 1.0"
    assert len(parse(v=b"x" * 5000).version or "") == 100


def test_an_address_mapped_into_ipv6_is_ipv4() -> None:
    assert parse(yourip=bytes(10) + b"\xff\xff\xc0\x00\x02\x07").your_ip == "192.0.2.7"


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"le", "is not a dictionary"),
        (b"", "no bytes"),
        (b"d1:pi1e", "cut off"),
        (b"d" + b"1:v" + b"70000:" + b"x" * 70000 + b"e", f"{70000 + 11} bytes"),
    ],
)
def test_what_is_no_handshake_is_refused(payload: bytes, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        ExtensionHandshake.parse(payload)


def test_the_bound_is_inclusive() -> None:
    filler = b"x" * (MAX_HANDSHAKE - 11)
    raw = b"d1:z" + str(len(filler)).encode() + b":" + filler + b"e"
    assert len(raw) == MAX_HANDSHAKE
    assert ExtensionHandshake.parse(raw) == ExtensionHandshake()


def test_each_side_has_its_own_numbers() -> None:
    registry = ExtensionRegistry(names_by_id({"ut_metadata": 2, "lt_donthave": 3}))
    assert registry.name_of(2) == "ut_metadata"
    assert registry.name_of(9) is None
    registry.learn(ExtensionHandshake(messages={"ut_metadata": 9}))
    assert registry.message("ut_metadata", b"de") == Extended(9, b"de")
    assert registry.message("lt_donthave", b"") is None
    assert registry.name_of(9) is None


def test_a_later_handshake_tells_only_changes() -> None:
    registry = ExtensionRegistry({})
    registry.learn(ExtensionHandshake(messages={"a": 1, "b": 2}))
    registry.learn(ExtensionHandshake(messages={"a": 0, "c": 3}))
    assert registry.remote == {"b": 2, "c": 3}
    assert not registry.speaks("a")
    registry.learn(ExtensionHandshake(messages={"b": 7}))
    assert registry.remote["b"] == 7


def test_many_handshakes_do_not_fill_the_memory() -> None:
    registry = ExtensionRegistry({})
    for round_ in range(5):
        names = {f"{round_}-{n}": 1 for n in range(MAX_EXTENSIONS)}
        registry.learn(ExtensionHandshake(messages=names))
    assert len(registry.remote) == MAX_EXTENSIONS
    registry.learn(ExtensionHandshake(messages={"0-0": 5}))
    assert registry.remote["0-0"] == 5


@pytest.mark.parametrize("local", [{"a": 1, "b": 1}, {"a": 0}, {"a": 256}])
def test_our_own_numbers_must_be_usable(local: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must differ"):
        names_by_id(local)
