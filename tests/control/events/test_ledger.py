"""What changed since any version is what makes the rows of then those of now."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from p2pd.control.events.cursor import Cursor, parse_cursor
from p2pd.control.events.event_log import EventLog
from p2pd.control.events.ledger import Changes, Ledger

KEYS = st.integers(0, 4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.lists(st.integers(0, 2), min_size=3, max_size=3)),
        st.tuples(st.just("remove"), KEYS),
    ),
    max_size=40,
)

Rows = dict[int, list[Any]]


def applied(rows: Rows, changes: Changes[int]) -> Rows:
    """What a client makes of its copy."""
    after = {} if changes.since is None else {key: list(values) for key, values in rows.items()}
    for key, row in changes.rows:
        values = after.setdefault(key, [None, None, None])
        for at in changes.values(row):
            values[at] = row.values[at]
    for key in changes.gone:
        after.pop(key, None)
    return after


@given(STEPS, st.integers(1, 10))
def test_any_copy_becomes_what_there_is(steps: list[Any], gone_limit: int) -> None:
    ledger: Ledger[int] = Ledger(0, gone_limit)
    now: Rows = {}
    copies: list[Rows] = [{}]
    for version, step in enumerate(steps, 1):
        match step:
            case ("put", key, values):
                assert ledger.put(key, values, version) == (now.get(key) != values)
                now[key] = values
            case ("remove", key):
                assert ledger.remove(key, version) == (now.pop(key, None) is not None)
        copies.append(dict(now))
    for version, copy in enumerate(copies):
        changes = ledger.since(version)
        if changes is None:
            assert version < ledger.floor
            changes = ledger.everything()
        assert applied(copy, changes) == now
    assert applied({9: [1, 1, 1]}, ledger.everything()) == now


def test_only_what_changed_is_gone_through() -> None:
    ledger: Ledger[int] = Ledger(0)
    for key in range(1000):
        ledger.put(key, ["a", "b"], 1)
    ledger.put(500, ["a", "c"], 2)
    changes = ledger.since(1)
    assert changes is not None
    ((key, row),) = changes.rows
    assert (key, changes.values(row)) == (500, [1])


def test_removals_that_are_not_remembered_are_not_passed_over() -> None:
    ledger: Ledger[int] = Ledger(0, gone_limit=1)
    for key in range(3):
        ledger.put(key, [0], 1)
    ledger.remove(0, 2)
    ledger.remove(1, 3)
    assert ledger.since(1) is None
    changes = ledger.since(2)
    assert changes is not None
    assert changes.gone == [1]


@given(st.lists(st.integers(1, 3), max_size=30), st.integers(1, 5))
def test_events_are_told_once_and_in_order(gaps: list[int], limit: int) -> None:
    log, version, happened = EventLog(0, limit), 0, []
    for gap in gaps:
        version += gap
        log.add(version, {"at": version})
        happened.append(version)
    for since in range(version + 1):
        told = [event["at"] for event in log.between(since, version)]
        after = [at for at in happened if at > since]
        assert told == after[-len(told) :] if told else not after or since < log.floor
        assert since < log.floor or told == after


def test_cursors_are_read_as_they_are_written() -> None:
    cursor = Cursor("0123456789abcdef", 3, 17)
    assert parse_cursor(cursor.to_text()) == cursor


@given(st.text())
def test_what_is_no_cursor_is_none(text: str) -> None:
    found = parse_cursor(text)
    assert found is None or found.to_text() == text
