"""Certificates are renewed in time, and torrents get one as soon as there is one for them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest

from p2pd.automation.swarm_ca.renewals import LOOK_SECONDS
from p2pd.base.errors import P2pdError
from p2pd.formats.x509.peer_names import names
from p2pd.formats.x509.pem import belongs, public_bytes, read_certificate, read_private_key
from p2pd.session.tls.tls_api import TlsReport, TlsState
from tests.automation.swarm_ca_world import DAY, Node, World, result_of, torrent_of


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def old(world: World) -> Node:
    """The node with the CA."""
    return world.node("old")


@pytest.fixture
def new(world: World) -> Node:
    return world.node("new")


def only(node: Node) -> object:
    (known,) = node.own.all.values()
    return known


def serial(node: Node) -> int:
    (known,) = node.own.all.values()
    return known.enrolled.certificate.serial_number


def enrolled(old: Node, new: Node, **token: object) -> int:
    film = old.session.put(torrent_of(old.create()))
    new.enrol(old.token(names=("film",), torrents=(film.hash_string,), **token))
    return serial(new)


def test_a_third_before_its_end_it_is_renewed_for_a_new_key(
    world: World, old: Node, new: Node
) -> None:
    first = enrolled(old, new, days=30.0)
    (torrent,) = new.session.all
    before = torrent.given
    world.days_pass(19.9)
    assert serial(new) == first
    world.days_pass(0.2)
    assert serial(new) != first
    after = torrent.given
    assert before is not None
    assert after is not None
    certificate = read_certificate(after.certificate)
    assert certificate.serial_number == serial(new)
    assert belongs(certificate, read_private_key(after.private_key))
    keys = [read_certificate(x.certificate).public_key() for x in (before, after)]
    assert len({public_bytes(key) for key in keys}) == 2  # type: ignore[arg-type]
    left = certificate.not_valid_after_utc - datetime.fromtimestamp(world.now, UTC)
    assert left.total_seconds() == pytest.approx(30 * DAY, rel=0.01)


def test_for_months_there_is_always_one_that_is_good(world: World, old: Node, new: Node) -> None:
    enrolled(old, new, days=3.0)
    seen = set()
    for _ in range(30):
        world.days_pass(1)
        known = next(iter(new.own.all.values()))
        assert known.enrolled.certificate.not_valid_after_utc.timestamp() > world.now
        seen.add(serial(new))
    assert 12 <= len(seen) <= 20
    assert len(list((new.folder / "enrolled").rglob("*.key"))) == 1
    assert len([x for x in old.book().issued.values() if x.way.startswith("renewal")]) <= 20


def test_a_daemon_that_was_down_renews_at_its_start(world: World, old: Node, new: Node) -> None:
    first = enrolled(old, new, days=30.0)
    new.renewals.stop()
    world.clock.advance(25 * DAY)
    new.restart()
    assert serial(new) != first


def test_while_nobody_answers_it_is_tried_again(world: World, old: Node, new: Node) -> None:
    first = enrolled(old, new, days=30.0)
    del world.nodes[old.address]
    world.days_pass(25)
    known = next(iter(new.own.all.values()))
    assert serial(new) == first
    assert "nobody answers" in known.problem
    world.nodes[old.address] = old
    world.days_pass(0.1)
    assert serial(new) != first
    assert next(iter(new.own.all.values())).problem == ""


def test_what_ran_out_is_not_renewed_by_itself(world: World, old: Node, new: Node) -> None:
    enrolled(old, new, days=30.0)
    del world.nodes[old.address]
    world.days_pass(31)
    world.nodes[old.address] = old
    (id_,) = new.own.all
    with pytest.raises(P2pdError, match="refuses: the certificate expired on"):
        result_of(new.renewals.renew(id_))
    world.days_pass(31)
    assert new.own.all == {}


def test_what_is_revoked_is_not_renewed(old: Node, new: Node) -> None:
    first = enrolled(old, new)
    with old.authorities.authority("films").changing() as book:
        book.revoked[first] = 1
    (id_,) = new.own.all
    with pytest.raises(P2pdError, match="the certificate is revoked: it is not renewed"):
        result_of(new.renewals.renew(id_))
    assert serial(new) == first


def test_what_was_for_once_is_not_renewed(old: Node, new: Node) -> None:
    enrolled(old, new, renewable=False)
    (id_,) = new.own.all
    with pytest.raises(P2pdError, match="was issued for once: it is not renewed"):
        result_of(new.renewals.renew(id_))


def test_somebody_elses_certificate_renews_nothing(world: World, old: Node, new: Node) -> None:
    """Who saw a certificate, but has not its key, is told apart from who has."""
    enrolled(old, new)
    (id_,) = new.own.all
    known = new.own.all[id_]
    thief = world.node("thief")
    thief.own.all[id_] = known
    (thief.folder / "enrolled" / id_).mkdir(parents=True)
    (theirs,) = (new.folder / "enrolled" / id_).glob("*.key")
    other = enrolled_elsewhere(world, old)
    (thief.folder / "enrolled" / id_ / theirs.name).write_bytes(other)
    with pytest.raises(P2pdError, match="is not the key of the certificate beside it"):
        result_of(thief.renewals.renew(id_))


def enrolled_elsewhere(world: World, old: Node) -> bytes:
    node = world.node("third")
    node.enrol(old.token())
    (path,) = (node.folder / "enrolled").rglob("*.key")
    return path.read_bytes()


def test_what_a_backup_brings_leaves_what_is_known_as_it_is(
    world: World, old: Node, new: Node
) -> None:
    enrolled(old, new)
    (known,) = new.own.all.values()
    known.problem = "nobody answers"
    read = new.own._store.load
    before = read()
    result_of(new.renewals.renew(known.enrolled.id))  # while what lies on the disk is read
    renewed = serial(new)
    with patch.object(new.own._store, "load", return_value=before):
        assert result_of(new.own.load()) == []
    assert serial(new) == renewed


def test_a_torrent_that_cannot_be_read_keeps_no_certificate(world: World, old: Node) -> None:
    film = old.session.put(torrent_of(old.create()))
    world.clock.advance(LOOK_SECONDS)
    assert film.given is not None
    old.session.all.clear()
    waiting = [old.session.put(torrent_of(None)) for _ in range(3)]
    for torrent in waiting:
        torrent.tls = TlsReport(TlsState.NO_CERTIFICATE)
    asked: list[object] = []

    async def unreadable(torrent: object) -> None:
        asked.append(torrent)
        raise P2pdError("its metadata is damaged")

    with patch.object(old.session, "metainfo", unreadable):
        world.days_pass(0.1)
    assert old.own.all == {}
    assert asked


def test_there_is_nothing_to_renew_of_that_id(new: Node) -> None:
    with pytest.raises(P2pdError, match="this node has no certificate 'x'"):
        result_of(new.renewals.renew("x"))


def test_a_torrent_that_comes_later_gets_what_there_is(world: World, old: Node, new: Node) -> None:
    ca = old.create()
    new.enrol(old.token())
    torrent = new.session.put(torrent_of(ca))
    world.clock.advance(LOOK_SECONDS)
    assert torrent.given is not None
    assert torrent.given.certificate == next(iter(new.own.all.values())).enrolled.certificate_pem


def test_of_a_ca_that_is_here_a_torrent_gets_one_by_itself(world: World, old: Node) -> None:
    torrent = old.session.put(torrent_of(old.create()))
    world.clock.advance(LOOK_SECONDS)
    assert torrent.given is not None
    assert names(read_certificate(torrent.given.certificate)) == ("film",)
    (row,) = old.book().issued.values()
    assert row.label == "old"
    first = serial(old)
    world.days_pass(21)
    assert serial(old) != first
    assert torrent.tls is not None
    assert torrent.tls.serial == serial(old)


def test_torrents_of_others_are_left_alone(world: World, old: Node, new: Node) -> None:
    old.create()
    for torrent in (torrent_of(None), torrent_of(new.create("music"))):
        put = old.session.put(torrent)
        world.clock.advance(LOOK_SECONDS)
        assert put.given is None
    assert old.book().issued == {}


def test_what_a_user_gave_a_torrent_stays(world: World, old: Node) -> None:
    ca = old.create()
    torrent = old.session.put(torrent_of(ca, "other"))
    torrent.tls, torrent.given = TlsReport(TlsState.READY, serial=77), None
    world.days_pass(40)
    assert torrent.given is None


def test_a_torrent_that_cannot_be_given_one_is_issued_one_and_no_more(
    world: World, old: Node
) -> None:
    ca = old.create()
    old.session.refuses = "there is no TLS in this session"
    torrent = old.session.put(torrent_of(ca))
    world.days_pass(2)
    assert len(old.book().issued) == 1
    old.session.refuses = ""
    world.days_pass(0.1)
    assert torrent.given is not None


def test_where_there_is_no_room_for_one_none_is_issued(
    world: World, old: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2pd.automation.swarm_ca.own_certificates.MOST_ENROLLED", 0)
    torrent = old.session.put(torrent_of(old.create()))
    world.days_pass(2)
    assert torrent.given is None
    assert old.book().issued == {}


def test_what_cannot_be_read_any_more_is_left_out(old: Node, new: Node) -> None:
    enrolled(old, new)
    (about,) = (new.folder / "enrolled").rglob("about.json")
    for content in (b"", b"{}", b"[]", b"\xff", b'{"addresses": [1], "ca": "", "certificate": ""}'):
        about.write_bytes(content)
        new.restart()
        assert new.own.all == {}


def test_what_it_issued_itself_for_a_torrent_that_is_gone_is_let_go(
    world: World, old: Node
) -> None:
    gone = torrent_of(old.create(), "gone")
    stays = old.session.put(torrent_of(old.book_ca(), "stays"))
    for _ in range(5):
        old.session.put(gone)
        world.days_pass(0.1)
        assert len(old.own.all) == 2
        old.session.all.pop()
        world.days_pass(0.1)
        assert [x.enrolled.certificate.serial_number for x in old.own.all.values()] == [
            stays.tls and stays.tls.serial
        ]
    assert len(list((old.folder / "enrolled").iterdir())) == 1
    issued = len(old.book().issued)
    world.days_pass(60)
    assert len(old.book().issued) <= issued + 3  # and nothing is renewed for those


def test_what_another_node_issued_is_renewed_for_months_without_a_torrent(
    world: World, old: Node, new: Node
) -> None:
    first = enrolled(old, new, days=10.0)
    new.session.all.clear()
    world.days_pass(50)
    new.restart()
    world.days_pass(35)
    assert serial(new) != first
    (known,) = new.own.all.values()
    assert known.problem == ""
    end = known.enrolled.certificate.not_valid_after_utc.timestamp()
    while world.now < end - DAY:
        world.days_pass(1)
        (known,) = new.own.all.values()
        if known.problem:
            break
        end = known.enrolled.certificate.not_valid_after_utc.timestamp()
    assert "no torrent here has it since 2026-05-01: it is not renewed by itself" in known.problem
    last = serial(new)
    film = new.session.put(torrent_of(known.enrolled.ca_pem))
    world.clock.advance(LOOK_SECONDS)
    assert film.tls is not None
    assert film.tls.serial == last
    world.days_pass(1)
    assert serial(new) != last  # and now it is renewed again


def test_and_goes_when_it_has_ended(world: World, old: Node, new: Node) -> None:
    enrolled(old, new, days=10.0)
    new.session.all.clear()
    world.days_pass(101)
    assert new.own.all == {}
    assert list((new.folder / "enrolled").iterdir()) == []


def test_what_waits_for_a_certificate_keeps_the_one_for_it(world: World, old: Node) -> None:
    torrent = old.session.put(torrent_of(old.create()))
    world.clock.advance(LOOK_SECONDS)
    first = serial(old)
    old.session.refuses = "the disk is full"
    torrent.tls = TlsReport(TlsState.UNFIT)
    world.days_pass(1)
    assert serial(old) == first


def test_it_stops(world: World, old: Node, new: Node) -> None:
    enrolled(old, new)
    new.renewals.stop()
    old.renewals.stop()
    assert world.clock.getDelayedCalls() == []
    assert new.session.listeners == []
