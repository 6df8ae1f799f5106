"""Authorities in their folders: what is on the disk, what is refused, and what two do at once."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from p2pd.base.errors import P2pdError, StateError
from p2pd.formats.x509 import swarm_ca
from p2pd.formats.x509.keys_at_rest import KeySeal
from p2pd.formats.x509.peer_names import names
from p2pd.formats.x509.pem import belongs, certificate_pem
from p2pd.formats.x509.swarm_ca import SwarmCaError
from p2pd.state.key_files import KeyFiles
from p2pd.state.swarm_ca import book as book_module
from p2pd.state.swarm_ca.book import (
    KEPT_SECONDS,
    MOST_RENEWED,
    EnrolmentToken,
    Limits,
    book_json,
    read_book,
)
from p2pd.state.swarm_ca.folder import SwarmCaFolder, Wanted, key_id
from p2pd.state.swarm_ca.store import SwarmCaStore

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
PEER = swarm_ca.new_key()
OTHER = swarm_ca.new_key()


@pytest.fixture
def store(tmp_path: Path) -> SwarmCaStore:
    return SwarmCaStore(str(tmp_path / "state" / "swarm-ca"))


def made(store: SwarmCaStore, name: str = "films", **limits: Any) -> SwarmCaFolder:
    return store.create(name, 100, Limits(**limits), NOW)


def issued(folder: SwarmCaFolder, *wanted: str, now: datetime = NOW, **options: Any) -> Any:
    with folder.changing() as book:
        return folder.issue(book, PEER.public_key(), Wanted(wanted or ("*",), **options), now)


def token(**other: Any) -> EnrolmentToken:
    given = {"id": "t1", "proof": "ab", "names": ("*",), "days": 1.0, "uses": 1, "made_at": AT,
             "expires_at": AT + 100}  # fmt: skip
    return EnrolmentToken(**{**given, **other})


def test_nobody_else_can_look_in(store: SwarmCaStore) -> None:
    folder = made(store)
    issued(folder)
    for path, folders, files in os.walk(store.root):
        modes = {stat.S_IMODE(os.stat(os.path.join(path, name)).st_mode) for name in files}
        assert modes <= {0o600}, path
        modes = {stat.S_IMODE(os.stat(os.path.join(path, name)).st_mode) for name in folders}
        assert modes <= {0o700}, path
    assert store.names() == ["films"]


def test_what_it_issues_it_remembers(store: SwarmCaStore) -> None:
    folder = made(store)
    one = issued(folder, "film", label="the NAS", days=2.0)
    again = store.authority("films")
    row = again.book().issued[one.serial_number]
    assert (row.names, row.label, row.key) == (("film",), "the NAS", key_id(PEER.public_key()))
    assert (row.issued_at, row.expires_at) == (AT, AT + 2 * 86_400)
    assert again.issued(one.serial_number) == one
    assert swarm_ca.is_issued_by(one, again.certificate())


def test_usually_it_issues_for_a_month(store: SwarmCaStore) -> None:
    assert issued(made(store)).not_valid_after_utc == NOW + timedelta(days=30)


def test_limits_hold_for_whoever_asks(store: SwarmCaStore) -> None:
    folder = made(store, names=("a", "b"), most_days=7.0, usual_days=7.0)
    assert names(issued(folder, "a", "b")) == ("a", "b")
    for wanted, days, words in [
        (("a", "c"), 1, "the CA is not for 'c', but for 'a', 'b' alone"),
        (("*",), 1, "the CA is not for all torrents, but for 'a', 'b' alone"),
        (("a",), 8, "the CA issues for 7 days at most, not for 8"),
    ]:
        with pytest.raises(SwarmCaError, match=words):
            issued(folder, *wanted, days=float(days))
    assert len(folder.book().issued) == 1


def test_renewing_is_issuing_the_same_again(store: SwarmCaStore) -> None:
    folder = made(store)
    first = issued(folder, "film", label="NAS", days=3.0)
    later = NOW + timedelta(days=2)
    with folder.changing() as book:
        same_key = folder.renewed(book, first.serial_number, None, later)
        new_key = folder.renewed(book, first.serial_number, OTHER.public_key(), later)
        once_more = folder.renewed(book, first.serial_number, OTHER.public_key(), later)
    assert belongs(same_key, PEER)
    assert belongs(new_key, OTHER)
    assert once_more == new_key
    assert {x.not_valid_after_utc for x in (same_key, new_key)} == {later + timedelta(days=3)}
    assert {names(x) for x in (same_key, new_key)} == {("film",)}
    assert len(folder.book().issued) == 3


def test_what_is_not_renewed(store: SwarmCaStore) -> None:
    folder = made(store)
    once, revoked = issued(folder, renewable=False), issued(folder)
    with folder.changing() as book:
        book.revoked[revoked.serial_number] = AT
    for serial, words in [
        (once.serial_number, "was issued for once: it is not renewed"),
        (revoked.serial_number, "is revoked: it is not renewed"),
        (7, "knows no certificate with the serial 7"),
    ]:
        with pytest.raises(SwarmCaError, match=words), folder.changing() as book:
            folder.renewed(book, serial, None, NOW)


def test_what_is_over_is_forgotten_with_its_file(store: SwarmCaStore) -> None:
    folder = made(store)
    old = issued(folder, days=40.0).serial_number
    with folder.changing() as book:
        book.note_token(token())
        book.revoked[old] = AT
    issued(folder, now=NOW + timedelta(days=40, seconds=KEPT_SECONDS - 1))
    assert old in folder.book().issued
    issued(folder, now=NOW + timedelta(days=40, seconds=KEPT_SECONDS + 1))
    left = folder.book()
    assert old not in left.issued
    assert (left.tokens, left.revoked) == ({}, {})
    assert len(os.listdir(os.path.join(folder.path, "issued"))) == len(left.issued) == 2


def test_what_lived_shortly_is_forgotten_sooner(store: SwarmCaStore) -> None:
    folder = made(store)
    short = issued(folder, days=1 / 24).serial_number
    issued(folder, now=NOW + timedelta(hours=2, seconds=-1))
    assert short in folder.book().issued
    issued(folder, now=NOW + timedelta(hours=2, seconds=1))
    assert short not in folder.book().issued


def test_nobody_fills_the_book_by_renewing(store: SwarmCaStore) -> None:
    folder = made(store)
    serial = first = issued(folder).serial_number

    def renewed(serial: int) -> int:
        with folder.changing() as book:
            key = swarm_ca.new_key().public_key()
            return folder.renewed(book, serial, key, NOW).serial_number

    for turn in range(MOST_RENEWED):
        serial = renewed(serial if turn % 2 else first)
    for each in (first, serial):
        with pytest.raises(SwarmCaError, match="was renewed 20 times: not again before some of"):
            renewed(each)
    renewed(issued(folder).serial_number)  # somebody else's


def test_there_is_a_bound(store: SwarmCaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(store)
    monkeypatch.setattr(book_module, "MOST_ISSUED", 2)
    monkeypatch.setattr(book_module, "MOST_TOKENS", 1)
    issued(folder)
    issued(folder)
    with pytest.raises(SwarmCaError, match="2 certificates that are not over"):
        issued(folder)
    book = folder.book()
    book.note_token(token())
    with pytest.raises(SwarmCaError, match="has 1 tokens: revoke some"):
        book.note_token(token(id="t2"))


def test_tokens_are_counted_and_end(store: SwarmCaStore) -> None:
    folder = made(store)
    with folder.changing() as book:
        book.note_token(token(uses=2))
    for _ in range(2):
        with folder.changing() as book:
            book.spend("t1", AT)
    with pytest.raises(SwarmCaError, match="the token was used up"), folder.changing() as book:
        book.spend("t1", AT)
    for id_, now, words in [("t1", AT + 100, "has expired"), ("t9", AT, "there is no such token")]:
        with pytest.raises(SwarmCaError, match=words):
            folder.book().spend(id_, now)
    assert folder.book().tokens["t1"].used == 2


def test_a_token_is_within_the_limits(store: SwarmCaStore) -> None:
    folder = made(store, names=("a",), most_days=7.0)
    for wrong, words in [
        ({"names": ("b",)}, "the CA is not for 'b'"),
        ({"names": ("a",), "days": 8.0}, "7 days at most"),
        ({"names": ("a",), "uses": 0}, "for 1 to 10000 nodes"),
        ({"names": ("a",), "torrents": ("x",) * 101}, "100 torrents at most"),
    ]:
        with pytest.raises(SwarmCaError, match=words):
            folder.book().note_token(token(**wrong))


def spent_without_need(book: book_module.Book) -> None:
    book.note_token(token())
    book.spend("t1", AT)
    book.spend("t1", AT)


def test_an_error_leaves_everything_as_it_was(store: SwarmCaStore) -> None:
    folder = made(store)
    before = folder.book()
    with pytest.raises(SwarmCaError), folder.changing() as book:
        spent_without_need(book)
    assert folder.book() == before


def test_who_comes_second_waits_and_then_gives_up(store: SwarmCaStore) -> None:
    path = made(store).path
    naps: list[float] = []
    folder = SwarmCaFolder(path, sleep=naps.append)
    with open(os.path.join(path, "lock"), "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StateError, match="another program is using this CA"):
            issued(folder)
    assert sum(naps) == pytest.approx(10.0)
    issued(folder)


def test_nothing_is_written_over(store: SwarmCaStore) -> None:
    first = made(store).certificate()
    with pytest.raises(StateError, match="there is a CA called 'films' already"):
        made(store)
    assert store.authority("films").certificate() == first
    assert os.listdir(store.root) == ["films"]


@pytest.mark.parametrize("name", ["", ".x", "-x", "a/b", "..", "a b", "ä", "x" * 65, "a\n", "\0"])
def test_names_that_are_none(store: SwarmCaStore, name: str) -> None:
    with pytest.raises(SwarmCaError, match="a CA's name has 1 to 64 letters"):
        made(store, name)
    with pytest.raises(SwarmCaError, match="there is no CA called"):
        store.authority(name)


def test_a_place_without_authorities_has_none(store: SwarmCaStore, tmp_path: Path) -> None:
    assert store.names() == []
    (tmp_path / "state" / "swarm-ca" / "half").mkdir(parents=True)
    assert store.authorities() == []


def test_with_a_passphrase_the_key_is_sealed(tmp_path: Path) -> None:
    store = SwarmCaStore(str(tmp_path), KeyFiles(KeySeal(b"correct horse")))
    folder = made(store)
    issued(folder)
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in (tmp_path / "films" / "ca.key").read_bytes()
    for seal, words in [(None, "no passphrase is given"), (KeySeal(b"x"), "another passphrase")]:
        with pytest.raises(P2pdError, match=words):
            issued(SwarmCaFolder(folder.path, KeyFiles(seal)))


def test_a_key_that_others_could_read_is_closed_to_them(store: SwarmCaStore) -> None:
    folder = made(store)
    path = os.path.join(folder.path, "ca.key")
    os.chmod(path, 0o640)
    issued(folder)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_another_authoritys_key_is_not_used(store: SwarmCaStore) -> None:
    folder, other = made(store), made(store, "music")
    with open(os.path.join(other.path, "ca.key"), "rb") as theirs:
        Path(folder.path, "ca.key").write_bytes(theirs.read())
    with pytest.raises(StateError, match="is not the key of the certificate beside it"):
        issued(folder)


def test_links_and_other_things_are_not_followed(store: SwarmCaStore, tmp_path: Path) -> None:
    folder = made(store)
    for name in ("ca.pem", "ca.key", "book.json"):
        path = Path(folder.path, name)
        content = path.read_bytes()
        path.unlink()
        elsewhere = tmp_path / name
        elsewhere.write_bytes(content)
        path.symlink_to(elsewhere)
        with pytest.raises(StateError, match=name):
            issued(folder)
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(P2pdError, match=name):
            issued(folder)
        path.unlink()
        path.write_bytes(content)
        path.chmod(0o600)
    issued(folder)


def test_a_book_reads_as_it_was_written(store: SwarmCaStore) -> None:
    folder = made(store, names=("film",))
    serial = issued(folder, "film", label="ü").serial_number
    with folder.changing() as book:
        book.note_token(token(names=("film",), torrents=("aa", "bb")))
        book.revoked[serial], book.list_number = AT, 3
    assert read_book(book_json(book)) == book == folder.book()


def test_a_damaged_book_is_refused_in_words(store: SwarmCaStore) -> None:
    folder = made(store)
    issued(folder)
    path = Path(folder.path, "book.json")
    good = json.loads(path.read_bytes())
    row = good["issued"][0]
    wrong: list[Any] = [
        b"", b"[]", b"{}", b"[" * 5000, b"\xff",
        {**good, "version": 2},
        {**good, "name": 5},
        {**good, "made_at": True},
        {**good, "issued": [{**row, "serial": "zz"}]},
        {**good, "issued": [{**row, "names": "film"}]},
        {**good, "issued": [{**row, "label": None}]},
        {**good, "issued": [{**row, "expires_at": "soon"}]},
        {**good, "issued": [{**row, "renewable": 1}]},
        {**good, "issued": [{**row, "more": 1}]},
        {**good, "tokens": [{}]},
        {**good, "revoked": {"1": "2"}},
        {**good, "revoked": []},
    ]  # fmt: skip
    for each in wrong:
        path.write_bytes(each if isinstance(each, bytes) else json.dumps(each).encode())
        with pytest.raises(StateError, match=r"book\.json: it is"):
            folder.book()


def test_the_certificate_of_the_authority_can_be_put_into_a_torrent(store: SwarmCaStore) -> None:
    folder = made(store)
    assert swarm_ca.read_ca(certificate_pem(folder.certificate())) == folder.certificate()
