"""An authority takes certificates back, and numbers its lists so that the last one counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from p2pd.formats.x509.keys_at_rest import KeySeal, SealedKeyError
from p2pd.formats.x509.pem import certificate_pem
from p2pd.formats.x509.revocation import (
    LARGEST_SERIAL,
    MAX_LIST,
    MAX_REVOKED,
    ca_id,
    make_list,
    refusal,
)
from p2pd.formats.x509.swarm_ca import MOST_DAYS, SwarmCaError, new_key
from p2pd.protocols.peerwire.decoding import MAX_MESSAGE
from p2pd.protocols.peerwire.extensions import p2pd_crl
from p2pd.protocols.peerwire.extensions.p2pd_crl import ListSent, ListVersion
from p2pd.state.key_files import KeyFiles
from p2pd.state.revocation_files import RevocationFiles
from p2pd.state.swarm_ca.book import KEPT_SECONDS, MOST_ISSUED, MOST_UNKNOWN, Issued, Limits
from p2pd.state.swarm_ca.folder import BOOK, SwarmCaFolder, Wanted, make_folder
from p2pd.state.swarm_ca.revoking import (
    LIST,
    MOST_AT_ONCE,
    current_list,
    renew_list,
    revoke,
    revoked,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def authority(path: Path, keys: KeyFiles | None = None) -> SwarmCaFolder:
    """An authority in a new folder."""
    return make_folder(str(path / "mine"), "mine", 365, Limits(), NOW, keys)


def issue(folder: SwarmCaFolder, label: str, days: float = 30) -> int:
    """The serial of a new certificate."""
    with folder.changing() as book:
        wanted = Wanted(("*",), days, label)
        return folder.issue(book, new_key().public_key(), wanted, NOW).serial_number


def test_a_serial_or_a_label_is_revoked_and_on_the_list(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    first, second, renewed, kept = (issue(folder, one) for one in ("a", "b", "b", "c"))
    rows, made = revoke(folder, [f"{first:X}"], NOW)
    assert [(row.serial, row.label) for row in rows] == [(first, "a")]
    assert (made.number, set(made.revoked)) == (1, {first})
    rows, made = revoke(folder, ["b"], NOW + timedelta(hours=1))
    assert {row.serial for row in rows} == {second, renewed}
    assert (made.number, set(made.revoked)) == (2, {first, second, renewed})
    ca = folder.certificate()
    assert refusal([folder.issued(second)], ca, made)
    assert refusal([folder.issued(kept)], ca, made) is None
    assert current_list(folder) == made
    assert (Path(folder.path) / LIST).stat().st_mode & 0o777 == 0o600
    assert [row.serial for row in revoked(folder)][-1] == first
    with pytest.raises(SwarmCaError, match="is revoked"), folder.changing() as book:
        folder.renewed(book, first, None, NOW)


def renew(folder: SwarmCaFolder, serial: int, days: float) -> int:
    """The serial of what a certificate is renewed into for another key, so many days later."""
    with folder.changing() as book:
        key = new_key().public_key()
        return folder.renewed(book, serial, key, NOW + timedelta(days=days)).serial_number


def test_all_of_one_line_of_renewals_is_revoked_whichever_is_named(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    first, other = issue(folder, ""), issue(folder, "")
    second = renew(folder, first, 1)
    of_the_thief, third = renew(folder, second, 2), renew(folder, second, 3)
    fourth = renew(folder, third, 4)
    kept = renew(folder, other, 4)
    now = NOW + timedelta(days=5)
    rows, made = revoke(folder, [f"{second:x}"], now)
    assert [(row.serial, row.along) for row in rows] == [
        (second, False), (fourth, True), (third, True), (of_the_thief, True), (first, True),
    ]  # fmt: skip
    assert set(made.revoked) == {first, second, third, fourth, of_the_thief}
    assert not {kept, other} & set(made.revoked)
    again, made = revoke(folder, [f"{fourth:x}"], now)
    assert [(row.serial, row.along) for row in again] == [(fourth, False)]


def test_of_a_line_whose_beginning_is_forgotten_all_go(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    first = issue(folder, "", days=2)
    second, third = renew(folder, first, 1), renew(folder, first, 1)
    now = NOW + timedelta(days=2.5)
    with folder.changing() as book:
        del book.issued[first]
    rows, made = revoke(folder, [f"{third:x}"], now)
    assert set(made.revoked) == {second, third}
    assert [row.along for row in rows] == [False, True]


def test_what_has_ended_does_not_go_along(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    first = issue(folder, "", days=2)
    second = renew(folder, first, 1)
    _, made = revoke(folder, [f"{second:x}"], NOW + timedelta(days=2.5))
    assert set(made.revoked) == {second}


def test_of_a_line_only_what_is_named_goes_if_that_is_said(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    first = issue(folder, "")
    second = renew(folder, first, 1)
    rows, made = revoke(folder, [f"{first:x}"], NOW + timedelta(days=2), only_these=True)
    assert set(made.revoked) == {first} == {row.serial for row in rows}
    assert renew(folder, second, 3)


def test_who_calls_himself_by_the_serial_of_another_does_not_protect_him(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    meant = issue(folder, "a")
    _, made = revoke(folder, [f"{meant:x}"], NOW)
    other = issue(folder, f"{meant:x}")
    assert set(made.revoked) == {meant}
    second = issue(folder, "b")
    named_so = issue(folder, f"{second:x}")
    _, made = revoke(folder, [f"{second:x}"], NOW)
    assert set(made.revoked) == {meant, second, named_so}
    assert other not in made.revoked


def test_what_is_on_a_list_that_the_book_lost_stays_revoked(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    lost, other = issue(folder, "a"), issue(folder, "b")
    book = Path(folder.path) / BOOK
    before = book.read_bytes()
    _, first = revoke(folder, ["a"], NOW)
    book.write_bytes(before)  # cut off between the two files, or it came back from a backup
    _, second = revoke(folder, ["b"], NOW, known=first)
    assert second.newer_than(first)
    assert set(second.revoked) == {lost, other}
    assert {row.serial for row in revoked(folder)} == {lost, other}


def test_who_was_revoked_before_is_so_since_then(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    serial = issue(folder, "a")
    _, first = revoke(folder, ["a"], NOW)
    _, second = revoke(folder, ["a"], NOW + timedelta(days=1))
    assert second.newer_than(first)
    assert second.revoked == first.revoked == {serial: int(NOW.timestamp())}


@pytest.mark.parametrize("which", ["nobody", "ff", "", "no hex", "0"])
def test_what_the_authority_did_not_issue_is_not_revoked(tmp_path: Path, which: str) -> None:
    folder = authority(tmp_path)
    issue(folder, "a")
    with pytest.raises(SwarmCaError, match="issued no certificate"):
        revoke(folder, ["a", which], NOW)
    assert revoked(folder) == []
    assert current_list(folder) is None


def test_unless_it_is_said_that_it_is_unknown(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    rows, made = revoke(folder, ["ff"], NOW, unknown_too=True)
    assert set(made.revoked) == {255}
    assert rows[0].names == ()
    assert revoke(folder, ["ff"], NOW)[1].number == 2


@pytest.mark.parametrize("which", [[], ["a"] * (MOST_AT_ONCE + 1)])
def test_the_number_at_one_time_is_bounded(tmp_path: Path, which: list[str]) -> None:
    with pytest.raises(SwarmCaError, match="at one time"):
        revoke(authority(tmp_path), which, NOW)


def test_a_newer_list_from_elsewhere_is_gone_on_with(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    serial = issue(folder, "a")
    revoke(folder, ["a"], NOW)
    elsewhere = make_list(folder.certificate(), folder.key(), {9: 5}, number=40, now=NOW)
    made = renew_list(folder, NOW, known=elsewhere)
    assert (made.number, set(made.revoked)) == (41, {9, serial})
    older = make_list(folder.certificate(), folder.key(), {8: 5}, number=3, now=NOW)
    made = renew_list(folder, NOW, known=older)
    assert (made.number, set(made.revoked)) == (42, {9, serial})


def test_numbers_go_on_when_the_book_came_back_from_a_backup(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    issue(folder, "a")
    before = (Path(folder.path) / "book.json").read_bytes()
    revoke(folder, ["a"], NOW)
    _, last = revoke(folder, ["a"], NOW)
    (Path(folder.path) / "book.json").write_bytes(before)
    assert renew_list(folder, NOW).number == last.number + 1


def test_certificates_that_are_over_leave_the_list(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    issue(folder, "short", days=1)
    revoke(folder, ["short"], NOW)
    _, known = revoke(folder, ["ff"], NOW, unknown_too=True)
    later = NOW + timedelta(days=60)
    elsewhere = make_list(folder.certificate(), folder.key(), known.revoked, number=9, now=NOW)
    assert set(renew_list(folder, later, known=elsewhere).revoked) == {255}


def test_all_that_a_ca_may_have_issued_fits_on_one_list(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    ends_at = int((NOW + timedelta(days=60)).timestamp())
    serials = {LARGEST_SERIAL - each for each in range(MOST_ISSUED)}
    with folder.changing() as book:
        for serial in serials:
            row = Issued(serial, ("*",), "k", int(NOW.timestamp()), ends_at, "all")
            book.issued[serial] = row
    far = datetime(2050, 1, 1, tzinfo=UTC)  # the dates of which are longer
    _, made = revoke(folder, ["all"], NOW)
    assert set(made.revoked) == serials
    assert current_list(folder) == made
    long = make_list(
        folder.certificate(),
        folder.key(),
        dict.fromkeys(range(LARGEST_SERIAL - MAX_REVOKED, LARGEST_SERIAL), int(far.timestamp())),
        number=2,
        now=far,
    )
    assert len(long.der) <= MAX_LIST - 32 * 1024
    files = RevocationFiles(str(tmp_path))
    content = certificate_pem(folder.certificate()) + long.pem()
    files.save(ca_id(folder.certificate()), content)
    assert files.load() == [content.encode()]
    message = ListSent(ListVersion(*long.version), long.der)
    assert p2pd_crl.parse(message.encode()) == message
    assert len(message.encode()) + 2 <= MAX_MESSAGE


def test_a_new_list_is_good_for_longer(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    issue(folder, "a")
    _, first = revoke(folder, ["a"], NOW, days=2)
    second = renew_list(folder, NOW + timedelta(days=1), days=2)
    assert second.revoked == first.revoked
    assert second.next_update == NOW + timedelta(days=3)


def test_a_sealed_key_without_its_passphrase_revokes_nobody(tmp_path: Path) -> None:
    sealed = authority(tmp_path, KeyFiles(KeySeal(b"a phrase")))
    with sealed.changing() as book:
        wanted = Wanted(("*",), 30, "a")
        sealed.issue(book, new_key().public_key(), wanted, NOW)
    folder = SwarmCaFolder(sealed.path, KeyFiles())
    with pytest.raises(SealedKeyError, match="no passphrase is given"):
        revoke(folder, ["a"], NOW)
    assert revoked(folder) == []
    assert revoke(sealed, ["a"], NOW)[1].number == 1


def test_a_list_that_is_damaged_is_made_anew(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    issue(folder, "a")
    revoke(folder, ["a"], NOW)
    (Path(folder.path) / LIST).write_bytes(b"rubbish")
    assert current_list(folder) is None
    assert renew_list(folder, NOW).number == 2


def test_what_the_book_does_not_know_is_forgotten_when_it_must_have_ended(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    _, before = revoke(folder, ["ff"], NOW, unknown_too=True)
    assert set(before.revoked) == {0xFF}
    longest = timedelta(days=MOST_DAYS, seconds=KEPT_SECONDS)
    assert set(renew_list(folder, NOW + longest).revoked) == {0xFF}
    made = renew_list(folder, NOW + longest + timedelta(seconds=1), known=before)
    assert not made.revoked
    assert not folder.book().revoked


def test_of_what_the_book_does_not_know_a_number_is_revoked_and_no_more(tmp_path: Path) -> None:
    folder = authority(tmp_path)
    known = issue(folder, "a")
    with folder.changing() as book:
        book.revoked = dict.fromkeys(range(1000, 1000 + MOST_UNKNOWN - 1), 1_700_000_000)
    revoke(folder, ["1", "1"], NOW, unknown_too=True)
    with pytest.raises(SwarmCaError, match="5000 certificates at most are revoked that are not in"):
        revoke(folder, ["2"], NOW, unknown_too=True)
    revoke(folder, ["1", f"{known:x}"], NOW, unknown_too=True)
    book = folder.book()
    assert (len(book.revoked), 2 in book.revoked) == (MOST_UNKNOWN + 1, False)
    assert MOST_UNKNOWN + MOST_ISSUED <= MAX_REVOKED
