"""Hostile torrents and calls over the control API: refused in words, and nothing is written.

The codes are those of the Transmission RPC specification: 4 unrecognised, 9 corrupt torrent.
"""

from __future__ import annotations

import base64

import pytest
from peers.http_calls import RpcError
from peers.payload import MIB, libtorrent_content, make_file

PIECES = b"x" * 20


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    return b"d" + b"".join(bencode(k) + bencode(value[k]) for k in sorted(value)) + b"e"


def torrent(**changes):
    """A torrent of one file of one piece, with changes to its info dictionary."""
    info = {b"name": b"f", b"piece length": 65_536, b"length": 100, b"pieces": PIECES}
    info |= {key.replace("_", " ").encode(): value for key, value in changes.items()}
    return bencode({b"info": {k: v for k, v in info.items() if v is not None}})


def files(*paths):
    return [{b"length": 10, b"path": list(path)} for path in paths]


BAD = {
    "nothing": b"",
    "text": b"this is no torrent",
    "a page": b"<html><body>404</body></html>",
    "truncated": torrent()[:-10],
    "trailing bytes": torrent() + b"more",
    "no info": b"de",
    "a list": b"le",
    "deep nesting": b"l" * 100_000,
    "a string longer than the file": b"d4:info999999999:x",
    "a number of a million digits": b"d4:infoi" + b"9" * 1_000_000 + b"ee",
    "no pieces": torrent(pieces=None),
    "no length": torrent(length=None),
    "negative length": torrent(length=-1),
    "enormous length": torrent(length=2**70),
    "piece length zero": torrent(piece_length=0),
    "negative piece length": torrent(piece_length=-65_536),
    "ragged piece hashes": torrent(pieces=b"x" * 19),
    "too few piece hashes": torrent(length=10**9),
    "too many piece hashes": torrent(pieces=b"x" * 2000),
    "name is a number": torrent(name=5),
    "files is a string": torrent(length=None, files=b"no"),
    "a file without a path": torrent(length=None, files=[{b"length": 5}]),
    "a file with an empty path": torrent(length=None, files=[{b"length": 5, b"path": []}]),
}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    from peers.p2pd_node import P2pdNode

    daemon = P2pdNode(tmp_path_factory.mktemp("p2pd"))
    yield daemon
    daemon.stop()


def add_bytes(node, data):
    return node.call("torrent_add", metainfo=base64.b64encode(data).decode(), paused=True)


@pytest.mark.parametrize("what", BAD)
def test_a_bad_torrent_is_refused_in_words(node, what):
    with pytest.raises(RpcError) as refused:
        add_bytes(node, BAD[what])
    assert refused.value.code in (4, 9)
    assert len(str(refused.value.error.get("data", refused.value.error))) > 10
    assert node.call("torrent_get", fields=["id"])["torrents"] == []
    node.check_healthy()


@pytest.mark.parametrize(
    "link",
    [
        "magnet:",
        "magnet:?xt=urn:btih:",
        "magnet:?xt=urn:btih:zz",
        "magnet:?xt=urn:btmh:1220abcd",
        "magnet:?dn=nothing",
    ],
)
def test_a_bad_magnet_is_refused_in_words(node, link):
    with pytest.raises(RpcError) as refused:
        node.call("torrent_add", filename=link, paused=True)
    assert refused.value.code in (4, 9)
    node.check_healthy()


HOSTILE_PATHS = {
    "parent folders": [(b"..", b"..", b"escaped")],
    "absolute": [(b"/", b"tmp", b"escaped")],
    "slashes inside": [(b"../../escaped",), (b"a/b",)],
    "dots": [(b".",), (b"..",)],
    "nul": [(b"a\0b",)],
    "long": [(b"n" * 5000,)],
    "case collision": [(b"A",), (b"a",)],
    "not utf-8": [(b"\xff\xfe",)],
    "a file below a file": [(b"a",), (b"a", b"b")],
}


@pytest.mark.parametrize("what", HOSTILE_PATHS)
def test_hostile_paths_stay_in_the_download_folder(work, node, what):
    paths = HOSTILE_PATHS[what]
    data = torrent(length=None, name=b"../outside", files=files(*paths), pieces=PIECES)

    def elsewhere():
        """What lies outside the download folder, but for the state's own copies of torrents."""
        ours = {node.downloads, node.state_folder / "torrents"}
        return sorted(p.name for p in node.folder.rglob("*") if ours.isdisjoint(p.parents))

    before = elsewhere()
    try:
        added = add_bytes(node, data)["torrent_added"]
    except RpcError:
        return  # to refuse it is right too
    listed = node.call("torrent_get", ids=[added["hash_string"]], fields=["files", "name"])
    for file in listed["torrents"][0]["files"]:
        parts = file["name"].split("/")
        assert not {"", ".", ".."} & set(parts), file["name"]
        assert all(len(part.encode()) <= 255 for part in parts)
    names = [file["name"].lower() for file in listed["torrents"][0]["files"]]
    assert len(set(names)) == len(paths)
    node.call("torrent_start", ids=[added["hash_string"]])
    node.call("torrent_remove", ids=[added["hash_string"]], delete_local_data=True)
    assert elsewhere() == before
    node.check_healthy()


def test_a_link_in_the_download_folder_is_not_followed(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", MIB), "v1")
    treasure = work / "treasure"
    treasure.write_bytes(b"not to be touched")
    seed, node = new_libtorrent(), new_p2pd()
    seed.share(content)
    node.downloads.mkdir(exist_ok=True)
    (node.downloads / content.name).symlink_to(treasure)
    try:
        node.add(content.torrent)
        node.dial(seed)
        node.call("torrent_verify", ids=[node.hash_string])
        node.wait_checked()
    except RpcError:
        pass  # to refuse it is right too
    assert treasure.read_bytes() == b"not to be touched"
    node.check_healthy()


def test_the_wrong_token_opens_nothing(work, new_p2pd):
    node = new_p2pd()
    token = node.state_folder / "control-token"
    assert token.stat().st_mode & 0o777 == 0o600
    right = token.read_text()
    token.write_text("f" * len(right))
    with pytest.raises(RpcError) as refused:
        node.call("session_get")
    assert refused.value.code in (401, 403)
    token.write_text(right)
    node.check_healthy()
