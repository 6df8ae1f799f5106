"""Measure re-checks without the daemon around them, beside what the cores can hash.

``python bench/recheck_bench.py [FOLDER [MIB]]`` makes a file of MIB (1024) in FOLDER (/dev/shm) and
prints one line a kind of torrent: the rate with all cores in the threads of this process, of that
what share SHA-1 alone would reach, the CPU time for a GiB, and what it added to the peak of memory.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from p2pd.formats.creator import CreationOptions
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import Version, parse_torrent
from p2pd.storage.checker import check_pieces
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.open_files import OpenFiles
from p2pd.storage.torrent_creator import create_torrent
from p2pd.storage.verifier import PieceVerifier

CORES = len(os.sched_getaffinity(0))
RUNS = 3
KINDS: tuple[tuple[Version, int], ...] = (
    ("v1", 64), ("v1", 256), ("v1", 1024), ("v1", 65_536), ("v2", 256), ("hybrid", 256),
)  # fmt: skip
"""Version, and KiB a piece."""


def hashing_rate(size: int, piece: int) -> float:
    """Bytes a second of SHA-1 over one piece in memory, in as many threads as there are cores."""
    data = os.urandom(min(piece, 1024 * 1024))

    def hash_often(times: int) -> None:
        for _ in range(times):
            hashlib.sha1(data).digest()

    times = size // len(data) // CORES
    with ThreadPoolExecutor(CORES) as threads:
        began = time.perf_counter()
        list(threads.map(hash_often, [times] * CORES))
        return times * CORES * len(data) / (time.perf_counter() - began)


def peak_memory() -> int:
    """KiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def measure(content: Path, version: Version, piece: int) -> str:
    """One line: the best of a few runs, each beside its ceiling."""
    options = CreationOptions(version=version, piece_length=piece)
    metainfo = parse_torrent(create_torrent(str(content), options))
    layout = FileLayout.of(metainfo)
    storage = FileStorage(str(content.parent), layout, OpenFiles())
    verifier = PieceVerifier(metainfo, layout)
    best, ceiling, cpu = 0.0, 0.0, float("inf")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak_memory()
    for _ in range(RUNS):
        ceiling = max(ceiling, hashing_rate(layout.total_length, piece))
        began, cpu_began = time.perf_counter(), time.process_time()
        right = check_pieces(
            storage, verifier, layout, range(layout.piece_count), workers=lambda: CORES
        )
        best = max(best, layout.total_length / (time.perf_counter() - began))
        cpu = min(cpu, (time.process_time() - cpu_began) / layout.total_length * 2**30)
        assert right.is_full
    added = (peak_memory() - before) / 1024
    return (
        f"{version:6} {piece >> 10:6} KiB: {best / 1e6:5.0f} MB/s, {best / ceiling:4.0%} of SHA-1 "
        f"alone, {cpu:.2f} CPU s/GiB, {added:.1f} MiB more"
    )


def main() -> None:
    """Print every measurement."""
    parent = sys.argv[1] if len(sys.argv) > 1 else "/dev/shm"
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 1024
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        content = Path(folder) / "content"
        with open(content, "wb") as file:
            for _ in range(size):
                file.write(os.urandom(2**20))
        print(f"{size} MiB in {parent}, {CORES} cores")
        for version, kib in KINDS:
            print(measure(content, version, kib * 1024), flush=True)


if __name__ == "__main__":
    main()
