"""What ends of an authority is told of in time, and only of what nobody renewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from p2pd.formats.x509.swarm_ca import new_key
from p2pd.state.swarm_ca.book import Limits
from p2pd.state.swarm_ca.ends import DAY, MOST_TOLD, ends_of, unrenewed, warnings
from p2pd.state.swarm_ca.folder import SwarmCaFolder, Wanted, make_folder
from p2pd.state.swarm_ca.revoking import revoke
from p2pd.state.swarm_ca.views import AuthorityView, seen

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> SwarmCaFolder:
    return make_folder(str(tmp_path / "films"), "films", 365, Limits(), NOW)


def issue(folder: SwarmCaFolder, label: str, days: float = 40, *, own: bool = False) -> int:
    """The serial of a new certificate."""
    with folder.changing() as book:
        wanted = Wanted(("*",), days, label, own=own)
        return folder.issue(book, new_key().public_key(), wanted, NOW).serial_number


def at(days: float) -> float:
    return (NOW + timedelta(days=days)).timestamp()


def test_what_nobody_renewed_is_told_of_in_the_last_quarter_of_its_life(
    folder: SwarmCaFolder,
) -> None:
    serial = issue(folder, "bob")
    assert unrenewed(folder.book(), at(29.9)) == []
    (row,) = unrenewed(folder.book(), at(30.1))
    assert row.serial == serial
    assert warnings(seen("films", folder), at(30.1)) == [
        f"the certificate of bob (serial {serial:x}, of the CA films) ends on 2026-06-10 12:00 UTC,"
        " and was not renewed"
    ]
    assert warnings(seen("films", folder), at(30.1), 5 * DAY) == []
    assert warnings(seen("films", folder), at(40.1)) == []


def test_what_was_renewed_or_revoked_or_is_the_nodes_own_is_none_of_them(
    folder: SwarmCaFolder,
) -> None:
    renewed, _ = issue(folder, "a"), issue(folder, "b")
    issue(folder, "here", own=True)
    with folder.changing() as book:
        folder.renewed(book, renewed, None, NOW + timedelta(days=10))
    revoke(folder, ["b"], NOW)
    assert unrenewed(folder.book(), at(35)) == []
    (row,) = unrenewed(folder.book(), at(45))
    assert row.renewed_from == renewed


def test_what_the_node_renews_for_itself_stays_its_own(folder: SwarmCaFolder) -> None:
    serial = issue(folder, "here", own=True)
    with folder.changing() as book:
        again = folder.renewed(book, serial, new_key().public_key(), NOW)
    assert folder.book().issued[again.serial_number].own


def test_the_authority_itself_is_told_of_with_and_without_certificates(
    folder: SwarmCaFolder,
) -> None:
    view = seen("films", folder)
    assert warnings(view, at(350)) == []
    assert warnings(view, at(352)) == ["the CA films ends on 2027-05-01 12:00 UTC"]
    assert warnings(view, at(366)) == ["the CA films ended on 2027-05-01 12:00 UTC"]
    assert warnings(AuthorityView("films", problem="it is damaged"), at(366)) == []


def test_their_number_is_bounded_and_the_nearest_are_told_of(folder: SwarmCaFolder) -> None:
    for days in range(MOST_TOLD + 5):
        issue(folder, f"{days}", 40 + days / 100)
    first, *rest = ends_of(seen("films", folder), at(39))
    assert first.serial == 0
    assert [end.name.partition(" ")[0] for end in rest] == [f"{n}" for n in range(MOST_TOLD)]
