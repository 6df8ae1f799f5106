"""New torrents: libtorrent loads them with equal hashes, and makes the same of the same files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from p2pd.formats import bencode
from p2pd.formats.creator import (
    CreationError,
    CreationOptions,
    CreationPlan,
    SourceFile,
    TorrentDraft,
    choose_piece_length,
)
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import Version, parse_torrent
from p2pd.formats.x509.pem import certificate_pem, private_key_pem
from p2pd.formats.x509.swarm_ca import new_ca
from tests.formats.x509.certificates import certificate

KIB = 1024
MIB = 1024 * 1024
VERSIONS: list[Version] = ["v1", "v2", "hybrid"]


def plan(files: dict[str, int], *, name: str = "top", **options: Any) -> CreationPlan:
    single = list(files) == [name]
    sources = tuple(SourceFile(tuple(path.split("/")), size) for path, size in files.items())
    return CreationPlan(name, sources, single, CreationOptions(**options))


def made(wanted: CreationPlan, contents: dict[str, bytes]) -> bytes:
    """The torrent of a plan, its pieces cut from `contents` in the plainest way."""
    draft = TorrentDraft(wanted)
    hashes = []
    for piece in range(draft.layout.piece_count):
        data = b""
        for index, offset, length in draft.layout.spans(piece, 0, draft.layout.piece_size(piece)):
            file = draft.layout.files[index]
            whole = bytes(file.length) if file.pad else contents["/".join(file.path)]
            data += whole[offset : offset + length]
        hashes.append(draft.hash_piece(piece, data))
    return draft.assemble(hashes)


def contents_of(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("piece_length", [16 * KIB, 64 * KIB, MIB])
@pytest.mark.parametrize("name", ["", "z.bin", "b.bin"])
def test_libtorrent_loads_them_and_makes_the_same(
    tree: Path,
    lt: ModuleType,
    made_by_libtorrent: Callable[..., bytes],
    version: Version,
    piece_length: int,
    name: str,
) -> None:
    contents = {name: (tree / name).read_bytes()} if name else contents_of(tree)
    sizes = {path: len(data) for path, data in contents.items()}
    data = made(
        plan(sizes, name=name or "top", version=version, piece_length=piece_length), contents
    )
    ours, theirs = parse_torrent(data), lt.torrent_info(lt.bdecode(data))
    hashes = theirs.info_hashes()
    assert ours.version == version
    assert ours.info_hashes.v1 == (hashes.v1.to_bytes() if hashes.has_v1() else None)
    assert ours.info_hashes.v2 == (hashes.v2.to_bytes() if hashes.has_v2() else None)
    assert theirs.num_pieces() == FileLayout.of(ours).piece_count
    by_libtorrent = parse_torrent(made_by_libtorrent(tree / name, version, piece_length))
    if version == "v1":  # the order of files is free there
        by_path = {file.path: file for file in by_libtorrent.files}
        assert all(by_path[file.path] == file for file in ours.files)
    else:
        assert ours.info_bytes == by_libtorrent.info_bytes
        assert ours.piece_layers == by_libtorrent.piece_layers


def test_all_options_arrive() -> None:
    options = {
        "private": True,
        "source": "S",
        "trackers": (("http://a/announce", "udp://b:1"), ("http://c/",)),
        "web_seeds": ("http://w/",),
        "comment": "für dich",
        "created_by": "test",
        "creation_date": 1_700_000_000,
    }
    found = parse_torrent(made(plan({"f": 5}, name="f", **options), {"f": b"12345"}))
    assert {key: getattr(found, key) for key in options} == options
    assert (found.name, found.single_file, found.files[0].length) == ("f", True, 5)


@pytest.mark.parametrize("version", VERSIONS)
def test_peers_can_be_made_to_speak_tls(version: Version) -> None:
    ca, key = new_ca("films", 10, datetime(2026, 5, 1, tzinfo=UTC))
    text = "ours:\n" + private_key_pem(key) + certificate_pem(ca)
    contents = {"f": b"12345"}
    torrent = made(plan({"f": 5}, name="f", version=version, authority=text), contents)
    info = bencode.decode(torrent)[b"info"]
    assert info[b"ssl-cert"].decode() == certificate_pem(ca)
    assert b"PRIVATE" not in torrent
    plain = parse_torrent(made(plan({"f": 5}, name="f", version=version), contents))
    assert parse_torrent(torrent).info_hashes != plain.info_hashes


def test_executables_are_marked() -> None:
    for version in VERSIONS:
        files = (SourceFile(("run",), 5, True), SourceFile(("sub", "read"), 5))
        wanted = CreationPlan("top", files, False, CreationOptions(version=version))
        found = parse_torrent(made(wanted, {"run": b"12345", "sub/read": b"12345"}))
        assert {f.path[-1]: f.executable for f in found.files if not f.pad} == {
            "run": True,
            "read": False,
        }


@pytest.mark.parametrize(
    ("total", "length"),
    [
        (0, 16 * KIB),
        (32 * MIB, 16 * KIB),
        (32 * MIB + 1, 32 * KIB),
        (1024 * MIB, 512 * KIB),
        (32 * 1024 * MIB, 16 * MIB),
        (10**15, 16 * MIB),
    ],
)
def test_pieces_grow_with_the_content(total: int, length: int) -> None:
    assert choose_piece_length(total) == length
    if 0 < total < 10**12:
        assert TorrentDraft(plan({"f": total}, name="f")).piece_length == length


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (plan({}), "nothing to share"),
        (plan({"a": 0}), "nothing to share"),
        (plan({"a": 1}, piece_length=8 * KIB), "power of two"),
        (plan({"a": 1}, piece_length=48 * KIB), "power of two"),
        (plan({"a": 1}, piece_length=256 * MIB), "power of two"),
        (plan({"a": 1}, trackers=(("ftp://x/",),)), "tracker"),
        (plan({"a": 1}, web_seeds=("udp://x/",)), "web seed"),
        (plan({"a": 1}, source="\ud800"), "half a character"),
        (plan({"a": 1}, comment="\ud800"), "half a character"),
        (plan({"a": 1}, trackers=(("http://x/\ud800",),)), "tracker"),
        (plan({"a": 1}, authority="of mine"), "the CA's certificate is no PEM"),
        (plan({"a": 1}, authority=certificate_pem(certificate())), "is of no CA"),
        (plan({"a": 1}, version="v2"), "folder with one file"),
        (plan({"a": 1, "A": 1}), "upper and lower case"),
        (plan({"aux.c": 1, "b": 1}), "rename"),
        (plan({"../x": 1}), "rename"),
        (plan({"a\udcff": 1}), "rename"),
        (plan({"a": 1}, name="dots.."), "rename"),
        (plan({"a": 1 << 45}, piece_length=16 * KIB), "larger piece length"),
        (CreationPlan("n", (SourceFile(("other",), 5),), True), "single-file"),
    ],
)
def test_what_would_be_no_good_torrent_is_refused_in_words(
    wanted: CreationPlan, words: str
) -> None:
    with pytest.raises(CreationError, match=words):
        TorrentDraft(wanted)


def test_hashes_must_be_of_the_right_bytes_and_complete() -> None:
    draft = TorrentDraft(plan({"a": 20 * KIB}))
    with pytest.raises(CreationError, match="was given"):
        draft.hash_piece(0, bytes(5))
    with pytest.raises(CreationError, match="hashes for"):
        draft.assemble([draft.hash_piece(0, bytes(16 * KIB))])
