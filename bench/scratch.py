"""The folder that everything happens in, removed at the end; in memory where there is room."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.errors import BenchError
from bench.sizes import MIB, size_text

VARIABLE = "P2PD_BENCH_DIR"
MEMORY = Path("/dev/shm")
SPARE = 512 * MIB


def choose_parent(needed: int) -> Path:
    """$P2PD_BENCH_DIR, or /dev/shm if it has room for `needed` bytes, or the temporary folder.

    Raises BenchError when there is too little room.
    """
    named = os.environ.get(VARIABLE)
    if named:
        parent = Path(named)
    elif _has_room(MEMORY, needed):
        parent = MEMORY
    else:
        parent = Path(tempfile.gettempdir())
    if not _has_room(parent, needed):
        raise BenchError(
            f"{parent} has no room for {size_text(needed)}: name another folder in {VARIABLE},"
            " or a smaller --size"
        )
    return parent


def _has_room(folder: Path, needed: int) -> bool:
    try:
        return shutil.disk_usage(folder).free >= needed + SPARE
    except OSError:
        return False


@contextlib.contextmanager
def scratch_folder(needed: int) -> Iterator[Path]:
    """A new folder with room for `needed` bytes, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="p2pd-bench-", dir=choose_parent(needed)))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder for one run, gone afterwards."""
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def warm_pages(folder: Path, size: int) -> None:
    """Have memory for `size` bytes of files touched once, outside of what is measured.

    In a virtual machine the first touch of a page costs several times what later ones do, and
    would fall to whichever engine happens to be first.
    """
    path, chunk = folder / "warm", bytes(MIB)
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(chunk)
    path.unlink()


def read_once(path: Path) -> None:
    """Have a file in the page cache."""
    with path.open("rb", buffering=0) as file:
        while file.read(MIB):
            pass
