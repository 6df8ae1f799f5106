"""What is transferred is the same in every run, and a wrong copy is found."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bench.content import BLOCK, Sources, content
from bench.errors import WrongBytesError
from p2pd.formats.metainfo import parse_torrent

MIB = 1 << 20


def whole(size: int, seed: int = 1) -> bytes:
    return b"".join(bytes(chunk) for chunk in content(size, seed))


def test_content_is_deterministic_and_of_the_size_asked_for() -> None:
    data = whole(MIB + 12345)
    assert len(data) == MIB + 12345
    assert data == whole(MIB + 12345)
    assert data != whole(MIB + 12345, seed=2)


def test_no_two_blocks_are_equal() -> None:
    data = whole(3 * MIB)
    blocks = {data[start : start + BLOCK] for start in range(0, len(data), BLOCK)}
    assert len(blocks) == 3 * MIB // BLOCK


def test_torrents_of_one_file_differ_by_their_pieces(tmp_path: Path) -> None:
    sources = Sources(tmp_path)
    small, large = sources.torrent(MIB, 32 * 1024), sources.torrent(MIB, 64 * 1024)
    assert small.content == large.content
    assert small.info_hash != large.info_hash
    assert sources.torrent(MIB, 32 * 1024) is small


def test_torrents_are_what_their_files_say(tmp_path: Path) -> None:
    torrent = Sources(tmp_path).torrent(MIB + 100, 64 * 1024)
    metainfo = parse_torrent(torrent.path.read_bytes())
    data = torrent.content.read_bytes()
    assert data == whole(MIB + 100)
    assert metainfo.info_hashes.v1 == bytes.fromhex(torrent.info_hash)
    assert metainfo.piece_hashes is not None
    assert metainfo.piece_hashes[-20:] == hashlib.sha1(data[MIB:]).digest()
    assert torrent.digest == hashlib.sha256(data).hexdigest()


def test_a_copy_is_compared_with_the_source(tmp_path: Path) -> None:
    torrent = Sources(tmp_path / "sources").torrent(MIB, 64 * 1024)
    copy = tmp_path / torrent.name
    with pytest.raises(WrongBytesError, match="not there"):
        torrent.verify(tmp_path)
    data = bytearray(torrent.content.read_bytes())
    copy.write_bytes(data)
    torrent.verify(tmp_path)
    data[0:BLOCK], data[BLOCK : 2 * BLOCK] = data[BLOCK : 2 * BLOCK], data[0:BLOCK]
    copy.write_bytes(data)
    with pytest.raises(WrongBytesError, match="differs"):
        torrent.verify(tmp_path)


def test_many_small_torrents_are_all_different(tmp_path: Path) -> None:
    folder, torrents = Sources(tmp_path).many_small(5)
    assert len({torrent.info_hash for torrent in torrents}) == 5
    assert {torrent.content.parent for torrent in torrents} == {folder}
    assert all(torrent.content.stat().st_size == 1024 for torrent in torrents)
