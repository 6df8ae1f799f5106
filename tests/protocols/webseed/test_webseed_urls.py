"""Where a web seed has the files of a torrent (BEP 19)."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.formats import bencode
from p2pd.formats.metainfo import Metainfo, MetainfoError, parse_torrent
from p2pd.protocols.webseed.http_seed import piece_url
from p2pd.protocols.webseed.urls import file_url
from p2pd.testing import make_torrent


def single(name: bytes) -> Metainfo:
    """A torrent of one file of this name."""
    info = {b"length": 5, b"name": name, b"piece length": 16384, b"pieces": bytes(20)}
    return parse_torrent(bencode.encode({b"info": info}))


def several(name: bytes, *paths: list[bytes]) -> Metainfo:
    """A torrent of some files."""
    files = [{b"length": 5, b"path": path} for path in paths]
    info = {b"files": files, b"name": name, b"piece length": 16384, b"pieces": bytes(20)}
    return parse_torrent(bencode.encode({b"info": info}))


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://h/f.iso", "http://h/f.iso"),
        ("http://h/other name", "http://h/other name"),
        ("http://h/pub/", "http://h/pub/a%20b%3F%2F.iso"),
        ("http://h/pub/#there", "http://h/pub/a%20b%3F%2F.iso"),
        ("http://h/get?file=1", "http://h/get?file=1"),
    ],
)
def test_one_file_is_the_url_or_in_the_folder_that_it_names(base: str, url: str) -> None:
    assert file_url(base, single(b"a b?/.iso"), 0) == url


@pytest.mark.parametrize("base", ["http://h/pub", "http://h/pub/"])
def test_several_files_are_in_the_folder_of_the_torrent(base: str) -> None:
    metainfo = several(b"t\xc3\xb6p", [b"x", b"y z"], [b"\xff"])
    assert file_url(base, metainfo, 0) == "http://h/pub/t%C3%B6p/x/y%20z"
    assert file_url(base, metainfo, 1) == "http://h/pub/t%C3%B6p/%FF"


def test_one_file_in_a_list_is_in_a_folder() -> None:
    assert file_url("http://h/p", several(b"top", [b"f"]), 0) == "http://h/p/top/f"


@pytest.mark.parametrize("path", [[b".."], [b"a", b"."], [b""]])
def test_names_that_lead_elsewhere_have_no_url(path: list[bytes]) -> None:
    assert file_url("http://h/p", several(b"top", path), 0) is None


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_names_are_those_of_the_torrent_in_every_version(version: str) -> None:
    files = {"a b": b"x", "deep/é": b"y"}
    metainfo = parse_torrent(make_torrent(files, version))  # type: ignore[arg-type]
    urls = [
        file_url("http://h/", metainfo, index)
        for index, file in enumerate(metainfo.files)
        if not file.pad
    ]
    assert urls == ["http://h/folder/a%20b", "http://h/folder/deep/%C3%A9"]


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=4))
def test_every_byte_of_a_name_comes_back(path: list[bytes]) -> None:
    try:
        metainfo = several(b"top", path)
    except MetainfoError:
        return
    url = file_url("http://h", metainfo, 0)
    if url is None:
        assert any(part in (b".", b"..") for part in path)
        return
    assert url.isascii()
    assert url.isprintable()
    if not metainfo.files[0].pad:
        parts = url.removeprefix("http://h/top/").split("/")
        assert [unquote_to_bytes(part) for part in parts] == path


def test_the_url_of_a_part_of_a_piece() -> None:
    assert piece_url("http://h/seed", b"\x01a&" + bytes(17), 7, 0, 16384) == (
        "http://h/seed?info_hash=%01a%26" + "%00" * 17 + "&piece=7&ranges=0-16383"
    )
    assert piece_url("http://h/s?k=1#x", bytes(20), 0, 16384, 10).startswith("http://h/s?k=1&info")
