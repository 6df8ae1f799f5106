"""Authorities that are here take certificates back; their lists are in force and never overdue."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from p2pd.automation.swarm_ca.list_renewing import LOOK_SECONDS, ListRenewing
from p2pd.automation.swarm_ca.revoking import SwarmCaRevoking
from p2pd.base.errors import FormatError
from p2pd.formats.x509.pem import read_certificate
from p2pd.formats.x509.revocation import make_list
from p2pd.formats.x509.swarm_ca import SwarmCaError, new_ca
from p2pd.state.swarm_ca.folder import Wanted
from p2pd.state.swarm_ca.revoking import current_list, revoke
from tests.automation.revocation_lists import FakeLists
from tests.automation.swarm_ca_world import DAY, NOW, Node, World, result_of

THEN = datetime.fromtimestamp(NOW, UTC)


class Place:
    """A node with the CA `films`, which issued a certificate to bob, and a torrent of it."""

    def __init__(self, folder: Path) -> None:
        self.node: Node = World(folder).node("here")
        self.ca = read_certificate(self.node.create())
        self.bob = self.issue("bob")
        self.lists = FakeLists(self.ca)
        self.revoking = SwarmCaRevoking(self.node.authorities, self.lists.api)
        self.renewing = ListRenewing(self.node.authorities, self.revoking, self.node.world.clock)

    def issue(self, label: str) -> int:
        """The serial of a certificate."""
        given = result_of(self.node.authorities.issue("films", Wanted(("*",), 30, label), None))
        return int(given.certificate.serial_number)

    @property
    def number(self) -> int:
        """Of the list in force."""
        found = self.lists.of(self.ca)
        return 0 if found is None else found.number

    @property
    def folder(self) -> Any:
        """The authority's."""
        return self.node.authorities.authority("films")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_who_is_revoked_is_on_the_list_that_is_in_force_with_the_answer(place: Place) -> None:
    view = result_of(place.revoking.revoke("films", ["bob"]))
    assert [(row.serial, row.label) for row in view.rows] == [(place.bob, "bob")]
    assert view.torrents == ["ab" * 20]
    assert place.number == 1
    found = place.lists.of(place.ca)
    assert found is not None
    assert set(found.revoked) == {place.bob}
    assert place.lists.sources == ["the CA 'films' here"]
    shown = result_of(place.revoking.revoked("films"))
    assert shown.in_force == found
    assert [row.serial for row in shown.rows] == [place.bob]


def test_a_refusal_leaves_all_as_it_is(place: Place) -> None:
    with pytest.raises(SwarmCaError, match="no certificate with the label or serial 'eve'"):
        result_of(place.revoking.revoke("films", ["bob", "eve"]))
    with pytest.raises(SwarmCaError, match="no CA called"):
        result_of(place.revoking.revoke("books", ["bob"]))
    assert place.number == 0


def test_numbers_go_on_from_the_list_that_is_in_force_elsewhere(place: Place) -> None:
    elsewhere = make_list(place.ca, place.folder.key(), {5: 1}, number=17, now=THEN)
    result_of(place.lists.publish(elsewhere, place.ca, "a peer"))
    result_of(place.revoking.revoke("films", ["bob"]))
    found = place.lists.of(place.ca)
    assert found is not None
    assert (found.number, set(found.revoked)) == (18, {5, place.bob})


def test_a_list_from_a_file_is_in_force_if_a_known_ca_signed_it(place: Place) -> None:
    other, key = new_ca("away", 30, THEN)
    found = make_list(other, key, {9: 1}, number=3, now=THEN)
    with pytest.raises(FormatError, match="no torrent here has the CA"):
        result_of(place.revoking.take_list(found.pem()))
    place.lists.cas.append(other)
    view = result_of(place.revoking.take_list(found.pem()))
    assert place.lists.of(other) == found
    assert [row.serial for row in view.rows] == [9]
    result_of(place.revoking.take_list(found.pem()))  # the same once more is no mistake
    older = make_list(other, key, {}, number=2, now=THEN)
    with pytest.raises(SwarmCaError, match="has the number 2, and 3 is in force"):
        result_of(place.revoking.take_list(older.pem()))
    assert place.lists.of(other) == found


