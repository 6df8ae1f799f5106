"""The table of roles is complete, and means what it says."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from p2pd.control.access.caller import Identity
from p2pd.control.access.roles import (
    METHODS,
    PATHS,
    UNKNOWN,
    Need,
    Role,
    covers,
    need_of_path,
    permits,
    roles_for,
    rule_of,
)

ROLES, NEEDS = st.sampled_from([*Role]), st.sampled_from([*Need])


def methods_of(caller: Any) -> set[str]:
    groups = caller.site.root.children[b"rpc"].subHandlers
    return {
        f"{prefix}_{name}" for prefix, group in groups.items() for name in group._listFunctions()
    }


def test_every_method_there_is_has_its_rule_and_no_other(whole_caller: Any) -> None:
    assert methods_of(whole_caller) == set(METHODS)


def test_every_path_there_is_has_its_need_and_no_other(caller: Any) -> None:
    assert set(caller.site.root.children) == set(PATHS)


def test_what_is_not_in_the_table_is_for_admins() -> None:
    assert rule_of("no_such_method") is UNKNOWN
    assert UNKNOWN.need is Need.ADMIN
    assert UNKNOWN.changes
    assert need_of_path(b"/nothing/metrics") is Need.ADMIN
    assert need_of_path(b"//metrics") is Need.WHOLE


@given(role=ROLES, need=NEEDS, sees_all=st.booleans())
def test_who_sees_less_may_never_do_more(role: Role, need: Need, sees_all: bool) -> None:
    if permits(role, need, sees_all=sees_all):
        assert permits(role, need, sees_all=True)
        assert permits(Role.ADMIN, need, sees_all=True)


def test_who_may_what() -> None:
    everybody = [*Role]
    assert {need: roles_for(need) for need in Need} == {
        Need.ANYBODY: everybody,
        Need.TORRENTS: [Role.ADMIN, Role.OPERATOR, Role.ADD_ONLY],
        Need.WHOLE: everybody,
        Need.SESSION: [Role.ADMIN, Role.OPERATOR],
        Need.ADMIN: [Role.ADMIN],
    }
    assert not Identity("bob", Role.ADD_ONLY).permits(Need.WHOLE)
    assert not Identity("bob", Role.ADMIN, own_only=True).permits(Need.ADMIN)


@given(role=ROLES, other=ROLES, need=NEEDS)
def test_a_key_can_be_no_more_than_its_user(role: Role, other: Role, need: Need) -> None:
    if covers(role, other) and permits(other, need, sees_all=True):
        assert permits(role, need, sees_all=True)
    assert covers(role, role)


LABELS = st.lists(st.sampled_from("abc"), max_size=3).map(tuple)


@given(
    role=ROLES, own=st.booleans(), labels=LABELS, key_labels=LABELS,
    owner=st.sampled_from(["", "me", "other"]), marks=LABELS,
)  # fmt: skip
def test_what_is_seen(
    role: Role, own: bool, labels: Any, key_labels: Any, owner: str, marks: Any
) -> None:
    identity = Identity("me", role, own_only=own, labels=labels, key_labels=key_labels)
    seen = identity.sees(owner, marks)
    if identity.sees_all:
        assert seen
    if key_labels and not set(key_labels) & set(marks):
        assert not seen
    elif owner == "me":
        assert seen
    elif own or role is Role.ADD_ONLY:
        assert not seen
    elif labels:
        assert seen == bool(set(labels) & set(marks))
    nobody = Identity("", Role.READ_ONLY, own_only=True)
    assert not nobody.sees(owner, marks)
