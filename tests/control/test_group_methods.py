"""group_get, group_set, group_remove and port_test."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.base.errors import P2pdError, StateError
from p2pd.session.settings.bandwidth_groups import NEW_GROUP
from tests.control.fake_torrents import NOW

SLOW = {**NEW_GROUP, "speed_limit_up": 20, "speed_limit_up_enabled": True}


@pytest.fixture
def grouped(session: Any) -> Any:
    session.settings.bandwidth_groups = {"slow": SLOW, "any": {**NEW_GROUP}}
    return session


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({}, ["any", "slow"]), ({"name": "slow"}, ["slow"]), ({"name": "none"}, []),
        ({"name": ["slow", "none", "any", "slow"]}, ["slow", "any"]), ({"name": []}, []),
    ],
)  # fmt: skip
def test_groups_are_shown(
    caller: Any, grouped: Any, params: dict[str, Any], names: list[str]
) -> None:
    groups = caller.call("group_get", **params).result["group"]
    assert [group["name"] for group in groups] == names
    if "slow" in names:
        assert groups[names.index("slow")] == {**SLOW, "name": "slow"}


def test_a_group_is_made_and_changed(caller: Any, grouped: Any) -> None:
    before = dict(grouped.settings.bandwidth_groups)
    assert caller.call("group_set", name="new", honors_session_limits=False).result == {}
    new = {**NEW_GROUP, "honors_session_limits": False}
    assert grouped.asked == [("change_settings", {"bandwidth_groups": {**before, "new": new}})]
    grouped.asked.clear()
    caller.call("group_set", name="slow", speed_limit_up=5)
    slow = {**SLOW, "speed_limit_up": 5}
    assert grouped.asked == [("change_settings", {"bandwidth_groups": {**before, "slow": slow}})]


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"name": ""}, {"name": " "}, {"name": 3}, {"name": "x" * 256},
        {"name": "a", "speed_limit_up": -1}, {"name": "a", "speed_limit": 1},
        {"name": "a", "honors_session_limits": "yes"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(caller: Any, session: Any, wrong: dict[str, Any]) -> None:
    assert caller.call("group_set", **wrong).error[0] == -32602
    assert session.asked == []


def test_what_the_session_refuses_is_said(caller: Any, session: Any) -> None:
    session.fails_with = P2pdError("not an object with at most 1000 groups")
    assert caller.call("group_set", name="a").error == (-32602, str(session.fails_with))


@pytest.mark.parametrize(
    "asked", [("group_set", {"name": "a"}), ("session_set", {"peer_limit_global": 9})]
)
def test_what_the_database_refuses_is_no_fault_of_the_caller(
    caller: Any, session: Any, asked: tuple[str, dict[str, Any]]
) -> None:
    session.fails_with = StateError("the state database refused: it is full")
    assert caller.call(asked[0], **asked[1]).error == (5, str(session.fails_with))


def test_groups_are_removed(caller: Any, session: Any) -> None:
    assert caller.call("group_remove", name=["a", "b"]).result == {}
    assert session.asked == [("remove_groups", ("a", "b"))]
    assert caller.call("group_remove").error[0] == -32602


def test_groups_in_the_older_dialect(caller: Any, grouped: Any) -> None:
    def older(method: str, **arguments: Any) -> Any:
        id_ = caller.send("POST", "/transmission/rpc").headers["x-transmission-session-id"][0]
        body = {"method": method, "arguments": arguments}
        return caller.post(body, "/transmission/rpc", X_Transmission_Session_Id=id_).json

    assert older("group-get", name="slow")["arguments"]["group"] == [
        {
            "name": "slow",
            "honorsSessionLimits": True,
            "speed-limit-down": 100,
            "speed-limit-down-enabled": False,
            "speed-limit-up": 20,
            "speed-limit-up-enabled": True,
        }
    ]
    assert older("group-set", name="slow", honorsSessionLimits=False)["result"] == "success"
    ((_, settings),) = grouped.asked
    assert settings["bandwidth_groups"]["slow"] == {**SLOW, "honors_session_limits": False}


UNKNOWN = {"external_address": "", "external_port": 6881, "port_is_mapped": False}


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        (
            {},
            {
                **UNKNOWN,
                "port_is_open": True,
                "ip_protocol": "ipv4",
                "last_incoming_date": int(NOW) - 9,
            },
        ),
        (
            {"ip_protocol": "ipv6"},
            {
                **UNKNOWN,
                "port_is_open": False,
                "ip_protocol": "ipv6",
                "last_incoming_date": int(NOW) - 3601,
            },
        ),
    ],
)
def test_who_came_lately_has_tested_the_port(
    caller: Any, session: Any, params: dict[str, Any], wanted: dict[str, Any]
) -> None:
    session.reached_at = {"ipv4": NOW - 9, "ipv6": NOW - 3601}
    assert caller.call("port_test", **params).result == wanted


def test_without_anybody_the_port_is_not_known_to_be_open(caller: Any) -> None:
    assert caller.call("port_test").result == {
        **UNKNOWN,
        "port_is_open": False,
        "last_incoming_date": 0,
    }
    answer = caller.call("port_test", ip_protocol="ipv4").result
    assert answer == {
        **UNKNOWN,
        "port_is_open": False,
        "last_incoming_date": 0,
        "ip_protocol": "ipv4",
    }
    assert caller.call("port_test", ip_protocol="ipv5").error[0] == -32602