def test_the_ca_of_a_list_may_come_with_it(place: Place) -> None:
    from p2pd.formats.x509.pem import certificate_pem

    other, key = new_ca("away", 30, THEN)
    found = make_list(other, key, {9: 1}, number=3, now=THEN)
    result_of(place.revoking.take_list(found.pem(), certificate_pem(other)))
    assert place.lists.of(other) == found
    with pytest.raises(FormatError, match="of another CA"):
        result_of(place.revoking.take_list(found.pem(), certificate_pem(place.ca)))


def test_a_list_that_somebody_else_signed_in_its_name_is_refused(place: Place) -> None:
    forged_ca, key = new_ca("films", 30, THEN)
    forged = make_list(forged_ca, key, {place.bob: 1}, number=9, now=THEN)
    with pytest.raises(FormatError, match="not signed by the CA"):
        result_of(place.revoking.take_list(forged.pem()))
    assert place.number == 0


@pytest.mark.parametrize("text", ["", "rubbish", "-----BEGIN X509 CRL-----\n"])
def test_what_is_no_list_is_refused(place: Place, text: str) -> None:
    with pytest.raises(FormatError):
        result_of(place.revoking.take_list(text))


def test_a_list_that_was_made_while_no_daemon_ran_is_in_force_from_the_start(
    place: Place,
) -> None:
    revoke(place.folder, ["bob"], THEN)
    assert place.number == 0
    place.renewing.start()
    assert place.number == 1
    place.renewing.stop()


def test_a_ca_from_an_old_backup_learns_who_was_revoked_since(place: Place) -> None:
    elsewhere = make_list(place.ca, place.folder.key(), {place.bob: 1}, number=17, now=THEN)
    result_of(place.lists.publish(elsewhere, place.ca, "a peer"))
    place.renewing.start()
    assert place.number == 18
    assert set(place.folder.book().revoked) == {place.bob}
    place.node.world.clock.advance(LOOK_SECONDS)
    assert place.number == 18
    place.renewing.stop()


def test_lists_of_cas_here_and_of_certificates_here_are_needed(place: Place) -> None:
    other, _ = new_ca("away", 30, THEN)
    clock = place.node.world.clock
    renewing = ListRenewing(place.node.authorities, place.revoking, clock, lambda: [other])
    renewing.start()
    assert place.lists.needed == [[place.ca, other]]
    # Of a CA that cannot be read nobody knows which list is its.
    (place.node.folder / "swarm-ca" / "films" / "ca.pem").write_bytes(b"")
    clock.advance(LOOK_SECONDS)
    assert len(place.lists.needed) == 1
    renewing.stop()


def test_a_list_is_made_anew_before_half_of_its_time_is_over(place: Place) -> None:
    result_of(place.revoking.revoke("films", ["bob"]))
    place.renewing.start()
    clock = place.node.world.clock
    for _ in range(int(14.5 * DAY / LOOK_SECONDS)):
        clock.advance(LOOK_SECONDS)
    assert place.number == 1
    for _ in range(int(DAY / LOOK_SECONDS)):
        clock.advance(LOOK_SECONDS)
    assert place.number == 2
    found = place.lists.of(place.ca)
    assert found is not None
    assert set(found.revoked) == {place.bob}
    assert found.next_update.timestamp() > place.node.world.now + 29 * DAY
    assert current_list(place.folder) == found
    place.renewing.stop()


def test_an_authority_that_revoked_nobody_makes_no_list(place: Place) -> None:
    place.renewing.start()
    place.node.world.clock.advance(LOOK_SECONDS)
    assert place.number == 0
    assert current_list(place.folder) is None
    place.renewing.stop()


def test_a_damaged_authority_does_not_keep_the_others_from_theirs(place: Place) -> None:
    place.node.create("a-first-one")
    revoke(place.folder, ["bob"], THEN)
    damaged = place.node.authorities.authority("a-first-one")
    (Path(damaged.path) / "ca.pem").write_text("rubbish")
    place.renewing.start()
    assert place.number == 1
    place.renewing.stop()
