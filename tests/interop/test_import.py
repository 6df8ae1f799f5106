"""From a real transmission-daemon with one command: nothing is hashed, and nothing comes twice."""

from __future__ import annotations

import base64
import json
import os

from peers.p2pctl import p2pctl
from peers.payload import MIB, PIECE, assert_same, libtorrent_content, make_file, make_folder
from peers.processes import wait_until

FIELDS = [
    "name", "haveValid", "uploadedEver", "downloadedEver", "labels", "addedDate", "percentDone",
    "wanted", "status", "corruptEver",
]  # fmt: skip


def flip_unseen(path):
    """Change a byte and keep size and time: only who hashes the file can see it."""
    before = path.stat()
    with path.open("r+b") as file:
        byte = file.read(1)
        file.seek(0)
        file.write(bytes([byte[0] ^ 0xFF]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def add(node, content, folder, **more):
    metainfo = base64.b64encode(content.torrent.read_bytes()).decode()
    answer = node.call("torrent-add", metainfo=metainfo, **{"download-dir": str(folder)}, **more)
    return answer["torrent-added"]["id"]


def torrents_of(transmission):
    rows = transmission.call("torrent-get", fields=FIELDS)["torrents"]
    return {row["name"]: row for row in rows}


def torrents_in(node):
    fields = [
        "name", "status", "have_valid", "uploaded_ever", "downloaded_ever", "labels", "added_date",
        "wanted", "left_until_done", "hash_string", "upload_limit", "upload_limited",
        "seed_ratio_limit", "seed_ratio_mode", "seed_idle_mode", "bandwidth_priority",
    ]  # fmt: skip
    return {row["name"]: row for row in node.call("torrent_get", fields=fields)["torrents"]}


def test_all_of_transmission_comes_over_as_it_is(work, new_p2pd, new_libtorrent, new_transmission):
    whole = libtorrent_content(make_folder(work / "original"), "v1")
    chosen = libtorrent_content(make_folder(work / "chosen", name="chosen"), "v1")
    half = libtorrent_content(make_file(work / "half", 12 * MIB, name="half.bin"), "v1")
    # As most users have it: what is not complete is called half.bin.part.
    old = new_transmission(rename_partial_files=True)
    add(old, whole, whole.folder)
    picked = add(old, chosen, old.downloads, **{"files-unwanted": [6]})
    add(old, half, old.downloads)
    old.call("torrent-set", ids=[picked], labels=["linux", "isos"], uploadLimit=50,
             uploadLimited=True, seedRatioLimit=7.5, seedRatioMode=1, seedIdleMode=2,
             bandwidthPriority=-1)  # fmt: skip
    from_old, to_old, slow = new_libtorrent("a"), new_libtorrent("b"), new_libtorrent("c")
    wait_until(lambda: torrents_of(old)[whole.name]["percentDone"] == 1, 30, "check of it")
    from_old.add(whole.torrent)
    to_old.share(chosen)
    slow.share(half)
    slow.limit_upload(MIB)
    # All at once: each 10 s it looks whom to unchoke, and whom to ask.
    for peer in (from_old, to_old, slow):
        peer.dial(old)

    def half_way():
        rows = torrents_of(old)
        return rows["chosen"]["percentDone"] == 1 and rows["half.bin"]["haveValid"] > 3 * MIB

    wait_until(half_way, 60, "half of it", details=lambda: json.dumps(torrents_of(old)))
    slow.limit_upload(1)
    from_old.wait_copy_of(whole)
    for peer in (from_old, to_old, slow):
        peer.stop()
    before = torrents_of(old)
    old.process.terminate(20)
    assert (old.downloads / "half.bin.part").exists()
    state = {path: path.read_bytes() for path in (old.downloads / "resume").iterdir()}

    flip_unseen(whole.path / "last.bin")
    node = new_p2pd()
    told = json.loads(p2pctl(node, "import", "transmission", old.downloads, "--dry-run", "--json"))
    assert (told["imported"], told["refused"]) == (3, 0)
    assert [row["to_check"] for row in told["torrents"]] == [0, 0, 0]
    assert torrents_in(node) == {}
    assert "3 torrents taken over" in p2pctl(node, "import", "transmission", old.downloads)
    assert {path: path.read_bytes() for path in state} == state
    wait_until(lambda: torrents_in(node)[whole.name]["status"] == 6, 5, "seeding")
    after = torrents_in(node)
    for name, was in before.items():
        now = after[name]
        assert now["labels"] == was["labels"]
        assert now["added_date"] == was["addedDate"]
        assert now["uploaded_ever"] >= was["uploadedEver"]
        assert now["downloaded_ever"] >= was["downloadedEver"]
        assert now["wanted"] == [bool(wanted) for wanted in was["wanted"]]
    # A byte was turned that only a check would have found.
    assert after[whole.name]["have_valid"] == whole.size
    assert after[whole.name]["uploaded_ever"] >= whole.size
    assert (after["chosen"]["upload_limit"], after["chosen"]["upload_limited"]) == (50, True)
    assert (after["chosen"]["seed_ratio_limit"], after["chosen"]["seed_ratio_mode"]) == (7.5, 1)
    assert (after["chosen"]["seed_idle_mode"], after["chosen"]["bandwidth_priority"]) == (2, -1)
    assert (after["half.bin"]["seed_ratio_mode"], after["half.bin"]["bandwidth_priority"]) == (0, 0)
    assert after["chosen"]["left_until_done"] == 0
    assert after["half.bin"]["have_valid"] >= before["half.bin"]["haveValid"] - PIECE
    flip_unseen(whole.path / "last.bin")

    node.hash_string = after[whole.name]["hash_string"]
    leecher = new_libtorrent("d")
    leecher.add(whole.torrent)
    leecher.dial(node)
    leecher.wait_copy_of(whole)

    node.hash_string = after["half.bin"]["hash_string"]
    seed = new_libtorrent("e")
    seed.share(half)
    node.dial(seed)
    node.wait_seeding()
    assert_same(half.path, old.downloads / "half.bin")
    assert not (old.downloads / "half.bin.part").exists()
    missing = half.size - after["half.bin"]["have_valid"]
    assert missing <= seed.payload_uploaded <= missing + PIECE

    again = p2pctl(node, "import", "transmission", old.downloads)
    assert "0 torrents taken over" in again
    assert "3 there already" in again
    node.check_healthy()


def test_a_transmission_that_runs_is_left_alone(work, new_p2pd, new_transmission):
    content = libtorrent_content(make_file(work / "original", MIB), "v1")
    old, node = new_transmission(), new_p2pd()
    old.share(content)
    said = p2pctl(node, "import", "transmission", old.downloads, status=1)
    assert "stop it first" in said
    assert torrents_in(node) == {}
    node.check_healthy()
