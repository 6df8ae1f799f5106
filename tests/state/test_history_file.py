"""The statistics history as a file: three resolutions, ages, bounds, and damage."""

from __future__ import annotations

import random
import sqlite3
import stat
from pathlib import Path

import pytest

from p2pd.base.errors import StateError
from p2pd.state import history_file
from p2pd.state.history_file import (
    DAY,
    GONE_SECONDS,
    KEPT,
    SESSION,
    TRIES_AGAIN,
    HistoryFile,
    Question,
    Sample,
    Span,
)

T0 = 1_700_006_400
"""A multiple of six hours."""
A, B = b"a" * 20, b"b" * 20
PLENTY = 1 << 40


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def file(tmp_path: Path, told: list[str]) -> HistoryFile:
    return HistoryFile(str(tmp_path), told.append)


def sample(at: int, down: int = 0, up: int = 0, peers: int = 1, state: int = 4, of: bytes = A):
    return Sample(of, T0 + at, down, up, peers, state)


def ask(file: HistoryFile, resolution: int, step: int = 0, since: int = 0, until: int = DAY):
    question = Question([A], T0 + since, T0 + until, resolution, step or resolution)
    return file.read(question)[A]


def count(file: HistoryFile, seconds: int) -> int:
    with sqlite3.connect(file.path) as connection:
        return connection.execute(f"SELECT count(*) FROM samples_{seconds}").fetchone()[0]


def test_a_sample_is_in_every_resolution(file: HistoryFile) -> None:
    file.write([sample(0, 100, 50, 3), sample(10, 1000, 0, 7, 6), sample(300, 5, 5)])
    assert ask(file, 10) == [
        Span(T0, 100, 50, 10, 5, 3, 4),
        Span(T0 + 10, 1000, 0, 100, 0, 7, 6),
        Span(T0 + 300, 5, 5, 0, 0, 1, 4),
    ]
    assert ask(file, 300) == [Span(T0, 1100, 50, 100, 5, 7, 6), Span(T0 + 300, 5, 5, 0, 0, 1, 4)]
    assert ask(file, 21_600) == [Span(T0, 1105, 55, 100, 5, 7, 4)]


def test_later_writes_add_to_rows_that_are_there(file: HistoryFile) -> None:
    file.write([sample(0, 100, 50, 3)])
    file.write([sample(0, 1, 2, 2, 6), sample(20, 10, 0, 9, 0)])
    assert ask(file, 10)[0] == Span(T0, 101, 52, 10, 5, 3, 6)
    assert ask(file, 300) == [Span(T0, 111, 52, 10, 5, 9, 0)]


def test_rows_are_put_together_to_steps(file: HistoryFile) -> None:
    file.write([sample(at, at, 1, at, state=at % 7) for at in range(0, 100, 10)])
    spans = ask(file, 10, step=50, until=80)
    assert spans == [
        Span(T0, 100, 5, 4, 0, 40, 5),
        Span(T0 + 50, 180, 3, 7, 0, 70, 0),
    ]


def test_random_histories_add_up_in_all_resolutions(file: HistoryFile) -> None:
    rng = random.Random(5)
    samples = [
        sample(rng.randrange(0, DAY, 10), rng.randrange(10**9), rng.randrange(10**9), of=of)
        for of in (A, B, SESSION)
        for _ in range(300)
    ]
    for start in range(0, len(samples), 50):
        file.write(samples[start : start + 50])
    for subject in (A, B, SESSION):
        mine = [one for one in samples if one.subject == subject]
        for seconds in KEPT:
            spans = file.read(Question([subject], T0, T0 + DAY, seconds, seconds))[subject]
            assert sum(span.downloaded for span in spans) == sum(one.downloaded for one in mine)
            assert sum(span.uploaded for span in spans) == sum(one.uploaded for one in mine)


def test_months_leave_a_day_of_seconds_and_a_month_of_minutes(file: HistoryFile) -> None:
    days = 100
    for day in range(days):
        # A busy quarter of an hour a day.
        file.write([sample(day * DAY + at, 10, 20) for at in range(0, 900, 10)])
        file.tidy(T0 + day * DAY + 900, {A}, PLENTY)
    assert [count(file, seconds) for seconds in KEPT] == [90, 32 * 3 - 3, days]
    spans = ask(file, 21_600, until=days * DAY)
    assert sum(span.downloaded for span in spans) == days * 90 * 10


def test_rows_of_removed_torrents_stay_a_while(file: HistoryFile) -> None:
    file.write([sample(0, 1), sample(0, 1, of=B), sample(0, 1, of=SESSION)])
    file.tidy(T0, {B}, PLENTY)
    file.tidy(T0 + GONE_SECONDS, {B}, PLENTY)
    assert ask(file, 21_600)
    # Added again meanwhile, it goes on.
    file.tidy(T0 + GONE_SECONDS + 1, {A, B}, PLENTY)
    file.tidy(T0 + GONE_SECONDS + 2, {B}, PLENTY)
    file.tidy(T0 + 2 * GONE_SECONDS + 2, {B}, PLENTY)
    assert ask(file, 21_600)
    file.tidy(T0 + 2 * GONE_SECONDS + 3, {B}, PLENTY)
    assert not ask(file, 21_600)
    assert count(file, 21_600) == 2


