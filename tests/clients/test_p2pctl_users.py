"""p2pctl users, keys, audit, login, logout and whoami."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from p2pd.base.errors import P2pdError
from p2pd.clients.cli.sizes import SIZE_OR_NONE
from p2pd.clients.key_file import forget_key, keep_key, kept_key, key_file

USER = {
    "name": "bob", "role": "operator", "has_password": True, "download_dir": "/bob",
    "labels": ["tv"], "own_only": False, "torrent_quota": 5, "size_quota": 2**40,
    "created_date": 1_700_000_000,
}  # fmt: skip
KEY = {
    "id": 3, "name": "phone\x1b[31m", "user": "bob", "role": "read-only", "labels": [],
    "created_date": 1_700_000_000, "expires_date": 0, "used_date": 0,
}  # fmt: skip
SELF = {
    "name": "bob", "role": "operator", "key": "phone", "download_dir": "/bob", "labels": ["tv"],
    "sees_all": False, "torrent_count": 2, "torrent_quota": 5, "size": 1024, "size_quota": -1,
}  # fmt: skip


def test_users_are_listed(p2pctl: Any, daemon: Any) -> None:
    other = USER | {"name": "eve", "role": "add-only", "has_password": False, "labels": []}
    daemon.answers["user_list"] = {"users": [USER, other | {"torrent_quota": -1}]}
    heading, bob, eve = p2pctl("users").output.splitlines()
    assert heading.split() == [
        "User", "Role", "Password", "Sees", "Torrents", "Size", "Labels", "Folder",
    ]  # fmt: skip
    assert bob.split() == ["bob", "operator", "yes", "labels", "5", "1.0", "TiB", "tv", "/bob"]
    assert eve.split() == ["eve", "add-only", "no", "own", "1.0", "TiB", "/bob"]
    assert json.loads(p2pctl("users", "--json").output)[0] == USER


def test_nobody_but_the_first_admin(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["user_list"] = {"users": []}
    assert "nobody but p2pd" in p2pctl("users").output


def test_a_user_is_added_with_a_password_from_stdin(p2pctl: Any, daemon: Any) -> None:
    result = p2pctl(
        "users", "add", "bob", "--role", "add-only", "--password", "--label", "tv", "--own",
        "--folder", "/bob", "--torrents", "5", "--size", "2TiB", input="correct horse\n",
    )  # fmt: skip
    assert result.output == "bob: added\n"
    assert daemon.asked("user_add") == [{
        "name": "bob", "role": "add-only", "password": "correct horse", "labels": ["tv"],
        "own_only": True, "download_dir": "/bob", "torrent_quota": 5, "size_quota": 2**41,
    }]  # fmt: skip
    assert p2pctl("users", "add", "eve", "--role", "admin", "--password", input="").exit_code == 2


def test_a_user_is_changed_given_torrents_and_removed(p2pctl: Any, daemon: Any) -> None:
    assert p2pctl("users", "set", "bob", "--size", "none", "--all", "--label", "").exit_code == 0
    assert p2pctl("users", "set", "bob", "--no-password", "--role", "admin").exit_code == 0
    assert daemon.asked("user_set") == [
        {"name": "bob", "size_quota": -1, "own_only": False, "labels": []},
        {"name": "bob", "password": "", "role": "admin"},
    ]
    assert p2pctl("users", "set", "bob").exit_code == 2
    assert p2pctl("users", "set", "bob", "--password", "--no-password").exit_code == 2
    assert p2pctl("users", "give", "bob", "1-2").output == "bob: has 2 torrents more\n"
    assert daemon.asked("user_give") == [{"name": "bob", "ids": [1, 2]}]
    assert json.loads(p2pctl("users", "remove", "bob", "--json").output) == {"name": "bob"}
    assert daemon.asked("user_remove") == [{"name": "bob"}]


def test_keys(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["api_key_list"] = {"keys": [KEY]}
    _, line = p2pctl("keys").output.splitlines()
    assert line.split()[:4] == ["3", "phone[31m", "bob", "read-only"]
    assert "never" in line
    daemon.answers["api_key_add"] = KEY | {"key": "p2pd_abc"}
    made = p2pctl("keys", "add", "phone", "--user", "bob", "--days", "3", "--label", "tv")
    assert made.stdout == "p2pd_abc\n"
    assert "shown this once" in made.stderr
    assert daemon.asked("api_key_add") == [
        {"name": "phone", "labels": ["tv"], "user": "bob", "days": 3}
    ]
    assert p2pctl("keys", "remove", "3").output == "key 3: revoked\n"
    assert daemon.asked("api_key_remove") == [{"id": 3}]


def entry(number: int, **other: Any) -> dict[str, Any]:
    return {
        "id": number, "time": 1_700_000_000, "user": "bob", "key": "phone", "method": "torrent_set",
        "address": "192.0.2.1", "ids": [1, 2], "params": '{"labels": ["x"]}', "result": "ok",
    } | other  # fmt: skip


def test_the_audit_log_is_told_the_latest_last(p2pctl: Any, daemon: Any) -> None:
    many = [*range(1, 12)]
    daemon.answers["audit_get"] = {"entries": [entry(2, ids=many, result="forbidden"), entry(1)]}
    _, first, last = p2pctl("audit", "--user", "bob").output.splitlines()
    assert "bob (phone)" in first
    assert "1,2  " in first
    assert first.endswith('{"labels": ["x"]}')
    assert "1,2,3,4,5,6,7,8 and 3 more" in last
    assert daemon.asked("audit_get") == [{"count": 50, "user": "bob", "method": ""}]
    daemon.answers["audit_get"] = {"entries": []}
    assert "nothing was changed" in p2pctl("audit").output


def test_more_than_a_page_of_it_is_asked_for_in_pages(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["audit_get"] = {"entries": [entry(n) for n in range(1000, 0, -1)]}
    rows = json.loads(p2pctl("audit", "--count", "1500", "--json").output)
    assert len(rows) == 2000
    assert [params.get("before") for params in daemon.asked("audit_get")] == [None, 1]


def test_who_am_i(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["user_self"] = SELF
    output = p2pctl("whoami").output
    assert "2 of 5" in output
    assert "some torrents" in output
    assert json.loads(p2pctl("whoami", "--json").output) == SELF


def test_a_login_is_kept_for_its_address_alone(p2pctl: Any, daemon: Any, invocation: Any) -> None:
    daemon.answers["user_self"] = SELF
    url = ("--url", "https://seedbox.test:9091/")
    said = p2pctl("login", *url, input="p2pd_key\n").output
    path = key_file(invocation.environ)
    assert said == f"you are bob (operator); the key is in {path}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    p2pctl("list", "--url", "https://seedbox.test:9091")
    assert set(daemon.tokens) == {"p2pd_key"}
    assert kept_key(invocation.environ, "https://other.test:9091") is None
    assert "forgotten" in p2pctl("logout", *url).output
    assert "no key" in p2pctl("logout", *url).output
    assert p2pctl("login", *url, input="\n").exit_code == 2


def test_a_key_that_the_daemon_refuses_is_not_kept(
    p2pctl: Any, daemon: Any, invocation: Any
) -> None:
    daemon.answers["user_self"] = {"error": {"code": 403, "message": "not permitted"}}
    assert p2pctl("login", input="p2pd_key\n").exit_code == 1
    assert not key_file(invocation.environ).exists()


def test_a_password_is_changed(p2pctl: Any, daemon: Any) -> None:
    assert p2pctl("passwd", input="old one\nnew one\n").output == "it is changed\n"
    assert daemon.asked("user_password") == [{"old": "old one", "new": "new one"}]


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', "[" * 9999])
def test_a_file_that_makes_no_sense_holds_no_key(tmp_path: Path, text: str) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    keep_key(environ, "http://a", "k")
    key_file(environ).write_text(text)
    assert kept_key(environ, "http://a") is None
    with pytest.raises(P2pdError, match="holds no keys"):
        forget_key(environ, "http://a")


@pytest.mark.parametrize(
    ("text", "size"),
    [("500", 500), ("2k", 2000), ("1.5 MiB", 1572864), ("2TB", 2 * 10**12), ("NONE", -1)],
)
def test_sizes(text: str, size: int) -> None:
    assert SIZE_OR_NONE.convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "-1", "1x", "999999999999P", "1 2"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(Exception, match=r"a size is|more than there is"):
        SIZE_OR_NONE.convert(text, None, None)
