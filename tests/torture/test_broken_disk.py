"""The disk that fails on demand, under a small program in place of the daemon."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture import broken_disk
from tests.torture.broken_disk import (
    DATABASE,
    FAIL,
    KILL_AFTER,
    NAMES,
    READ,
    SHORT,
    SYNC,
    WRITE,
    BrokenDisk,
    Rule,
)
from tests.torture.power_cut import PowerCut

pytestmark = pytest.mark.skipif(not broken_disk.available(), reason="no gcc here")
DATA = 2


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return broken_disk.build(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def disk(tmp_path: Path, library: Path) -> BrokenDisk:
    places = [tmp_path / "state", tmp_path / "data"]
    for place in places:
        place.mkdir()
    return BrokenDisk(tmp_path, library, places, seed=1)


def run(disk: BrokenDisk, program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-c", f"import os, sys\n{program}"],
        env={**os.environ, **disk.environment},
        cwd=disk.places[1],
        capture_output=True,
        text=True,
        check=False,
    )


def ok(disk: BrokenDisk, program: str) -> str:
    done = run(disk, program)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def data(disk: BrokenDisk) -> Path:
    return disk.places[1]


def opened(path: Path) -> str:
    return f"fd = os.open({str(path)!r}, os.O_RDWR | os.O_CREAT)\n"


def cut(disk: BrokenDisk, *, seed: int = 0) -> None:
    """A power cut that takes all that was not synced."""

    class Everything(random.Random):
        def random(self) -> float:
            return 0.0

    PowerCut(disk, Everything(seed)).play()


def test_a_call_fails_as_the_rule_says_and_is_counted(disk: BrokenDisk, data: Path) -> None:
    disk.set(Rule(FAIL, (WRITE,), (DATA,), error=errno.ENOSPC))
    done = run(disk, opened(data / "f") + "os.pwrite(fd, b'x', 0)")
    assert "No space left" in done.stderr
    disk.clear()
    assert disk.injected == {"data write: ENOSPC": 1}
    ok(disk, opened(data / "f") + "os.pwrite(fd, b'x', 0)")
    assert (data / "f").read_bytes() == b"x"


def test_other_places_and_kinds_are_left_alone(disk: BrokenDisk, data: Path) -> None:
    disk.set(Rule(FAIL, (READ,), (DATA,), error=errno.EIO))
    ok(disk, opened(disk.places[0] / "f") + "os.pread(fd, 1, 0)")
    ok(disk, opened(data / "f") + "os.pwrite(fd, b'x', 0); os.fsync(fd)")
    assert (
        "Input/output" in run(disk, opened(data / "f") + "os.preadv(fd, [bytearray(1)], 0)").stderr
    )


def test_short_writes(disk: BrokenDisk, data: Path) -> None:
    disk.set(Rule(SHORT, (WRITE,), (DATA,)))
    assert ok(disk, opened(data / "f") + "print(os.pwrite(fd, b'x' * 100, 0))") == "50\n"


def test_a_chance_is_about_that(disk: BrokenDisk, data: Path) -> None:
    disk.set(Rule(SHORT, (WRITE,), (DATA,), chance=0.25))
    ok(disk, opened(data / "f") + "[os.pwrite(fd, b'xx', 0) for _ in range(400)]")
    disk.clear()
    assert 60 < disk.injected["data write: short"] < 140


def test_a_kill_comes_after_so_many_calls(disk: BrokenDisk, data: Path) -> None:
    disk.set(Rule(KILL_AFTER, (WRITE,), (DATA,), skip=2))
    done = run(disk, opened(data / "f") + "[os.pwrite(fd, b'x', at) for at in range(9)]")
    assert done.returncode == -signal.SIGKILL
    assert (data / "f").read_bytes() == b"xxx"


def test_sqlite_is_reached(disk: BrokenDisk) -> None:
    database = disk.places[0] / "state.db"
    program = (
        f"import sqlite3; c = sqlite3.connect({str(database)!r})\n"
        "c.execute('pragma journal_mode=wal'); c.execute('pragma synchronous=full')\n"
        "c.execute('create table if not exists t (a)')\n"
        "c.execute('insert into t values (1)'); c.commit()"
    )
    disk.set(Rule(FAIL, (SYNC,), (DATABASE,), error=errno.EIO))
    assert "disk I/O error" in run(disk, program).stderr
    disk.clear()
    ok(disk, program + "; os._exit(0)")
    cut(disk)
    rows = "print(c.execute('select count(*) from t').fetchone())"
    assert ok(disk, program.rpartition("c.execute('insert")[0] + rows) == "(1,)\n"


def test_a_power_cut_takes_what_was_not_synced(disk: BrokenDisk, data: Path) -> None:
    ok(disk, opened(data / "f") + "os.pwrite(fd, b'a' * 9000, 0); os.fsync(fd)")
    ok(disk, "os.fsync(os.open('.', os.O_RDONLY))".replace("'.'", repr(str(data))))
    ok(disk, opened(data / "f") + "os.pwrite(fd, b'b' * 100, 5000); os.ftruncate(fd, 9999)")
    assert (data / "f").stat().st_size == 9999
    cut(disk)
    assert (data / "f").read_bytes() == b"a" * 9000
    cut(disk)
    assert (data / "f").read_bytes() == b"a" * 9000, "nothing is left to take"


def test_a_file_that_was_synced_is_lost_without_its_name(disk: BrokenDisk, data: Path) -> None:
    ok(disk, opened(data / "f") + "os.write(fd, b'x'); os.fsync(fd)")
    cut(disk)
    assert not (data / "f").exists()


def test_names_come_back(disk: BrokenDisk, data: Path) -> None:
    for name in "abc":
        (data / name).write_text(name)
    (data / "d").mkdir()
    ok(disk, f"os.chdir({str(data)!r}); here = {str(data)!r} + '/'\n"
             "os.replace(here + 'a', here + 'b'); os.unlink(here + 'c'); os.rmdir(here + 'd')\n"
             "os.makedirs(here + 'e/f'); open(here + 'e/f/g', 'w').write('g')")  # fmt: skip
    assert sorted(entry.name for entry in data.iterdir()) == ["b", "e"]
    cut(disk)
    assert {entry.name for entry in data.iterdir()} == {"a", "b", "c", "d"}
    assert [(data / name).read_text() for name in "abc"] == ["a", "b", "c"]


def test_a_failed_call_leaves_nothing_to_take_back(disk: BrokenDisk, data: Path) -> None:
    (data / "a").write_text("a")
    disk.set(Rule(FAIL, (NAMES,), (DATA,), error=errno.EIO))
    assert run(disk, f"os.rename({str(data / 'a')!r}, {str(data / 'b')!r})").returncode
    cut(disk)
    assert (data / "a").read_text() == "a"


@pytest.mark.parametrize("seed", range(8))
def test_each_page_is_of_some_moment_since_the_sync(
    disk: BrokenDisk, data: Path, seed: int
) -> None:
    ok(disk, opened(data / "f") + "os.pwrite(fd, b'0' * 16384, 0); os.fsync(fd)\n"
       f"os.fsync(os.open({str(data)!r}, os.O_RDONLY))\n"
       "for letter in (b'1', b'2'): os.pwrite(fd, letter * 16384, 0)")  # fmt: skip
    PowerCut(disk, random.Random(seed)).play()
    found = (data / "f").read_bytes()
    sectors = [found[at : at + 512] for at in range(0, 16384, 512)]
    assert len(found) == 16384
    assert all(sector == sector[:1] * 512 for sector in sectors)
