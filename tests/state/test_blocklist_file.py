"""The blocklist in the state folder: kept whole, and what is damaged is not believed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from p2pd.base.address_ranges import AddressRanges, RangeBuilder
from p2pd.base.errors import StateError
from p2pd.state.blocklist_file import BlocklistFile, BlocklistNote

NOTE = BlocklistNote(
    source="http://lists.test/a", etag='"x"', last_modified="Thu, 01 Jan 1970", came_at=1.5,
    checked_at=2.5, skipped=3, tried="/other", tried_at=4.5, failures=1, problem="words",
)  # fmt: skip


def some_ranges(count: int = 3) -> AddressRanges:
    builder = RangeBuilder()
    for number in range(count):
        builder.add_v4(number * 10, number * 10 + 3)
        builder.add_v6(bytes(15) + bytes([number * 3]), bytes(15) + bytes([number * 3]))
    return builder.build()


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    file = BlocklistFile(str(tmp_path))
    assert file.load() == (None, BlocklistNote(), "")
    file.save(some_ranges(), NOTE)
    kept = BlocklistFile(str(tmp_path)).load()
    assert kept.ranges is not None
    assert kept.ranges.to_bytes() == some_ranges().to_bytes()
    assert (kept.note, kept.damage) == (NOTE, "")
    assert {path.name for path in tmp_path.iterdir()} == {"blocklist.ranges", "blocklist.json"}
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600  # a URL may hold a password


def test_a_note_alone_leaves_the_ranges(tmp_path: Path) -> None:
    file = BlocklistFile(str(tmp_path))
    file.save(some_ranges(), BlocklistNote())
    file.save_note(NOTE)
    kept = file.load()
    assert kept.ranges is not None
    assert kept.note == NOTE


def test_any_damage_is_seen(tmp_path: Path) -> None:
    file = BlocklistFile(str(tmp_path))
    file.save(some_ranges(), NOTE)
    path = tmp_path / "blocklist.ranges"
    whole = path.read_bytes()
    damaged = [whole[:-1], whole + b"x", b"", whole[:20], bytes(len(whole)), b"x" * 5000]
    damaged += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    for data in damaged:
        path.write_bytes(data)
        kept = file.load()
        assert kept.ranges is None
        assert kept.note == NOTE
        assert kept.damage.startswith(f"{path}: it is ")


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_what_is_no_file_holds_up_nobody(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "blocklist.ranges"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/etc/passwd")
    assert BlocklistFile(str(tmp_path)).load().damage


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"[]", b"null", b"{}", b'{"source": "x"}', b"\xff",
        json.dumps({**{n: getattr(NOTE, n) for n in NOTE.__slots__}, "came_at": "x"}).encode(),
        json.dumps({**{n: getattr(NOTE, n) for n in NOTE.__slots__}, "tried_at": 1e300}).encode(),
        b"[" * 60_000,
    ],
)  # fmt: skip
def test_a_note_that_makes_no_sense_is_none(tmp_path: Path, text: bytes) -> None:
    file = BlocklistFile(str(tmp_path))
    file.save(some_ranges(), NOTE)
    (tmp_path / "blocklist.json").write_bytes(text)
    kept = file.load()
    assert kept.note == BlocklistNote()
    assert kept.ranges is not None


def test_a_disk_that_refuses_is_told_in_words(tmp_path: Path) -> None:
    file = BlocklistFile(str(tmp_path / "gone"))
    with pytest.raises(StateError, match="No such file"):
        file.save(some_ranges(), NOTE)
    with pytest.raises(StateError, match="No such file"):
        file.save_note(NOTE)
