"""qBittorrent's way to log in: a form, a cookie, and who is sent away."""

from __future__ import annotations

import json

import pytest

from p2pd.control.access.roles import METHODS, Role
from p2pd.control.auth import LOCK_SECONDS, MAX_TRIES
from p2pd.control.qbittorrent import login_sessions
from p2pd.control.qbittorrent.login_sessions import IDLE_SECONDS
from tests.control.qbittorrent_client import Client

TOKEN = "a-token-of-some-length"


@pytest.fixture
def stranger(caller, session):
    client = Client(caller, session)
    client.headers = {"Authorization": None}
    return client


def log_in(client, **fields):
    answer = client.post("auth/login", **({"username": "p2pd", "password": TOKEN} | fields))
    if "set-cookie" in answer.headers:
        client.headers["Cookie"] = answer.headers["set-cookie"][0].partition(";")[0]
    return answer


def test_who_logs_in_is_known_by_a_cookie_until_he_logs_out(stranger):
    assert stranger.get("app/version").status == 403
    answer = log_in(stranger)
    assert (answer.status, answer.body) == (200, b"Ok.")
    (cookie,) = answer.headers["set-cookie"]
    assert cookie.startswith("SID=")
    assert cookie.endswith("; HttpOnly; SameSite=Strict; Path=/")
    assert stranger.get("app/version").body == b"v4.6.7"
    assert "Max-Age=0" in stranger.post("auth/logout").headers["set-cookie"][0]
    assert stranger.get("app/version").status == 403


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "wrong"},
        {"username": "admin"},
        {"username": ""},
        {"username": "p2pd:x"},
        {"password": ""},
    ],
)
def test_wrong_credentials_get_no_cookie(stranger, fields):
    answer = log_in(stranger, **fields)
    assert (answer.status, answer.body) == (200, b"Fails.")
    assert "set-cookie" not in answer.headers


def test_a_login_without_a_form_fails(stranger):
    answer = stranger.post("auth/login")
    assert (answer.status, answer.body) == (200, b"Fails.")
    assert stranger.get("auth/login").status == 403


def test_a_form_in_parts_logs_in_as_well(stranger):
    answer = stranger.upload("auth/login", [], username="p2pd", password=TOKEN)
    assert answer.body == b"Ok."


def test_guessing_is_slowed(stranger):
    stranger.caller.host = "192.0.2.9"
    for _ in range(MAX_TRIES):
        assert log_in(stranger, password="wrong").body == b"Fails."
    assert log_in(stranger).status == 403
    stranger.caller.clock.advance(LOCK_SECONDS)
    assert log_in(stranger).body == b"Ok."


def test_a_session_that_nobody_uses_ends(stranger):
    log_in(stranger)
    stranger.caller.clock.advance(IDLE_SECONDS - 1)
    assert stranger.get("app/version").status == 200
    stranger.caller.clock.advance(IDLE_SECONDS)
    assert stranger.get("app/version").status == 403


def test_the_oldest_session_gives_way(stranger, monkeypatch):
    monkeypatch.setattr(login_sessions, "MAX_SESSIONS", 3)
    log_in(stranger)
    first = dict(stranger.headers)
    stranger.headers["Cookie"] = None
    for _ in range(3):
        log_in(stranger)
    assert stranger.get("app/version").status == 200
    stranger.headers = first
    assert stranger.get("app/version").status == 403


def test_the_cookie_is_good_for_this_dialect_alone(stranger):
    log_in(stranger)
    cookie = {"Authorization": None, "Cookie": stranger.headers["Cookie"]}
    assert stranger.caller.send("GET", "/metrics", headers=cookie).status == 401
    assert stranger.caller.send("POST", "/rpc", b"{}", headers=cookie).status == 401


def test_a_page_from_elsewhere_is_turned_away(stranger):
    log_in(stranger)
    stranger.headers["Origin"] = "http://elsewhere.test"
    assert stranger.get("app/version").status == 403
    stranger.headers["Origin"] = "http://127.0.0.1:9091"
    assert stranger.get("app/version").status == 200


def test_a_hostile_name_is_turned_away_also_at_the_login(stranger):
    stranger.headers["Host"] = "rebound.test"
    assert log_in(stranger).status == 421


def test_without_a_login_everybody_is_let_in(open_caller, session):
    client = Client(open_caller, session)
    assert client.get("app/version").status == 200
    assert client.post("auth/login", username="x", password="y").body == b"Ok."


def test_it_can_be_switched_off(caller_with, session):
    client = Client(caller_with(qbittorrent=False), session)
    assert client.get("app/version").status == 404
    assert client.post("auth/login", username="p2pd", password=TOKEN).status == 404


ROLES = [
    (Role.READ_ONLY, "torrents/info", {}, 200),
    (Role.READ_ONLY, "torrents/pause", {"hashes": "all"}, 403),
    (Role.ADD_ONLY, "torrents/pause", {"hashes": "all"}, 200),
    (Role.ADD_ONLY, "torrents/add", {"urls": "01" * 20}, 200),
    (Role.ADD_ONLY, "torrents/add", {"urls": "01" * 20, "category": "new"}, 403),
    (Role.ADD_ONLY, "app/setPreferences", {"json": "{}"}, 403),
    (Role.OPERATOR, "app/setPreferences", {"json": "{}"}, 200),
    (Role.OPERATOR, "app/shutdown", {}, 403),
    (Role.ADMIN, "app/shutdown", {}, 200),
]


@pytest.mark.parametrize(("role", "path", "params", "status"), ROLES)
def test_roles_hold_here_too(stranger, role, path, params, status):
    assert stranger.caller.call("user_add", name="kim", role=role).status == 200
    key = stranger.caller.call("api_key_add", user="kim", name="arr").result["key"]
    assert log_in(stranger, username="kim", password=key).body == b"Ok."
    assert stranger.post(path, **params).status == status


def test_who_changed_what_is_noted(stranger):
    log_in(stranger)
    stranger.caller.source.holds["http://tracker.test/secret"] = b"torrent"
    stranger.post("torrents/add", urls="http://tracker.test/secret\n" + "01" * 20, cookie="secret")
    stranger.post("torrents/pause", hashes="01" * 20)
    stranger.get("torrents/info")
    entries = stranger.caller.call("audit_get").result["entries"]
    assert [(entry["method"], entry["ids"]) for entry in entries] == [
        ("torrent_stop", ["01" * 20]), ("torrent_add", None),
    ]  # fmt: skip
    assert "/api/v2/torrents/add" in json.dumps(entries)
    assert "secret" not in json.dumps(entries)


def test_every_path_names_a_method_whose_rule_holds(caller):
    actions = caller.site.root.children[b"api"].children[b"v2"]._actions
    assert {action.method for action in actions.values()} <= set(METHODS)


def test_the_cookie_is_for_the_path_and_the_scheme_that_a_proxy_has(caller_with, session):
    client = Client(caller_with(trusted_proxies=["127.0.0.1"]), session)
    client.headers = {
        "Authorization": None, "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/apps/p2pd",
    }  # fmt: skip
    (cookie,) = log_in(client).headers["set-cookie"]
    assert cookie.endswith("; HttpOnly; SameSite=Strict; Path=/apps/p2pd/; Secure")
    assert client.get("app/version").status == 200
