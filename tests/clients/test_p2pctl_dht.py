"""p2pctl dht."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from p2pd.discovery.dht.mutable_items import MutableItem, public_key_of, torrent_of
from p2pd.formats.metainfo import parse_torrent
from p2pd.testing import make_torrent

NODE = {
    "node_id": "05" * 20, "ipv6": False, "external_address": "198.51.100.1:6881\x1b", "good": 9,
    "questionable": 2, "bad": 1, "replacements": 4, "queries_in": {"ping": 5},
    "queries_out": {}, "timeouts": 3, "refused": 1, "malformed": 0, "stored_peers": 6,
    "stored_info_hashes": 2, "stored_items": 1, "stored_bytes": 3000, "lookups_running": 1,
    "lookups_waiting": 0,
}  # fmt: skip
STATUS = {
    "enabled": True, "why_not": "", "read_only": False, "torrents": 2, "torrents_looked_up": 1,
    "nodes": [NODE], "sent_bytes": 5000, "dropped": 0, "followed": 1, "published": 0,
    "bootstrap_error": "", "last_error": "no node\nanswered",
}  # fmt: skip
FOLLOWED = {
    "id": 3, "seq": -1, "next_date": 1_700_000_000, "name": "", "hash_string": "",
    "link": "magnet:", "problem": "nobody\u202e",
}  # fmt: skip
TORRENT = make_torrent({"a": b"a"})
HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]


@pytest.fixture(autouse=True)
def answers(daemon: Any) -> None:
    daemon.answers |= {
        "dht_status": STATUS,
        "dht_get": {"item": None},
        "dht_put": {"target": "ab" * 20, "nodes": 8, "id": 1},
        "dht_published": {"items": []},
        "dht_follow": {"followed": FOLLOWED},
        "dht_followed": {"followed": [FOLLOWED]},
        "dht_unfollow": {},
        "session_set": {},
    }


@pytest.fixture
def key(tmp_path: Path, p2pctl: Any) -> Path:
    """A file with a new key."""
    path = tmp_path / "owner.key"
    assert p2pctl("dht", "make-key", str(path)).exit_code == 0
    return path


def put_item(daemon: Any) -> MutableItem:
    """What was handed in to be put."""
    (asked,) = daemon.asked("dht_put")
    return MutableItem(
        bytes.fromhex(asked["public_key"]),
        asked["seq"],
        base64.b64decode(asked["value"]),
        bytes.fromhex(asked["signature"]),
        bytes.fromhex(asked["salt"]),
    )


def test_a_node_that_does_not_know_its_address_says_so(daemon: Any, p2pctl: Any) -> None:
    daemon.answers["dht_status"] = STATUS | {"nodes": [NODE | {"external_address": ""}]}
    shown = p2pctl("dht").output
    assert "0505, nobody has told it its address yet\n" in shown


def test_how_it_stands_is_shown(p2pctl: Any) -> None:
    shown = p2pctl("dht").output
    assert shown.startswith("on; 2 torrents, 1 looked up just now\nIPv4 node 0505")
    assert "0505, called 198.51.100.1:6881" in shown
    assert "9 good, 2 questionable, 1 bad" in shown
    assert "was asked: 5 ping; 1 refused" in shown
    assert "problem: no node" in shown
    assert "\x1b" not in shown
    assert json.loads(p2pctl("dht", "--json").output) == STATUS


def test_it_is_switched(p2pctl: Any, daemon: Any) -> None:
    assert p2pctl("dht", "off").exit_code == 0
    assert p2pctl("dht", "on").exit_code == 0
    assert daemon.asked("session_set") == [{"dht_enabled": False}, {"dht_enabled": True}]


def test_a_key_is_for_its_owner_alone_and_never_written_over(p2pctl: Any, key: Path) -> None:
    assert os.stat(key).st_mode & 0o777 == 0o600
    before = key.read_text()
    assert p2pctl("dht", "make-key", str(key)).exit_code == 1
    assert key.read_text() == before


def test_a_torrent_is_published(p2pctl: Any, daemon: Any, key: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.torrent"
    file.write_bytes(TORRENT)
    result = p2pctl("dht", "publish", "--key", str(key), "--salt", "6e", str(file))
    assert result.exit_code == 0, result.output
    item = put_item(daemon)
    public = public_key_of(bytes.fromhex(key.read_text()))
    assert item.verify()
    assert (item.public_key, item.seq, item.salt) == (public, 0, b"n")
    assert torrent_of(item.value) == HASH
    assert f"magnet:?xs=urn:btpk:{public.hex()}&s=6e" in result.output
    assert daemon.asked("dht_put")[0]["keep"] is True
    assert key.read_text().strip() not in str(daemon.asked("dht_put"))


def test_the_number_is_the_next_one(p2pctl: Any, daemon: Any, key: Path) -> None:
    public = public_key_of(bytes.fromhex(key.read_text())).hex()
    daemon.answers["dht_get"] = {"item": {"seq": 4}}
    daemon.answers["dht_published"] = {"items": [{"seq": 6, "public_key": public, "salt": ""}]}
    assert p2pctl("dht", "publish", "--key", str(key), HASH.hex()).exit_code == 0
    assert put_item(daemon).seq == 7
    assert daemon.asked("dht_put")[0]["cas"] == 4


@pytest.mark.parametrize("trouble", ["open", "short", "none"])
def test_a_key_that_is_no_good_is_refused(
    p2pctl: Any, daemon: Any, key: Path, trouble: str
) -> None:
    if trouble == "open":
        key.chmod(0o640)
    elif trouble == "short":
        key.write_text("00" * 31)
    else:
        key.unlink()
    result = p2pctl("dht", "publish", "--key", str(key), HASH.hex())
    assert result.exit_code == 1
    assert str(key) in result.output
    assert daemon.asked("dht_put") == []


def test_a_text_is_put_and_an_item_that_nobody_has_is_said(p2pctl: Any, daemon: Any) -> None:
    assert p2pctl("dht", "put", "hello").output == f"{'ab' * 20} at 8 nodes\n"
    assert daemon.asked("dht_put") == [{"text": "hello", "keep": False}]
    result = p2pctl("dht", "get", "ab" * 20)
    assert result.exit_code == 1
    assert "no node" in result.output


def test_an_owner_is_followed(p2pctl: Any, daemon: Any) -> None:
    result = p2pctl("dht", "follow", "magnet:?x", "--label", "a", "--dir", "/d", "--paused")
    assert result.exit_code == 0, result.output
    assert daemon.asked("dht_follow") == [
        {"link": "magnet:?x", "labels": ["a"], "download_dir": "/d", "paused": True}
    ]
    shown = p2pctl("dht", "followed").output
    assert "nobody" in shown
    assert "\u202e" not in shown
    assert p2pctl("dht", "unfollow", "3").exit_code == 0
    assert daemon.asked("dht_unfollow") == [{"id": 3}]
