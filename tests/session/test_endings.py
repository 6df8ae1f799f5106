"""Warnings before certificates end: each logged once in a run, and told to listeners once ever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pd.session.revoking.endings import DAY, Ending, Endings, Stage, Subject
from p2pd.session.session_events import EventKind
from p2pd.state.revocation_files import RevocationFiles
from p2pd.testing.inline_disk import InlineDisk, OneDisk

START = 1_777_000_000.0


class Torrent:
    """A torrent that notes what is told of it."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.telling = self

    def tell(self, kind: EventKind, **detail: Any) -> None:
        """An event."""
        assert kind is EventKind.CERTIFICATE
        self.told.append(detail)

    @property
    def stages(self) -> list[tuple[str, str]]:
        """What was told."""
        return [(one["what"], one["stage"]) for one in self.told]


class Host:
    """A session whose clock is turned by hand."""

    def __init__(self, folder: Path, ends: list[Ending], start: float = START) -> None:
        self.clock = Clock()
        self.disks: Any = OneDisk(InlineDisk(self.clock))
        self.events = None
        self.activity = self
        self.shown = 0
        self.start = start
        self.ends = ends
        self.endings = Endings(
            self,
            lambda: self.ends,
            RevocationFiles(str(folder)),
            self.clock,
            warn=14 * DAY,
            urgent=3 * DAY,
        )
        self.lines: list[str] = []
        self.endings.log = self  # type: ignore[assignment]
        self.background(self.endings.begin(), "begin")
        self.clock.advance(0)

    def warn(self, form: str, **fields: Any) -> None:
        """A line of the log."""
        self.lines.append(form.format(**fields))

    def changed(self, torrent: Any) -> None:
        """Lists show it anew."""
        self.shown += 1

    def wall(self) -> float:
        """Unix seconds."""
        return self.start + self.clock.seconds()

    def background(self, work: Any, what: str) -> None:
        """Nobody waits for it."""
        if not isinstance(work, Deferred):
            Deferred.fromCoroutine(work)

    def advance(self, days: float) -> None:
        """Time passes, a quarter of a day at once."""
        for _ in range(int(days * 4)):
            self.clock.advance(DAY / 4)


def ending(torrent: Torrent, days: float, subject: Subject = Subject.CERTIFICATE) -> Ending:
    """Something of a torrent that ends in so many days."""
    return Ending(subject, f"{subject}:1", "film", START + days * DAY, (torrent,))


def test_it_is_told_three_times_before_and_at_the_end(tmp_path: Path) -> None:
    torrent = Torrent()
    host = Host(tmp_path, [ending(torrent, 20)])
    host.advance(5.75)
    assert torrent.told == []
    host.advance(0.5)
    assert torrent.stages == [("certificate", "soon")]
    assert torrent.told[0]["ends_at"] == START + 20 * DAY
    host.advance(11)
    assert torrent.stages[1:] == [("certificate", "very_soon")]
    host.advance(3)
    assert torrent.stages[2:] == [("certificate", "ended")]
    host.advance(10)
    assert len(torrent.told) == len(host.lines) == host.shown == 3
    assert host.lines[0] == "the certificate of film ends in 14 days"
    assert host.lines[-1] == "the certificate of film has ended"


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        (Subject.CERTIFICATE, "the certificate of film ends in 2 days"),
        (Subject.CA, "the certificate of the CA film ends in 2 days"),
        (Subject.REVOCATION_LIST, "the revocation list of the CA film ends in 2 days"),
    ],
)
def test_each_thing_that_ends_is_called_by_its_name(
    tmp_path: Path, subject: Subject, sentence: str
) -> None:
    torrent = Torrent()
    host = Host(tmp_path, [ending(torrent, 2.5, subject)])
    assert host.lines == [sentence]
    assert torrent.told[0]["warning"] == sentence
    assert torrent.stages == [(subject.value, "very_soon")]


