"""Metainfo: libtorrent's torrents read alike, rules are kept, broken ones refused in words."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1, sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.base.ids import InfoHashes
from p2pd.formats import bencode, merkle
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import MAX_CA, MetainfoError, parse_info, parse_torrent, to_torrent
from p2pd.testing import make_torrent

Make = Callable[..., bytes]
ROOT = b"r" * 32


def v1_info(**changes: Any) -> dict[bytes, Any]:
    info: dict[bytes, Any] = {
        b"name": b"n",
        b"piece length": 10,
        b"pieces": b"h" * 40,
        b"files": [{b"length": 12, b"path": [b"a"]}, {b"length": 5, b"path": [b"d", b"b"]}],
    }
    return changed(info, changes)


def v2_info(**changes: Any) -> dict[bytes, Any]:
    tree = {b"a": {b"": {b"length": 20_000, b"pieces root": ROOT}}, b"e": {b"": {b"length": 0}}}
    return changed(
        {b"name": b"n", b"piece length": 32768, b"meta version": 2, b"file tree": tree}, changes
    )


def hybrid_info(**changes: Any) -> dict[bytes, Any]:
    both = {
        b"a": {b"": {b"length": 40_000, b"pieces root": ROOT}},
        b"b": {b"": {b"length": 5, b"pieces root": ROOT}},
    }
    files = [
        {b"length": 40_000, b"path": [b"a"]},
        {b"attr": b"p", b"length": 25_536, b"path": [b".pad", b"25536"]},
        {b"length": 5, b"path": [b"b"]},
    ]
    return v2_info(**{"file_tree": both, "files": files, "pieces": b"h" * 60, **changes})


def changed(info: dict[bytes, Any], changes: dict[str, Any]) -> dict[bytes, Any]:
    for key, value in changes.items():
        info[key.replace("_", " ").encode()] = value
    return {key: value for key, value in info.items() if value is not None}


def torrent(info: dict[bytes, Any], **outer: Any) -> bytes:
    return bencode.encode(changed({b"info": info}, outer))


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid", "no-tail"])
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("piece_length", [16 * 1024, 64 * 1024, 1024 * 1024])
def test_libtorrent_torrents_read_as_libtorrent_reads_them(
    tree: Path,
    made_by_libtorrent: Make,
    lt: ModuleType,
    version: str,
    single: bool,
    piece_length: int,
) -> None:
    data = made_by_libtorrent(tree / "z.bin" if single else tree, version, piece_length)
    theirs: Any = lt.torrent_info(lt.bdecode(data))
    ours = parse_torrent(data)
    hashes = theirs.info_hashes()
    assert ours.version == ("hybrid" if version == "no-tail" else version)
    assert ours.info_hashes.v1 == (hashes.v1.to_bytes() if hashes.has_v1() else None)
    assert ours.info_hashes.v2 == (hashes.v2.to_bytes() if hashes.has_v2() else None)
    assert (ours.name, ours.piece_length, ours.single_file) == (theirs.name(), piece_length, single)
    assert ours.trackers == (("http://tracker.example/announce",), ("udp://tracker.example:80",))
    assert ours.missing_piece_layers() == ()

    layout, files = FileLayout.of(ours), theirs.files()
    assert layout.piece_count == theirs.num_pieces()
    theirs_by_path = {
        files.file_path(i): i for i in range(files.num_files()) if not files.file_flags(i) & 1
    }
    assert len(theirs_by_path) == len([file for file in ours.files if not file.pad])
    for entry, placed in zip(ours.files, layout.files, strict=True):
        if not entry.pad:
            index = theirs_by_path["/".join(placed.path)]
            assert placed.length == files.file_size(index)
            # libtorrent has an empty file before or after a pad, which changes nothing.
            assert not placed.length or placed.offset == files.file_offset(index)
            root = files.root(index).to_bytes() if ours.info_hashes.v2 and placed.length else None
            assert entry.pieces_root == root
    if version != "v2":
        assert ours.piece_hashes == b"".join(
            theirs.hash_for_piece(piece) for piece in range(theirs.num_pieces())
        )
        sizes = [theirs.piece_size(piece) for piece in range(theirs.num_pieces())]
        assert [layout.piece_size(piece) for piece in range(layout.piece_count)] == sizes
    assert parse_torrent(to_torrent(ours)) == ours


def test_the_info_hash_is_taken_over_the_bytes_as_they_came() -> None:
    unsorted = b"d4:name1:n6:lengthi5e12:piece lengthi16e6:pieces20:" + b"x" * 20 + b"e"
    found = parse_torrent(b"d4:info" + unsorted + b"e")
    assert found.info_hashes == InfoHashes(sha1(unsorted).digest())
    assert found.info_bytes == unsorted
    assert parse_info(unsorted).info_hashes == found.info_hashes
    assert parse_torrent(to_torrent(found)) == found


def test_outer_keys_are_read_and_junk_among_them_is_dropped() -> None:
    data = torrent(
        v1_info(private=1, source=b"S"),
        announce=b"http://not.used/",
        **{"announce-list": [[b"http://a/", b"ftp://x/", 7], 5, [], [b"udp://b:1", b"http://a/"]]},
        **{"url-list": [b"http://seed/", b"file:///etc/passwd", [b"x"]]},
        nodes=[[b"router.example", 6881], [b"x"], [b"y", 99999], 5],
        comment=b"caf\xe9",
        created_by=b"me",
        creation_date=1_700_000_000,
    )
    found = parse_torrent(data)
    assert found.trackers == (("http://a/",), ("udp://b:1",))
    assert found.web_seeds == ("http://seed/",)
    assert found.nodes == (("router.example", 6881),)
    assert (found.comment, found.created_by, found.creation_date) == (
        "caf\ufffd",
        "me",
        1_700_000_000,
    )
    assert (found.private, found.source) == (True, "S")
    strange = parse_torrent(
        torrent(v1_info(), announce=5, comment=[], creation_date=b"x", nodes=b"y")
    )
    assert (strange.trackers, strange.comment, strange.creation_date, strange.nodes) == (
        (),
        None,
        None,
        (),
    )
    assert parse_torrent(torrent(v1_info(), announce=b"http://a/x")).trackers == (("http://a/x",),)


def test_attributes_of_files_are_read() -> None:
    files = [
        {b"length": 12, b"path": [b"run"], b"attr": b"x"},
        {b"length": 8, b"attr": b"p"},
        {b"path": [b"link"], b"attr": b"l", b"symlink path": [b"..", b"run"]},
        {b"length": 5, b"path": [b"_____padding_file_0_if you see"]},
        {b"length": 5, b"path": [b"h"], b"attr": b"h?"},
    ]
    run, pad, link, old_pad, hidden = parse_torrent(
        torrent(v1_info(files=files, pieces=b"h" * 60))
    ).files
    assert run.executable
    assert not run.pad
    assert pad.pad
    assert (link.symlink, link.length) == (("run",), 0)
    assert old_pad.pad
    assert hidden.hidden


def test_names_in_utf8_are_preferred_and_paths_made_safe() -> None:
    files = [
        {b"length": 12, b"path": [b"old"], b"path.utf-8": ["né".encode()]},
        {b"length": 5, b"path": [b"..", b"/etc/passwd"]},
    ]
    found = parse_torrent(torrent({**v1_info(files=files, name=b"x/../y"), b"name.utf-8": b".."}))
    assert found.name == "__"
    assert [file.path for file in found.files] == [("né",), ("__", "_etc_passwd")]


def test_a_torrent_without_a_name_is_called_by_its_hash() -> None:
    found = parse_torrent(torrent(v1_info(name=None)))
    assert found.name == found.info_hashes.hash_string


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (v1_info(piece_length=None), "piece length"),
        (v1_info(piece_length=0), "piece length"),
        (v1_info(piece_length=1 << 30), "piece length"),
        (v1_info(piece_length=b"10"), "piece length"),
        (v1_info(pieces=b"h" * 39), "one SHA-1 for each of its 2"),
        (v1_info(pieces=None), "one SHA-1"),
        (v1_info(files=[]), "list of files"),
        (v1_info(files=b"x"), "list of files"),
        (v1_info(files=[5]), "no dictionary"),
        (v1_info(files=None), "neither length nor files"),
        (v1_info(files=[{b"length": 17}]), "no path"),
        (v1_info(files=[{b"length": -1, b"path": [b"a"]}]), "length"),
        (v1_info(files=[{b"length": 1 << 60, b"path": [b"a"]}]), "length"),
        (v1_info(files=[{b"length": 17, b"path": []}]), "path"),
        (v1_info(files=[{b"length": 17, b"path": [7]}]), "path"),
        (v1_info(files=[{b"length": 17, b"path": [b"d"] * 101}]), "path"),
        (v1_info(files=[{b"length": 0, b"path": [b"a"]}], pieces=b""), "no data"),
        (v1_info(files=[{b"length": 20, b"path": [b"a"], b"attr": b"p"}]), "no data"),
        (v1_info(files=[{b"length": 1 << 47, b"path": [b"a"]}]), "more than this program takes"),
        (v1_info(meta_version=3), "newer"),
        (v1_info(meta_version=b"2"), "meta version"),
        (v1_info(file_tree={}), "no meta version 2"),
        (v2_info(file_tree=None), "needs a file tree"),
        (v2_info(file_tree={}), "file tree of 0 files"),
        (v2_info(file_tree={b"a": 5}), "neither a file nor a folder"),
        (v2_info(file_tree={b"": {b"length": 5}}), "neither a file nor a folder"),
        (
            v2_info(file_tree={b"a": {b"": {b"length": 5, b"pieces root": ROOT}, b"b": {}}}),
            "at once",
        ),
        (v2_info(file_tree={b"a": {b"": {b"length": 5}}}), "pieces root"),
        (
            v2_info(file_tree={b"a": {b"": {b"length": 5, b"pieces root": bytes(32)}}}),
            "pieces root",
        ),
        (v2_info(file_tree={b"a": {b"": {b"length": 5, b"attr": b"p"}}}), "pad"),
        (v2_info(piece_length=16_385), "power of two"),
        (v2_info(piece_length=8192), "power of two"),
        (
            hybrid_info(
                files=[{b"length": 40_000, b"path": [b"a"]}, {b"length": 5, b"path": [b"b"]}]
            ),
            "other",
        ),
        (hybrid_info(files=[{b"length": 40_000, b"path": [b"a"]}]), "other"),
        (hybrid_info(length=5, files=None), "other"),
        (hybrid_info(pieces=b"h" * 80), "one SHA-1"),
    ],
)
def test_broken_info_is_refused_in_words(info: dict[bytes, Any], words: str) -> None:
    with pytest.raises(MetainfoError, match=words):
        parse_torrent(torrent(info))


def test_a_deep_file_tree_is_refused() -> None:
    tree: dict[bytes, Any] = {b"": {b"length": 1, b"pieces root": ROOT}}
    for _ in range(70):
        tree = {b"d": tree}
    with pytest.raises(FormatError, match="deep"):
        parse_torrent(torrent(v2_info(file_tree=tree)))


def test_hybrid_views_that_differ_are_refused() -> None:
    good = parse_torrent(torrent(hybrid_info()))
    assert good.version == "hybrid"
    assert [(file.pad, file.pieces_root) for file in good.files] == [
        (False, ROOT),
        (True, None),
        (False, ROOT),
    ]
    tail = {b"attr": b"p", b"length": 32_763, b"path": [b".pad", b"32763"]}
    assert (
        parse_torrent(torrent(hybrid_info(files=[*hybrid_info()[b"files"], tail]))).version
        == "hybrid"
    )
    for index, key, value in [(0, b"path", [b"x"]), (0, b"length", 39_999), (1, b"length", 25_537)]:
        files = [dict(file) for file in hybrid_info()[b"files"]]
        files[index][key] = value
        with pytest.raises(MetainfoError, match="other files"):
            parse_torrent(torrent(hybrid_info(files=files)))
    for extra in (tail, tail), ({b"length": 0, b"path": [b"new"]},):
        with pytest.raises(MetainfoError, match="other files"):
            parse_torrent(torrent(hybrid_info(files=[*hybrid_info()[b"files"], *extra])))


def test_piece_layers_are_proven_or_refused() -> None:
    layer = b"1" * 32 + b"2" * 32
    root = merkle.layer_root(layer, 32768)
    info = v2_info(file_tree={b"a": {b"": {b"length": 40_000, b"pieces root": root}}})
    found = parse_torrent(torrent(info, piece_layers={root: layer, b"other": b"dropped"}))
    assert dict(found.piece_layers) == {root: layer}
    assert found.missing_piece_layers() == ()
    bare = parse_torrent(torrent(info))
    assert bare.missing_piece_layers() == (root,)
    assert parse_torrent(to_torrent(bare, piece_layers={root: layer})) == found
    for wrong in (layer[:32], layer + layer, b"1" * 64, 5):
        with pytest.raises(MetainfoError, match="piece layer"):
            parse_torrent(torrent(info, piece_layers={root: wrong}))
    with pytest.raises(MetainfoError, match="no dictionary"):
        parse_torrent(torrent(info, piece_layers=5))


def test_metadata_must_have_the_hash_that_was_asked_for() -> None:
    info = bencode.encode(hybrid_info())
    both = InfoHashes(sha1(info).digest(), sha256(info).digest())
    for expected in (None, both, InfoHashes(both.v1), InfoHashes(None, both.v2)):
        found = parse_info(info, expected=expected, trackers=[["http://a/"], "http://b/"])
        assert found.info_hashes == both
        assert found.trackers == (("http://a/",), ("http://b/",))
    for wrong in (InfoHashes(bytes(20)), InfoHashes(both.v1, bytes(32))):
        with pytest.raises(MetainfoError, match="info-hash"):
            parse_info(info, expected=wrong)
    v2_only = bencode.encode(v2_info())
    with pytest.raises(MetainfoError, match="info-hash"):
        parse_info(v2_only, expected=InfoHashes(sha1(v2_only).digest()))


JUNK = st.recursive(
    st.integers(-5, 1 << 50) | st.binary(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.binary(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = [
    b"name",
    b"piece length",
    b"pieces",
    b"files",
    b"length",
    b"file tree",
    b"meta version",
    b"attr",
]


@given(
    st.sampled_from([v1_info(), v2_info(), hybrid_info()]),
    st.dictionaries(st.sampled_from(KEYS), JUNK),
)
def test_junk_under_any_key_is_refused_or_makes_a_sound_layout(
    info: dict[bytes, Any], junk: dict[bytes, Any]
) -> None:
    try:
        found = parse_torrent(torrent({**info, **junk}))
    except FormatError:
        return
    layout = FileLayout.of(found)
    assert (
        sum(layout.data_size(piece) for piece in range(layout.piece_count)) == layout.total_length
    )


def test_the_ca_of_a_torrents_peers_is_read_and_kept() -> None:
    found = parse_torrent(torrent(v1_info(**{"ssl-cert": b"-----BEGIN"})))
    assert found.tls_ca == b"-----BEGIN"
    assert parse_torrent(to_torrent(found)) == found
    assert parse_torrent(torrent(v1_info(**{"ssl-cert": b""}))).tls_ca is None
    assert parse_torrent(torrent(v1_info())).tls_ca is None
    for wrong in (7, [b"x"], b"x" * (MAX_CA + 1)):
        with pytest.raises(MetainfoError, match="CA"):
            parse_torrent(torrent(v1_info(**{"ssl-cert": wrong})))


def test_seeds_of_bep_17_come_and_go_with_the_torrent() -> None:
    made = bencode.decode(make_torrent({"a": b"x", "b": b"y"}))
    made[b"httpseeds"] = [b"http://a.test/seed.php", b"ftp://no/", 7]
    found = parse_torrent(bencode.encode(made))
    assert found.http_seeds == ("http://a.test/seed.php",)
    assert parse_torrent(to_torrent(found)).http_seeds == found.http_seeds
    made[b"httpseeds"] = b"http://a.test/seed.php"
    assert parse_torrent(bencode.encode(made)).http_seeds == found.http_seeds


def test_names_are_kept_as_they_came() -> None:
    files = [{b"length": 1, b"path": [b"a"]}, {b"length": 1, b"path": [b"con", b"\xff"]}]
    info = {b"files": files, b"name": b"..", b"piece length": 16384, b"pieces": bytes(20)}
    found = parse_torrent(bencode.encode({b"info": info}))
    assert found.raw_name == b".."
    assert [found.raw_path(index) for index in range(2)] == [(b"a",), (b"con", b"\xff")]
    assert list(found.raw_paths) == [1]
