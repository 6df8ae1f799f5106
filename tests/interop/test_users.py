"""Several users of one real daemon, with the HTTP clients that they use."""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from peers.p2pd_node import daemon_environment
from peers.payload import MIB, assert_same, libtorrent_content, make_file
from peers.processes import wait_until

PASSWORD = "correct horse battery"


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def post(node, authorization, method, headers=None, **params):
    """The status, and the result or the error's sentence."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{node.control_port}/rpc",
        body,
        {"Content-Type": "application/json", "Authorization": authorization, **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)
            return found["error"]["data"]["error_string"] if "error" in found else found["result"]
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


def add(node, authorization, content, **more):
    encoded = base64.b64encode(content.torrent.read_bytes()).decode()
    return post(node, authorization, "torrent_add", metainfo=encoded, paused=True, **more)


def shown(node, authorization):
    rows = post(node, authorization, "torrent_get", fields=["name", "owner", "labels"])
    return {row["name"]: (row["owner"], row["labels"]) for row in rows["torrents"]}


def p2pctl(node, *arguments, token=None, stdin=None, fails=False):
    token = token or (node.state_folder / "control-token").read_text().strip()
    result = subprocess.run(
        [sys.executable, "-c", "from p2pd.clients.cli.main import main; main()", *arguments],
        env={
            **os.environ, **daemon_environment(), "P2PCTL_TOKEN": token,
            "P2PCTL_URL": f"http://127.0.0.1:{node.control_port}",
        },
        capture_output=True, text=True, timeout=60, input=stdin,
    )  # fmt: skip
    assert bool(result.returncode) == fails, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_users_have_their_own_torrents_quotas_and_passwords(work, new_p2pd):
    node = new_p2pd()
    first = libtorrent_content(make_file(work / "a", MIB, name="first"), "v1")
    second = libtorrent_content(make_file(work / "b", 2 * MIB, name="second"), "v1")
    third = libtorrent_content(make_file(work / "c", MIB, name="third"), "v1")
    node.call("user_add", name="bob", role="add-only", password=PASSWORD, size_quota=2 * MIB)
    node.call("user_add", name="eve", role="operator", labels=["tv"], password=PASSWORD)
    key = node.call("api_key_add", name="look", user="eve", role="read-only")["key"]
    bob, eve, look = basic("bob", PASSWORD), basic("eve", PASSWORD), f"Bearer {key}"

    with ThreadPoolExecutor(12) as many:  # and all at once, as a browser begins
        answers = list(many.map(lambda _: post(node, bob, "user_self"), range(12)))
    assert [answer["name"] for answer in answers] == ["bob"] * 12

    assert "torrent_added" in add(node, bob, first)
    assert "may have 2097152 bytes" in add(node, bob, second)
    assert "torrent_added" in add(node, eve, second)
    assert "another user's" in add(node, eve, first)
    node.add(third.torrent)
    everything = {
        "first": ("bob", []), "second": ("eve", ["tv"]), "third": ("p2pd", []),
    }  # fmt: skip
    token = (node.state_folder / "control-token").read_text().strip()
    assert shown(node, f"Bearer {token}") == everything
    assert shown(node, bob) == {"first": everything["first"]}
    assert shown(node, eve) == shown(node, look) == {"second": everything["second"]}
    assert "not for eve" in post(node, look, "torrent_stop")
    assert "not for eve" in post(node, eve, "session_set", upload_slots=9)
    assert "not for bob" in post(node, bob, "user_list")
    assert post(node, basic("bob", "no such word"), "user_self") == 401
    assert post(node, basic("bob", PASSWORD), "user_self")["size"] == MIB

    node.kill()
    node.start()
    assert shown(node, bob) == {"first": everything["first"]}
    assert shown(node, look) == {"second": everything["second"]}
    noted = node.call("audit_get")["entries"]
    assert {(entry["user"], entry["method"], entry["result"]) for entry in noted} >= {
        ("p2pd", "user_add", "ok"), ("bob", "torrent_add", "ok"),
        ("bob", "torrent_add", "forbidden"), ("p2pd", "api_key_add", "ok"),
    }  # fmt: skip
    assert PASSWORD not in json.dumps(noted)
    assert key not in json.dumps(noted)
    node.check_healthy()
    assert PASSWORD not in node.log_text()


def test_transmission_remote_logs_in_with_a_password(work, new_p2pd):
    if shutil.which("transmission-remote") is None:
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail("transmission-remote is not installed, and CI must run every interop test")
        pytest.skip("transmission-remote is not installed")
    node = new_p2pd()
    content = libtorrent_content(make_file(work, MIB, name="film"), "v1")
    node.call("user_add", name="bob", role="add-only", password=PASSWORD)
    node.call("user_add", name="tim", role="read-only", password=PASSWORD)

    def run(user, *arguments):
        where = f"127.0.0.1:{node.control_port}"
        command = ["transmission-remote", where, "--auth", f"{user}:{PASSWORD}", *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30)
        return result.stdout + result.stderr

    assert '"success"' in run("bob", "--add", str(content.torrent), "--start-paused")
    assert "film" in run("bob", "--list")
    assert "film" in run("tim", "--list")
    assert "not for tim" in run("tim", "--torrent", "1", "--start")
    assert "not for bob" in run("bob", "--downlimit", "100")
    assert "success" in run("bob", "--torrent", "1", "--verify")
    node.check_healthy()


def test_a_backup_has_the_users_and_no_file_is_for_others(work, new_p2pd):
    node = new_p2pd()
    node.share(libtorrent_content(make_file(work / "a", MIB), "v1"))
    node.call("user_add", name="bob", role="read-only", password=PASSWORD)
    key = node.call("api_key_add", name="k", user="bob")["key"]
    backup = work / "state.tar"
    p2pctl(node, "backup", str(backup))
    for path in [node.state_folder, *node.state_folder.rglob("*"), backup]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0, f"{path} has the mode {mode:o}"
    for path in node.state_folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert PASSWORD.encode() not in data, path
            assert key.encode() not in data, path
    node.terminate()
    other = new_p2pd("other")
    p2pctl(other, "restore", str(backup))
    assert post(other, basic("bob", PASSWORD), "user_self")["role"] == "read-only"
    assert post(other, f"Bearer {key}", "user_self")["key"] == "k"
    other.check_healthy()


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to be another user")
def test_a_user_of_the_unix_socket_has_a_role(new_p2pd):
    program = """
