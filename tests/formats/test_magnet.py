"""Magnet links: read, written, equal to libtorrent's reading, and refused in words."""

from __future__ import annotations

import base64
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.ids import InfoHashes
from p2pd.formats.magnet import Magnet, MagnetError, parse_magnet

V1, V2 = bytes(range(20)), bytes(range(32))
BTIH, BTMH = f"xt=urn:btih:{V1.hex()}", f"xt=urn:btmh:1220{V2.hex()}"


def test_all_that_a_link_can_say() -> None:
    uri = (
        f"magnet:?{BTIH}&{BTMH}&dn=a+name%20%C3%A9&xl=12345"
        "&tr=http%3A%2F%2Ft.example%2Fannounce&tr.1=udp://u.example:80&tr=ftp://no&tr=udp://u.example:80"
        "&ws=https%3A%2F%2Fseed.example%2F&ws=file:///etc"
        "&x.pe=127.0.0.1:6881&x.pe=[::1]:6882&x.pe=host.example:1&x.pe=bad&x.pe=h:0"
        "&so=0,2,4,6-8,9-8,x&as=ignored&x.p2pd-tls=1"
    )
    assert parse_magnet(uri) == Magnet(
        info_hashes=InfoHashes(V1, V2),
        name="a name é",
        trackers=("http://t.example/announce", "udp://u.example:80"),
        web_seeds=("https://seed.example/",),
        peers=(("127.0.0.1", 6881), ("::1", 6882), ("host.example", 1)),
        select_only=(range(0, 1), range(2, 3), range(4, 5), range(6, 9)),
        length=12345,
        by_tls=True,
    )


@pytest.mark.parametrize(
    "text",
    [
        V1.hex(),
        V1.hex().upper(),
        base64.b32encode(V1).decode(),
        base64.b32encode(V1).decode().lower(),
    ],
)
def test_the_hash_may_be_hex_or_base32(text: str) -> None:
    for prefix in ("urn:btih:", "URN:BTIH:", "urn%3Abtih%3A"):
        assert parse_magnet(f" MAGNET:?xt={prefix}{text} ").info_hashes == InfoHashes(V1)
    assert parse_magnet(f"magnet:?xt.1=urn:btih:{text}&xt.2=urn:sha1:x").info_hashes == InfoHashes(
        V1
    )


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("http://x/", "does not start with"),
        ("", "does not start with"),
        ("magnet:", "no info-hash"),
        ("magnet:?dn=x", "no info-hash"),
        ("magnet:?xt=urn:btih:" + "0" * 39, "btih"),
        ("magnet:?xt=urn:btih:" + "g" * 40, "btih"),
        ("magnet:?xt=urn:btih:" + "é" * 40, "btih"),
        ("magnet:?xt=urn:btih:" + "1" * 32, "btih"),
        ("magnet:?xt=urn:btih:", "btih"),
        ("magnet:?xt=urn:btmh:1220" + "0" * 63, "btmh"),
        ("magnet:?xt=urn:btmh:1114" + "0" * 40, "btmh"),
        (f"magnet:?{BTIH}&xt=urn:btih:{'0' * 40}", "more than one"),
        ("magnet:?" + "x" * 70_000, "longer than"),
    ],
)
def test_what_names_no_torrent_is_refused_in_words(uri: str, words: str) -> None:
    with pytest.raises(MagnetError, match=words):
        parse_magnet(uri)


def test_half_a_character_does_no_harm() -> None:
    found = parse_magnet(f"magnet:?{BTIH}&dn=a\udc94b&x\ud800=1&tr=http://t/\udc94")
    assert found.name == "a?b"
    assert parse_magnet(found.to_uri()) == found


def test_the_selection_of_files() -> None:
    assert parse_magnet(f"magnet:?{BTIH}").selects(7)
    some = parse_magnet(f"magnet:?{BTIH}&so=1,3-4")
    assert [some.selects(index) for index in range(6)] == [False, True, False, True, True, False]
    assert parse_magnet(f"magnet:?{BTIH}&so=99999999").select_only is None


MAGNETS = st.builds(
    Magnet,
    info_hashes=st.sampled_from([InfoHashes(V1), InfoHashes(None, V2), InfoHashes(V1, V2)]),
    name=st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=30),
    trackers=st.lists(
        st.sampled_from(["http://a/?x=1&y=%20", "udp://b:1", "wss://c/"]), unique=True
    ).map(tuple),
    web_seeds=st.lists(
        st.sampled_from(["http://a/b", "https://c/d e".replace(" ", "%20")]), unique=True
    ).map(tuple),
    peers=st.lists(
        st.tuples(st.sampled_from(["1.2.3.4", "::1", "h.example"]), st.integers(1, 65535)),
        unique=True,
        max_size=4,
    ).map(tuple),
    select_only=st.none()
    | st.lists(
        st.builds(lambda a, n: range(a, a + n), st.integers(0, 99), st.integers(1, 5)), min_size=1
    ).map(tuple),
    length=st.none() | st.integers(0, 1 << 48),
)


@given(MAGNETS)
def test_what_is_written_reads_the_same(magnet: Magnet) -> None:
    assert parse_magnet(magnet.to_uri()) == magnet


@given(st.text("magnet:?xt=urn:btih&1220abc%.-,so", max_size=80) | st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for uri in (text, f"magnet:?{BTIH}&{text}"):
        try:
            found = parse_magnet(uri)
        except MagnetError:
            continue
        assert found.info_hashes.wire_ids


@given(MAGNETS)
def test_libtorrent_reads_our_links_alike(magnet: Magnet) -> None:
    lt: ModuleType = pytest.importorskip("libtorrent")
    theirs: Any = lt.parse_magnet_uri(magnet.to_uri())
    assert theirs.name == (magnet.name or "")
    assert tuple(theirs.trackers) == magnet.trackers
    hashes = theirs.info_hashes
    assert (hashes.v1.to_bytes() if hashes.has_v1() else None) == magnet.info_hashes.v1
    assert (hashes.v2.to_bytes() if hashes.has_v2() else None) == magnet.info_hashes.v2
    addresses = {peer for peer in magnet.peers if not peer[0].startswith("h")}
    assert set(theirs.peers) == addresses
