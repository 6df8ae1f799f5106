"""What real programs left goes all the way into a session, and hashing agrees with them."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from p2pd.clients.importing.handing_over import Wishes, params_of
from p2pd.control.methods.torrent_import import import_torrent
from p2pd.formats.foreign.model import ForeignTorrent
from p2pd.session.disks.check_queue import CheckQueue
from p2pd.session.torrents.torrent import Torrent
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.open_files import OpenFiles
from p2pd.testing import MemoryNetwork, SimNode
from tests.formats.recorded_state import PROGRAMS, by_name

CHANGED = 1_795_000_000
SIZES = {
    "Linux set/a.bin": 40_000, "Linux set/b.bin": 100_000, "Linux set/docs/c.txt": 5_000,
    "one.iso": 100_000, "half.bin": 3_000_000,
}  # fmt: skip
HALF_PIECE = 65536


@pytest.fixture(scope="module")
def contents() -> dict[str, bytes]:
    """What the programs had: random, and always the same."""
    rng = random.Random(3)
    return {name: rng.randbytes(size) for name, size in SIZES.items()}


def write(found: ForeignTorrent, folder: Path, contents: dict[str, bytes]) -> None:
    """Put a torrent's files where the program had them, with what it says to have."""
    assert found.pieces is not None
    times = iter(found.file_times or [CHANGED] * 3)
    for name, data in contents.items():
        if not (name == found.name or name.startswith(found.name + "/")):
            continue
        if not found.pieces.is_full:
            flags = found.pieces.flags
            starts = range(0, len(data), HALF_PIECE)
            parts = [data[at : at + HALF_PIECE] for at in starts]
            data = b"".join(
                part if had else bytes(len(part)) for part, had in zip(parts, flags, strict=True)
            )
            name += found.partial_suffix
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        changed = next(times) or CHANGED
        os.utime(path, (changed, changed))


@pytest.mark.parametrize("name", ["Linux set", "one.iso", "half.bin"])
@pytest.mark.parametrize("program", list(PROGRAMS))
def test_what_a_program_verified_is_right(
    program: str, name: str, contents: dict[str, bytes], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    hashed: list[Any] = []
    check = CheckQueue.check
    monkeypatch.setattr(CheckQueue, "check", lambda *a: hashed.append(a) or check(*a))
    network = MemoryNetwork(Clock())
    node = SimNode(
        network, "10.0.0.9",
        make_storage=lambda layout, folder: FileStorage(folder, layout, OpenFiles(8)),
    )  # fmt: skip
    found = by_name(program)[name]
    folder = tmp_path / "data"
    write(found, folder, contents)
    wishes = Wishes(moved=[(found.folder, str(folder))])
    answer = network.result(import_torrent(node.control, params_of(found, wishes)))
    assert answer["problem"] == ""
    assert found.pieces is not None
    assert answer["pieces_believed"] == answer["pieces_claimed"] == found.pieces.count
    (torrent,) = node.session.torrents
    network.run_until(lambda: not torrent.opening.busy)
    assert pieces_of(torrent) == found.pieces
    assert torrent.record.paused == found.paused
    assert not hashed
    network.result(torrent.verify())
    assert hashed
    assert pieces_of(torrent) == found.pieces


def pieces_of(torrent: Torrent) -> Any:
    assert torrent.content is not None
    return torrent.content.have


def test_a_turned_byte_behind_the_programs_back_is_found(
    contents: dict[str, bytes], tmp_path: Path
) -> None:
    network = MemoryNetwork(Clock())
    node = SimNode(
        network, "10.0.0.9",
        make_storage=lambda layout, folder: FileStorage(folder, layout, OpenFiles(8)),
    )  # fmt: skip
    found = by_name("rtorrent")["one.iso"]
    write(found, tmp_path, contents)
    path = tmp_path / "one.iso"
    path.write_bytes(b"\0" + contents["one.iso"][1:])
    wishes = Wishes(moved=[(found.folder, str(tmp_path))])
    params = params_of(replace(found), wishes)
    answer = network.result(import_torrent(node.control, params))
    assert (answer["pieces_believed"], answer["pieces_to_check"]) == (0, 7)
    (torrent,) = node.session.torrents
    network.run_until(lambda: not torrent.opening.busy)
    assert list(pieces_of(torrent).missing()) == [0]
