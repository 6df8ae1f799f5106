"""Links that name an owner (BEP 46), and what is wrong with some."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.ids import InfoHashes
from p2pd.discovery.dht.mutable_items import target_of
from p2pd.formats.magnet import MagnetError, parse_magnet
from p2pd.formats.mutable_link import MutableLink, parse_mutable_link

KEY = "8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e"
LINK = f"magnet:?xs=urn:btpk:{KEY}"
HASH = "c9e15763f722f23e98a29decdfae341b98d53056"


def read(uri: str) -> MutableLink:
    link = parse_mutable_link(uri)
    assert link is not None
    return link


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        (LINK, "cc3f9d90b572172053626f9980ce261a850d050b"),
        (f"{LINK}&s=6e", "59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f"),
    ],
)
def test_the_vectors_of_bep_46(uri: str, target: str) -> None:
    link = read(uri)
    assert target_of(link.public_key, link.salt).hex() == target
    assert link.to_uri() == uri


def test_trackers_and_a_name_are_for_every_torrent_of_the_owner() -> None:
    link = read(f"{LINK}&tr=http%3A%2F%2Ft.example%2Fa&dn=a+name&ws=http://w.example/&so=1&xl=7")
    magnet = parse_magnet(link.magnet_for(InfoHashes(bytes.fromhex(HASH))))
    assert magnet.info_hashes.hash_string == HASH
    assert magnet.trackers == ("http://t.example/a",)
    assert (magnet.name, magnet.web_seeds) == ("a name", ("http://w.example/",))
    assert (magnet.select_only, magnet.length) == (None, None)


def test_a_link_may_say_which_torrent_it_was() -> None:
    link = read(f"{LINK}&xt=urn:btih:{HASH}")
    assert link.torrent == InfoHashes(bytes.fromhex(HASH))
    assert read(LINK).torrent is None
    assert read(f"{LINK}&xt=urn:btih:nonsense&dn=n").rest.name == "n"


@pytest.mark.parametrize(
    "uri", [f"magnet:?xt=urn:btih:{HASH}", f"magnet:?xt=urn:btih:{HASH}&xs=http://t.example/a"]
)
def test_links_of_other_kinds(uri: str) -> None:
    assert parse_mutable_link(uri) is None


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("http://example/", "does not start with magnet"),
        (LINK[:-1], "not a key of 64 hex digits"),
        (LINK[:-1] + "g", "not a key of 64 hex digits"),
        (f"{LINK}&xs=urn:btpk:{'0' * 64}", "more than one owner"),
        (f"{LINK}&s=6", "salt"),
        (f"{LINK}&s={'00' * 65}", "salt"),
        (f"{LINK}&s=zz", "salt"),
    ],
)
def test_what_is_wrong_is_said(uri: str, words: str) -> None:
    with pytest.raises(MagnetError, match=words):
        parse_mutable_link(uri)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=64))
def test_what_is_written_is_read(key: bytes, salt: bytes) -> None:
    assert read(MutableLink(key, salt).to_uri()) == MutableLink(key, salt)
