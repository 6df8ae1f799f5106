"""Lists of CAs that nothing needs stay for long, and not for ever."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from p2pd.base.errors import StateError
from p2pd.formats.x509.revocation import ca_id, make_list
from p2pd.formats.x509.swarm_ca import new_ca
from p2pd.session.revoking import unneeded_lists
from p2pd.session.revoking.revocations import Revocations
from p2pd.session.revoking.unneeded_lists import DAY
from p2pd.state.revocation_files import RevocationFiles
from p2pd.testing.inline_disk import InlineDisk, OneDisk

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Session:
    """A session with its lists; `start` is as after a start of the daemon."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.disks: Any = OneDisk(InlineDisk(self.clock))
        self.files = RevocationFiles(str(folder))
        self.start()

    def start(self) -> None:
        self.lists = Revocations(self, self.files)
        self.run(self.lists.recall())

    def wall(self) -> float:
        """Unix seconds."""
        return NOW.timestamp() + self.clock.seconds()

    def background(self, work: Any, what: str) -> None:
        self.run(work)

    def run(self, work: Any) -> None:
        """It is done at once."""
        results: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(results.append)
        self.clock.advance(0)
        (found,) = results
        if isinstance(found, Failure):
            found.raiseException()

    def tidy(self, days: float, *needed: x509.Certificate) -> None:
        """After so many days only these are needed."""
        self.clock.advance(days * DAY)
        self.run(self.lists.tidy({ca_id(ca) for ca in needed}))

    def with_list(self, name: str, days: float = 3650, number: int = 1) -> x509.Certificate:
        """A CA of which a list came."""
        ca, key = new_ca(name, days, NOW)
        self.lists.adopt(make_list(ca, key, {5: 1}, number=number, now=NOW), ca, "a peer")
        self.clock.advance(0)
        return ca

    @property
    def kept(self) -> set[str]:
        """The files of lists."""
        return {path.stem for path in Path(self.files.folder).glob("*.pem")}


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def test_what_nothing_needs_goes_after_more_than_a_year(session: Session) -> None:
    used, unused = session.with_list("used"), session.with_list("unused")
    session.tidy(0, used)
    session.tidy(399, used)
    assert session.lists.of(unused) is not None
    session.tidy(1.1, used)
    assert session.lists.of(unused) is None
    assert session.lists.of(used) is not None
    assert session.kept == {ca_id(used).hex()}
    session.start()
    assert session.lists.of(unused) is None
    assert session.lists.of(used) is not None


def test_it_is_remembered_over_restarts_since_when(session: Session) -> None:
    unused = session.with_list("unused")
    for _ in range(4):
        session.tidy(100)
        session.start()
    assert session.lists.of(unused) is not None
    session.tidy(100.1)
    assert session.lists.of(unused) is None


def test_what_is_needed_again_begins_anew(session: Session) -> None:
    ca = session.with_list("films")
    session.tidy(0)
    session.tidy(390, ca)
    session.tidy(20)
    session.tidy(390)
    assert session.lists.of(ca) is not None
    session.tidy(11)
    assert session.lists.of(ca) is None


def test_of_a_ca_that_has_ended_it_goes_sooner(session: Session) -> None:
    ended, good = session.with_list("ended", days=10), session.with_list("good")
    session.tidy(0)
    session.tidy(29)
    assert session.lists.of(ended) is not None
    session.tidy(2)
    assert session.lists.of(ended) is None
    assert session.lists.of(good) is not None


def test_there_is_a_bound_and_those_go_that_were_not_needed_for_longest(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unneeded_lists, "MOST_UNNEEDED", 2)
    used = session.with_list("used")
    others = []
    for name in "abc":
        others.append(session.with_list(name))
        session.tidy(1, used)
    assert [session.lists.of(ca) is not None for ca in others] == [False, True, True]
    assert session.lists.of(used) is not None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"x": 1}', b"\xff", b'{"%s": "x"}' % (b"a" * 64)]
)
def test_a_damaged_note_keeps_all(session: Session, content: bytes) -> None:
    ca = session.with_list("films")
    session.tidy(0)
    (Path(session.files.folder) / "unneeded.json").write_bytes(content)
    session.start()
    session.tidy(399)
    assert session.lists.of(ca) is not None


def test_what_cannot_be_removed_is_said(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.with_list("films")
    session.tidy(0)

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("p2pd.state.revocation_files.os.unlink", refuse)
    with pytest.raises(StateError, match="Permission denied"):
        session.tidy(500)
