"""New nodes get certificates with tokens: all that works, and everything that is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from p2pd.automation.swarm_ca import issuer as issuer_module
from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.formats import bencode
from p2pd.formats.x509.peer_names import names
from p2pd.formats.x509.pem import belongs, read_certificate, read_private_key
from p2pd.formats.x509.swarm_ca import is_issued_by, label_of, read_ca
from p2pd.protocols.enrolment.token import read_token, token_text
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


def test_a_new_node_has_its_certificate_and_its_torrents(old: Node, new: Node) -> None:
    ca = old.create()
    film = old.session.put(torrent_of(ca))
    found = new.enrol(old.token(names=("film",), torrents=(film.hash_string,)), label="the NAS")
    (torrent,) = new.session.all
    assert (found.added, found.given_to, found.problems) == ((torrent,), (torrent,), ())
    given = torrent.given
    assert given is not None
    certificate = read_certificate(given.certificate)
    assert is_issued_by(certificate, read_ca(ca))
    assert belongs(certificate, read_private_key(given.private_key))
    assert (names(certificate), label_of(certificate)) == (("film",), "the NAS")
    (row,) = [x for x in old.book().issued.values() if x.way]
    assert row.serial == certificate.serial_number
    assert found.enrolled.addresses == (old.address,)
    assert torrent.met == [PeerAddress("192.0.2.5", 6882)]


def test_the_private_key_never_leaves_the_new_node(world: World, old: Node, new: Node) -> None:
    old.create()
    found = new.enrol(old.token())
    key = new.own._store.key(found.enrolled)
    inner = "".join(key.splitlines()[1:-1])
    assert all(inner.encode() not in each for each in (*world.sent, *world.came))
    assert all(part.encode() not in b"".join(world.sent) for part in key.splitlines()[1:-1])


def test_the_secret_of_a_token_is_nowhere_but_in_it(world: World, old: Node, new: Node) -> None:
    old.create()
    text = old.token()
    new.enrol(text)
    secret = read_token(text).secret
    kept = b"".join(path.read_bytes() for path in old.folder.rglob("*") if path.is_file())
    for form in (secret, secret.hex().encode(), text.encode()):
        assert form not in kept + b"".join(world.sent + world.came)


def test_a_token_is_for_so_many_nodes(world: World, old: Node, new: Node) -> None:
    old.create()
    text = old.token(uses=2)
    new.enrol(text)
    world.node("second").enrol(text)
    third = world.node("third")
    with pytest.raises(P2pdError, match=r"http://old\.test:9091 refuses: the token was used up"):
        third.enrol(text)
    assert third.own.all == {}


def test_uses_are_counted_over_restarts(world: World, old: Node, new: Node) -> None:
    old.create()
    text = old.token()
    new.enrol(text)
    old.restart()
    with pytest.raises(P2pdError, match="the token was used already"):
        world.node("second").enrol(text)


def test_a_lost_answer_costs_no_use(world: World, old: Node, new: Node) -> None:
    old.create()
    text = old.token()
    world.lost_answers = 1
    with pytest.raises(P2pdError, match="the connection broke"):
        new.enrol(text)
    found = new.enrol(text)
    assert len(old.book().issued) == 1
    assert found.enrolled.certificate.serial_number in old.book().issued


def test_who_sends_what_he_heard_again_gains_nothing(world: World, old: Node, new: Node) -> None:
    old.create()
    new.enrol(old.token(uses=3))
    (row,) = old.book().tokens.values()
    assert row.used == 1
    for _ in range(5):
        again = result_of(old.issuer.answer(world.sent[0]))
        assert not again.refused
        assert again.body != world.came[0]
    (row,) = old.book().tokens.values()
    assert (row.used, len(old.book().issued)) == (1, 1)


@pytest.mark.parametrize("hours", [1.0, 24.0])
def test_a_token_ends(world: World, old: Node, new: Node, hours: float) -> None:
    old.create()
    text = old.token(hours=hours)
    world.clock.advance(hours * 3600)
    with pytest.raises(P2pdError, match="refuses: the token has expired"):
        new.enrol(text)


def test_a_token_is_revoked(old: Node, new: Node) -> None:
    old.create()
    text = old.token()
    result_of(old.authorities.remove_token("films", read_token(text).id.hex()))
    with pytest.raises(P2pdError, match="there is no such token: it was revoked"):
        new.enrol(text)
    assert old.answers[-1].guess


def test_a_guessed_token_is_told_from_a_used_one(old: Node, new: Node) -> None:
    old.create()
    token = read_token(old.token())
    wrong = replace(token, secret=bytes(20))
    with pytest.raises(P2pdError, match="there is no such token"):
        new.enrol(token_text(wrong))
    assert [answer.guess for answer in old.answers] == [True]


def test_a_token_of_another_ca(world: World, old: Node, new: Node) -> None:
    old.create()
    token = replace(read_token(old.token()), fingerprint=bytes(32))
    with pytest.raises(P2pdError, match="it does not have that CA"):
        new.enrol(token_text(token))


def test_what_a_token_asks_for_is_within_the_limits_of_the_ca(old: Node) -> None:
    old.create(names=("film",), most_days=7.0, usual_days=7.0)
    for other, words in [
        ({"names": ("*",)}, "the CA is not for all torrents"),
        ({"names": ("film",), "days": 8.0}, "7 days at most"),
        ({"names": ("film",), "hours": 0.0}, "hours at most"),
        ({"names": ("film",), "uses": 0}, "a token is for 1 to"),
    ]:
        with pytest.raises(P2pdError, match=words):
            old.token(**other)


def test_the_certificate_is_for_what_the_token_says(old: Node, new: Node) -> None:
    old.create()
    found = new.enrol(old.token(names=("a", "b"), days=2.0, label="bob"), label="me").enrolled
    certificate = found.certificate
    assert (names(certificate), label_of(certificate)) == (("a", "b"), "bob")
    left = certificate.not_valid_after_utc.timestamp() - new.world.now
    assert left == pytest.approx(2 * DAY, abs=1)


def test_who_is_in_the_middle_gets_in_nowhere(world: World, old: Node, new: Node) -> None:
    old.create()
    text = old.token()
    other = world.node("other")
    other.create()

    def change(body: bytes) -> bytes:
        value = bencode.decode(body)
        for name in (b"csr", b"sealed"):
            if name in value:
                value[name] = value[name][:-1] + bytes([value[name][-1] ^ 1])
        return bencode.encode(value)

    world.in_the_middle = change
    with pytest.raises(P2pdError):
        new.enrol(text)
    assert new.own.all == {}
    assert old.book().issued == {}


def test_another_node_at_the_address_is_found_out_and_the_next_asked(
    world: World, old: Node, new: Node
) -> None:
    old.create()
    with pytest.raises(P2pdError, match="nobody answers"):
        new.enrol(old.token(addresses=("http://gone.test:1",)))
    found = new.enrol(old.token(addresses=("http://gone.test:1", old.address)))
    assert found.enrolled.id in new.own.all


def test_a_clock_that_is_wrong_is_said(world: World, old: Node, new: Node) -> None:
    old.create()
    text = old.token()
    old.authorities._wall = lambda: world.now + 10 * 3600
    with pytest.raises(P2pdError, match="by this machine's clock the new certificate is not valid"):
        new.enrol(text)


def test_torrents_of_here_get_the_certificate_if_it_is_for_them(old: Node, new: Node) -> None:
    ca = old.create()
    mine = new.session.put(torrent_of(ca))
    other_name = new.session.put(torrent_of(ca, "other"))
    plain = new.session.put(torrent_of(None, "plain"))
    magnet = new.session.put(None)
    found = new.enrol(old.token(names=("film",)), torrents=(plain, magnet, other_name))
    assert found.given_to == (magnet, mine)
    assert magnet.given is not None
    assert magnet.given.ca == ca
    assert found.problems == (
        "plain: its peers are not reached by TLS: there is no CA in its metadata",
        "other: the certificate is not for a torrent of that name",
    )


def test_torrents_that_come_are_not_added_against_the_wish(old: Node, new: Node) -> None:
    film = old.session.put(torrent_of(old.create()))
    found = new.enrol(old.token(torrents=(film.hash_string,)), add=False)
    assert (found.added, new.session.all) == ((), [])


def test_what_session_or_disk_refuse_is_told(old: Node, new: Node) -> None:
    film = old.session.put(torrent_of(old.create()))
    new.session.refuses = "there is no TLS in this session"
    found = new.enrol(old.token(torrents=(film.hash_string,)))
    assert found.problems == ("film: there is no TLS in this session",)
    assert found.enrolled.id in new.own.all


def test_a_torrent_that_is_gone_does_not_come_along(old: Node, new: Node) -> None:
    film = old.session.put(torrent_of(old.create()))
    text = old.token(torrents=(film.hash_string,))
    old.session.all.clear()
    assert new.enrol(text).added == ()


def test_what_is_too_much_for_an_answer_stays(
    old: Node, new: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = old.create()
    films = [old.session.put(torrent_of(ca, name)) for name in ("a", "b")]
    text = old.token(torrents=tuple(film.hash_string for film in films))
    monkeypatch.setattr(issuer_module, "MAX_TORRENTS", len(torrent_of(ca, "a")) + 10)
    assert [torrent.name for torrent in new.enrol(text).added] == ["a"]


def test_what_is_wrong_on_our_side_is_nobody_elses_business(old: Node, new: Node) -> None:
    old.create()
    text = old.token()
    (old.folder / "swarm-ca" / "films" / "ca.key").unlink()
    with pytest.raises(P2pdError, match="refuses: it cannot issue now: its log says why"):
        new.enrol(text)
    assert str(old.folder) not in old.answers[-1].body.decode("latin-1")
    assert old.book().issued == {}


def test_no_more_are_looked_at_than_there_is_room_for(old: Node) -> None:
    assert not old.issuer.is_busy
    old.issuer._under_way = issuer_module.AT_ONCE
    assert old.issuer.is_busy


@pytest.mark.parametrize("body", [b"", b"x", b"de", b"l" * 70, b"d1:v1:xe"])
def test_nonsense_is_a_guess(old: Node, body: bytes) -> None:
    old.create()
    answer = result_of(old.issuer.answer(body))
    assert answer.guess
    assert b"refused" in answer.body