import json, socket, sys
path, method, header = sys.argv[1:]
body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}}).encode()
s = socket.socket(socket.AF_UNIX)
s.connect(path)
s.sendall(b"POST /rpc HTTP/1.0\\r\\nHost: localhost\\r\\nContent-Length: %d\\r\\n"
          b"Content-Type: application/json\\r\\n%b\\r\\n%b" % (len(body), header.encode(), body))
print(s.makefile("rb").read().decode())
"""

    def call(method, header=""):
        result = subprocess.run(
            ["/usr/bin/python3", "-c", program, str(path), method, header],
            user=65534, group=65534, extra_groups=[], capture_output=True, text=True, timeout=20,
            cwd="/",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return result.stdout

    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder) / "control.sock"
        node = new_p2pd(settings={
            "control.socket": str(path), "control.socket_users": '["nobody:read-only"]',
        })  # fmt: skip
        assert '"name":"nobody","role":"read-only"' in call("user_self")
        assert "not for nobody" in call("torrent_stop")
        assert " 401 " in call("user_self", "X-Forwarded-Proto: https\r\n").splitlines()[0]
        node.check_healthy()


def test_behind_a_proxy_on_a_path(new_p2pd):
    node = new_p2pd(settings={
        "control.trusted_proxies": '["127.0.0.1"]', "control.allowed_hosts": '["seedbox.test"]',
    })  # fmt: skip
    token = (node.state_folder / "control-token").read_text().strip()
    sent = {
        "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "seedbox.test", "X-Forwarded-Prefix": "/apps/p2pd",
        "Origin": "https://seedbox.test",
    }  # fmt: skip
    described = post(node, f"Bearer {token}", "system_methods", sent)
    assert described["servers"] == [{"url": "https://seedbox.test/apps/p2pd/rpc"}]
    post(node, f"Bearer {token}", "torrent_stop", sent)
    assert node.call("audit_get", count=1)["entries"][0]["address"] == "192.0.2.7"
    assert post(node, f"Bearer {token}", "user_self", {**sent, "X-Forwarded-Host": "x.test"}) == 421
    node.check_healthy()


def test_a_link_that_turns_out_too_big_is_stopped(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", 2 * MIB), "v1")
    seed, node = new_libtorrent(), new_p2pd()
    seed.share(content)
    node.call("user_add", name="bob", role="add-only", password=PASSWORD, size_quota=MIB)
    bob = basic("bob", PASSWORD)
    link = f"{content.magnet}&x.pe={seed.host}:{seed.port}"
    added = post(node, bob, "torrent_add", filename=link, paused=False)
    node.hash_string = added["torrent_added"]["hash_string"]
    wait_until(
        lambda: node.torrent("status", "metadata_percent_complete")
        == {"status": 0, "metadata_percent_complete": 1},
        20, "the end of it", details=node.log_tail,
    )  # fmt: skip
    assert node.bytes_verified() < 2 * MIB
    assert node.torrent("download_dir")["download_dir"] == str(node.downloads / "bob")
    assert "may have 1048576 bytes" in post(node, bob, "torrent_start", ids=[node.hash_string])
    assert node.torrent("status")["status"] == 0
    node.call("user_set", name="bob", size_quota=3 * MIB)
    post(node, bob, "torrent_start", ids=[node.hash_string])
    node.wait_seeding()
    assert_same(content.path, node.downloads / "bob" / content.name)
    node.check_healthy()


def test_p2pctl_makes_users_and_keys_and_logs_in(work, new_p2pd):
    node = new_p2pd()
    p2pctl(node, "users", "add", "bob", "--role", "add-only", "--password", stdin=PASSWORD + "\n")
    assert "bob" in p2pctl(node, "users")
    key = p2pctl(node, "keys", "add", "phone", "--user", "bob").splitlines()[0]
    assert post(node, basic("bob", PASSWORD), "user_self")["name"] == "bob"
    assert "add-only" in p2pctl(node, "whoami", token=key)
    assert "not for bob" in p2pctl(node, "users", token=key, fails=True)
    told = p2pctl(node, "audit")
    assert "user_add" in told
    assert "127.0.0.1" in told
    assert PASSWORD not in told

    program = "from p2pd.clients.cli.main import main; main()"
    home = {"HOME": str(work), "P2PCTL_URL": f"http://127.0.0.1:{node.control_port}"}

    def at_home(*arguments, stdin=""):
        result = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env={"PATH": os.environ["PATH"], **daemon_environment(), **home},
            capture_output=True, text=True, timeout=60, input=stdin,
        )  # fmt: skip
        return result.stdout + result.stderr

    assert "you are bob (add-only)" in at_home("login", stdin=f"{key}\n")
    assert stat.S_IMODE((work / ".config" / "p2pd" / "keys.json").stat().st_mode) == 0o600
    assert "phone" in at_home("whoami")
    p2pctl(node, "keys", "remove", "1")
    assert "does not accept" in at_home("whoami")
    assert "forgotten" in at_home("logout")
    node.check_healthy()
