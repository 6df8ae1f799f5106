"""Authorities that are here are watched, whether a torrent has them or not."""

from __future__ import annotations

from pathlib import Path

from p2pd.automation.swarm_ca.authority_endings import LOOK_SECONDS, AuthorityEndings
from p2pd.formats.x509.pem import read_certificate
from p2pd.formats.x509.revocation import ca_id
from p2pd.session.revoking.endings import Subject
from p2pd.state.swarm_ca.folder import Wanted
from tests.automation.revocation_lists import FakeLists
from tests.automation.swarm_ca_world import DAY, World, result_of


def test_a_ca_and_what_nobody_renews_is_watched(tmp_path: Path) -> None:
    world = World(tmp_path)
    node, lists = world.node("here"), FakeLists()
    ca = read_certificate(node.create())
    watching = AuthorityEndings(node.authorities, lists, world.clock)
    watching.start()
    (source,) = lists.watched
    (ending,) = source()
    assert (ending.subject, ending.key) == (Subject.CA, f"ca:{ca_id(ca).hex()}")
    assert ending.ends_at == ca.not_valid_after_utc.timestamp()
    result_of(node.authorities.issue("films", Wanted(("*",), 40, "bob"), None))
    world.days_pass(31)
    (_, issued) = source()
    assert issued.subject is Subject.ISSUED
    assert issued.name.startswith("bob (serial ")
    assert 8 * DAY < issued.ends_at - world.now < 10 * DAY
    assert lists.changes > 1
    watching.stop()
    changes = lists.changes
    world.clock.advance(2 * LOOK_SECONDS)
    assert lists.changes == changes


def test_a_damaged_one_hides_no_other(tmp_path: Path) -> None:
    world = World(tmp_path)
    node, lists = world.node("here"), FakeLists()
    node.create("films")
    node.create("books")
    (node.folder / "swarm-ca" / "books" / "ca.pem").write_bytes(b"")
    watching = AuthorityEndings(node.authorities, lists, world.clock)
    watching.start()
    (source,) = lists.watched
    assert [ending.name for ending in source()] == ["CN=films"]
    watching.stop()
