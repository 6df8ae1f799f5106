"""Peers that worked are kept over restarts; rows that make no sense are left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.state.caught_hosts import CaughtHostStore
from p2pd.swarm.caught_hosts import LIMIT, CaughtHost
from tests.state.damaged import opened, result

GOOD = CaughtHost(PeerAddress("192.0.2.1", 6881), 5.5, 100, 200, 7.5, 3, 1)
OTHER = CaughtHost(PeerAddress("2001:db8::1", 1), 6.0, 0, 0, 60.0, 1, 0)


def test_they_come_back(tmp_path: Path) -> None:
    database = opened(tmp_path)
    store = CaughtHostStore(database)
    result(store.save([OTHER], []))
    result(store.save([GOOD, OTHER], [("192.0.2.9", 8.0)]))
    database.close()
    database = opened(tmp_path)
    hosts, kept_out = result(CaughtHostStore(database).load())
    assert (list(hosts), list(kept_out)) == ([GOOD, OTHER], [("192.0.2.9", 8.0)])
    database.close()


@pytest.mark.parametrize(
    "row",
    [
        ("not an address", 6881, 1.0, 0, 0, 0.0, 0, 0),
        ("192.0.2.2", 0, 1.0, 0, 0, 0.0, 0, 0),
        ("192.0.2.2", 70_000, 1.0, 0, 0, 0.0, 0, 0),
        ("192.0.2.2", 1, "when", 0, 0, 0.0, 0, 0),
        ("192.0.2.2", 1, 1.0, -5, 0, 0.0, 0, 0),
        ("192.0.2.2", 1, 1.0, b"x", 0, 0.0, 0, 0),
    ],
)
def test_a_row_that_makes_no_sense_is_left_out(tmp_path: Path, row: tuple[object, ...]) -> None:
    database = opened(tmp_path)
    store = CaughtHostStore(database)
    result(store.save([GOOD], [("192.0.2.9", 8.0)]))
    marks = ", ".join("?" * len(row))
    insert = f"INSERT INTO caught_hosts VALUES ({marks})"
    result(database.run(lambda cursor: cursor.execute(insert, row).rowcount))
    other = "INSERT INTO kept_out_hosts VALUES ('?', 1)"
    result(database.run(lambda cursor: cursor.execute(other).rowcount))
    hosts, kept_out = result(store.load())
    assert (list(hosts), list(kept_out)) == ([GOOD], [("192.0.2.9", 8.0)])
    database.close()


def test_there_are_never_more_than_the_bound(tmp_path: Path) -> None:
    database = opened(tmp_path)
    store = CaughtHostStore(database)
    many = [GOOD._replace(address=PeerAddress("192.0.2.1", port + 1)) for port in range(LIMIT + 9)]
    result(store.save(many, []))
    hosts, _ = result(store.load())
    assert len(hosts) == LIMIT
    database.close()