def test_after_a_restart_it_is_logged_again_and_told_no_more(tmp_path: Path) -> None:
    torrent = Torrent()
    first = Host(tmp_path, [ending(torrent, 10)])
    first.advance(1)
    first.endings.close()
    again = Host(tmp_path, [ending(torrent, 10)], START + DAY)
    again.advance(1)
    assert len(again.lines) == 1
    assert torrent.stages == [("certificate", "soon")]


def test_what_is_renewed_is_told_of_when_the_new_one_ends(tmp_path: Path) -> None:
    torrent = Torrent()
    host = Host(tmp_path, [ending(torrent, 10)])
    host.ends = [ending(torrent, 40)]
    host.endings.changed()
    host.advance(1)
    assert host.endings.warnings(host.ends) == []
    host.advance(26)
    assert torrent.stages == [("certificate", "soon"), ("certificate", "soon")]


def test_what_is_new_is_looked_at_at_once(tmp_path: Path) -> None:
    torrent = Torrent()
    host = Host(tmp_path, [])
    host.ends = [ending(torrent, -1)]
    host.endings.changed()
    host.clock.advance(1)
    assert torrent.stages == [("certificate", "ended")]


def test_of_what_is_gone_nothing_is_remembered(tmp_path: Path) -> None:
    host = Host(tmp_path, [ending(Torrent(), 1)])
    host.clock.advance(1)
    host.ends = []
    host.endings.changed()
    host.clock.advance(1)
    host.ends = [ending(Torrent(), 1)]
    host.endings.changed()
    host.clock.advance(1)
    assert len(host.lines) == 2


def test_nobody_is_warned_before_it_is_to_be_renewed(tmp_path: Path) -> None:
    torrent = Torrent()
    host = Host(tmp_path, [replace(ending(torrent, 20), notice=5 * DAY)])
    host.advance(14.5)
    assert torrent.told == []
    host.advance(0.75)
    assert torrent.stages == [("certificate", "soon")]
    host.advance(2)
    assert torrent.stages == [("certificate", "soon"), ("certificate", "very_soon")]


def test_the_bounds_may_change(tmp_path: Path) -> None:
    torrent = Torrent()
    host = Host(tmp_path, [ending(torrent, 20)])
    assert host.endings.stage(ending(torrent, 20)) is Stage.FAR
    host.endings.limit(warn=30 * DAY, urgent=DAY)
    host.clock.advance(1)
    assert torrent.stages == [("certificate", "soon")]


def test_after_the_end_of_the_session_nothing_wakes(tmp_path: Path) -> None:
    host = Host(tmp_path, [ending(Torrent(), 20)])
    host.endings.close()
    host.endings.changed()
    assert host.clock.getDelayedCalls() == []


def test_the_measures_tell_the_nearest_end_of_each_kind(tmp_path: Path) -> None:
    torrent = Torrent()
    ends = [
        ending(torrent, 20),
        Ending(Subject.CERTIFICATE, "certificate:2", "other", START + 2 * DAY),
        ending(torrent, -1, Subject.CA),
    ]
    nearest, near = Host(tmp_path, ends).endings.measures()
    assert nearest.values == {("certificate",): 2 * DAY, ("ca",): -DAY}
    assert near.values["certificate", "very_soon"] == 1
    assert near.values["ca", "ended"] == 1
    assert near.values["revocation_list", "ended"] == 0


def test_what_was_told_survives_a_damaged_file(tmp_path: Path) -> None:
    torrent = Torrent()
    files = RevocationFiles(str(tmp_path))
    files.save_told({"certificate:1": (1, 2)})
    for content in (b"rubbish", b"[1, 2]", b'{"a": [1]}', b'{"a": ["x", "y"]}', b"[[]]"):
        (Path(files.folder) / "told.json").write_bytes(content)
        assert files.told() == {}
        Host(tmp_path, [ending(torrent, 20)]).endings.close()
