"""Several users at one site: how each logs in, and nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from p2pd.control.access import passwords
from p2pd.control.auth import FIRST_DELAY, PROMPT_TRIES
from tests.control.access.users import FORBIDDEN, PASSWORD, as_user, code_of, key_of


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """scrypt at a cost for tests."""
    monkeypatch.setattr(passwords, "COSTS", (2, 1, 1))


def test_passwords_log_in_and_change(caller: Any, basic: Any) -> None:
    caller.call("user_add", name="bob", role="read-only", password=PASSWORD)
    call = {"jsonrpc": "2.0", "id": 1, "method": "user_self"}
    assert caller.post(call, Authorization=basic("bob", PASSWORD)).result["name"] == "bob"
    assert caller.post(call, Authorization=basic("bob", "wrong horse")).status == 401
    assert caller.post(call, Authorization=basic("eve", PASSWORD)).status == 401
    assert caller.post(call, Authorization=basic("bob", caller.token)).status == 401
    change = {**call, "method": "user_password", "params": {"old": "x", "new": "another one"}}
    header = basic("bob", PASSWORD)
    assert code_of(caller.post(change, Authorization=header)) == FORBIDDEN
    change["params"]["old"] = PASSWORD  # type: ignore[index]
    assert caller.post(change, Authorization=header).result == {}
    assert caller.post(call, Authorization=header).status == 401
    assert caller.post(call, Authorization=basic("bob", "another one")).status == 200
    assert code_of(caller.post(change)) == FORBIDDEN


def test_a_key_is_its_users_password_too(caller: Any, basic: Any) -> None:
    secret = key_of(caller, "read-only")
    call = {"jsonrpc": "2.0", "id": 1, "method": "user_self"}
    assert caller.post(call, Authorization=basic("bob", secret)).result["key"] == "k"
    assert caller.post(call, Authorization=basic("p2pd", secret)).status == 401
    caller.call("api_key_remove", id=1)
    assert caller.post(call, Authorization=basic("bob", secret)).status == 401


def test_no_secret_is_ever_shown(caller: Any) -> None:
    caller.call("user_add", name="bob", role="operator", password=PASSWORD)
    secret = caller.call("api_key_add", name="phone", user="bob", days=2).result["key"]
    users, keys = caller.call("user_list"), caller.call("api_key_list")
    assert users.result["users"][0]["has_password"] is True
    assert keys.result["keys"][0]["expires_date"] == 1_700_000_000 + 2 * 86400
    for answer in (users, keys):
        assert secret.encode() not in answer.body
        assert b"scrypt" not in answer.body


@pytest.mark.parametrize(
    "params",
    [{"name": "a:b"}, {"name": ""}, {"name": "admin"}, {"name": "p2pd"}, {"name": "x" * 65},
     {"name": "bob"}, {"role": "king"}, {"role": None}, {"password": "short"},
     {"torrent_quota": -2}, {"download_dir": "relative"}, {"labels": "tv"}, {"colour": "red"}],
)  # fmt: skip
def test_users_that_cannot_be(caller: Any, params: Any) -> None:
    caller.call("user_add", name="bob", role="read-only")
    given = {"name": "eve", "role": "operator", **params}
    assert code_of(caller.call("user_add", **given)) in (-32602, 3, 5)
    assert len(caller.call("user_list").result["users"]) == 1


def test_guessing_a_password_is_slowed_and_locked(caller: Any, basic: Any) -> None:
    caller.host = "198.51.100.1"
    caller.call("user_add", name="bob", role="read-only", password=PASSWORD)
    wrong = {"Authorization": basic("bob", "wrong horse")}
    for _ in range(PROMPT_TRIES):
        assert caller.send("GET", "/metrics", headers=wrong).status == 401
    for late in range(5):
        transport = caller.begin("GET", "/metrics", headers=wrong)
        caller.clock.advance(FIRST_DELAY * 2**late - 0.01)
        assert transport.value() == b""
        caller.clock.advance(0.02)
        assert caller.answer(transport).status == 401
    assert caller.send("GET", "/metrics", headers=wrong).status == 403
    right = {"Authorization": basic("bob", PASSWORD)}
    assert caller.send("GET", "/metrics", headers=right).status == 403
    caller.clock.advance(60)
    assert caller.send("GET", "/metrics", headers=right).status == 200


def test_a_big_body_of_a_user_who_was_not_looked_at_yet(caller: Any, basic: Any) -> None:
    caller.call("user_add", name="bob", role="operator", password=PASSWORD)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "user_self"}).encode()
    body += b" " * 200_000
    header = {"Authorization": basic("bob", PASSWORD)}
    assert caller.send("POST", "/rpc", body, header).result["name"] == "bob"
    assert caller.site.load.claimed == caller.site.load.bodies == 0


def test_behind_a_proxy(caller_with: Any, basic: Any) -> None:
    caller = caller_with(trusted_proxies=["127.0.0.1"])
    sent = {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Host": "seedbox.test"}
    call = b'{"jsonrpc": "2.0", "id": 1, "method": "session_stats"}'

    def post(path: str = "/rpc", **headers: str) -> int:
        given = sent | {name.replace("_", "-"): text for name, text in headers.items()}
        return int(caller.send("POST", path, call, given).status)

    assert post() == 200
    assert post(X_Forwarded_Host="evil.test") == 421
    assert post(Origin="https://seedbox.test") == 200
    assert post(Origin="http://127.0.0.1:9091") == 403
    assert post("/apps/rpc", X_Forwarded_Prefix="/apps") == 200
    assert post(X_Forwarded_Prefix="/apps") == 200
    assert post("/apps/rpc") == 404
    assert post("/appsrpc", X_Forwarded_Prefix="/apps") == 404
    for _ in range(8):
        caller.begin("GET", "/rpc", headers={**sent, "Authorization": "Bearer guess"})
    assert post() == 403
    assert post(X_Forwarded_For="198.51.100.2") == 200


def test_a_key_does_not_find_out_a_password(caller: Any) -> None:
    user = as_user(caller, "read-only", password=PASSWORD)
    for _ in range(8):
        assert "not the right one" in user.call("user_password", old="x", new=PASSWORD).error[1]
    tried = user.call("user_password", old=PASSWORD, new="another one")
    assert "an admin can set it" in tried.error[1]
    assert caller.call("user_set", name="bob", password=PASSWORD).result == {}
    assert user.call("user_password", old=PASSWORD, new="another one").result == {}


def test_refused_logins_are_counted(caller: Any) -> None:
    caller.post({}, Authorization=None)
    for _ in range(2):
        caller.post({}, Authorization="Bearer guess")
    page = caller.send("GET", "/metrics").body.decode()
    assert 'p2pd_rpc_logins_refused_total{reason="missing"} 1.0' in page
    assert 'p2pd_rpc_logins_refused_total{reason="wrong"} 2.0' in page
    assert "p2pd_rpc_passwords 0.0" in page