def test_a_file_that_is_too_big_reaches_less_far_back(file: HistoryFile) -> None:
    names = [bytes([number]) * 20 for number in range(50)]
    for hour in range(6):
        file.write(
            [sample(hour * 3600 + at, 1, of=of) for at in range(0, 3600, 30) for of in names]
        )
    file.write([sample(0, 1, of=SESSION)])
    now = T0 + 6 * 3600
    before = file.tidy(now, set(names), PLENTY)
    after = file.tidy(now, set(names), before // 2)
    assert 0 < after <= before // 2
    assert count(file, 300) == 50 * 6 * 12 + 1
    with sqlite3.connect(file.path) as connection:
        oldest = connection.execute("SELECT min(at) FROM samples_10 WHERE at > ?", (T0,))
        assert oldest.fetchone()[0] > T0 + 3600
    assert file.read(Question([SESSION], T0, T0 + 10, 10, 10))[SESSION]


def test_only_its_owner_may_read_it(file: HistoryFile) -> None:
    file.write([sample(0, 1)])
    assert stat.S_IMODE(Path(file.path).stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", [b"no database at all, but long enough " * 99, b"", b"SQLite"])
def test_a_damaged_file_is_made_anew(file: HistoryFile, told: list[str], damage: bytes) -> None:
    file.write([sample(0, 1)])
    file.close()
    Path(file.path).write_bytes(damage)
    file.write([sample(10, 2)])
    assert [span.downloaded for span in ask(file, 10)] == [2]
    assert bool(told) == bool(damage)


def test_a_disk_that_fails_for_a_moment_costs_no_history(
    file: HistoryFile, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says that a file is malformed whose first page could not be read just then."""
    file.write([sample(0, 1)])
    file.close()
    opened, connect = [], history_file._connect

    def fail_at_first(path: str) -> sqlite3.Connection:
        opened.append(path)
        if len(opened) <= TRIES_AGAIN:
            problem = sqlite3.DatabaseError("database disk image is malformed")
            problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise problem
        return connect(path)

    monkeypatch.setattr(history_file, "_connect", fail_at_first)
    file.write([sample(10, 2)])
    assert [span.downloaded for span in ask(file, 10)] == [1, 2]
    assert len(opened) == TRIES_AGAIN + 1
    assert not told


def test_pages_that_are_damaged_are_found_when_they_are_met(
    file: HistoryFile, told: list[str]
) -> None:
    file.write([sample(at * 10, 1) for at in range(5000)])
    file.close()
    data = bytearray(Path(file.path).read_bytes())
    data[4096:] = bytes(random.Random(1).randbytes(len(data) - 4096))
    Path(file.path).write_bytes(data)
    file.write([sample(0, 7)])
    assert [span.downloaded for span in ask(file, 10)] == [7]
    assert "a new one is begun" in told[0]
    assert Path(f"{file.path}.damaged").stat().st_size == len(data)


def test_its_journal_has_its_name_for_good_before_anything_is_in_it(
    file: HistoryFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut may bring back the one before, which is older than the file."""
    journal, sizes = Path(file.path + "-wal"), []

    def sync_folder(folder: str) -> None:
        assert Path(folder) == journal.parent
        sizes.append(journal.stat().st_size)

    monkeypatch.setattr(history_file, "sync_folder", sync_folder)
    for at in (0, 10):
        file.write([sample(at, down=5)])
        assert journal.stat().st_size
        file.close()
        assert not journal.exists()
    assert sizes[-1] == 0
    assert len(sizes) == 2


def test_a_folder_that_cannot_be_synced_is_said(
    file: HistoryFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sync_folder(folder: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(history_file, "sync_folder", sync_folder)
    with pytest.raises(StateError, match="refused: Input/output error"):
        file.write([sample(0, down=5)])
    monkeypatch.undo()
    file.write([sample(0, down=5)])
    assert ask(file, 10)[0].downloaded == 5


def test_a_file_that_was_deleted_is_made_anew(file: HistoryFile, told: list[str]) -> None:
    file.write([sample(0, 1)])
    Path(file.path).unlink()
    file.write([sample(10, 2)])
    assert len(ask(file, 10)) == 1
    assert "is gone" in told[0]


def test_one_of_a_newer_version_is_left_alone(file: HistoryFile) -> None:
    with sqlite3.connect(file.path) as connection:
        connection.execute("PRAGMA user_version=2")
    before = Path(file.path).read_bytes()
    with pytest.raises(StateError, match="newer"):
        file.write([sample(0, 1)])
    assert Path(file.path).read_bytes() == before


def test_a_folder_that_is_not_there_is_said(tmp_path: Path, told: list[str]) -> None:
    file = HistoryFile(str(tmp_path / "nowhere"), told.append)
    with pytest.raises(StateError, match="No such file"):
        file.write([sample(0, 1)])
