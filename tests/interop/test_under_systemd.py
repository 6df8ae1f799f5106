"""The units as systemd runs them: every lock in place, a user of its own, its watchdog at hand."""

from __future__ import annotations

import json
import os

import pytest
from peers.payload import MIB, libtorrent_content, make_file
from peers.processes import wait_until
from peers.small_systemd import SmallSystemd, available

STATE = "/var/lib/p2pd"
AT_SEED = ["--url=http://127.0.0.1:9191", "--state-dir=/run/seed"]


@pytest.fixture
def systemd(work, ended_after):
    if os.geteuid() != 0 or not available():
        pytest.skip("it takes root, systemd and unshare")
    try:
        return ended_after(SmallSystemd(work / "systemd"))
    except (OSError, RuntimeError, TimeoutError) as problem:
        pytest.skip(f"no systemd can run here: {problem}")


def start_seed(systemd, content):
    """A daemon beside systemd, with none of the locks, that has the content."""
    folders = ["--state-dir=/run/seed", f"--download-dir={content.folder}"]
    systemd.start("p2pd", *folders, "--control-port=9191", "--peer-port=7000")
    wait_until(lambda: systemd.succeeds("p2pctl", "list", *AT_SEED), 20, "seed")
    systemd.run("p2pctl", "add", str(content.torrent), "--wait", "--timeout=30", *AT_SEED)


def wait_restarted(systemd):
    def restarted():
        return int(systemd.shows("NRestarts")) and systemd.shows("ActiveState") == "active"

    wait_until(restarted, 20, "p2pd again", details=systemd.log_text)


def test_it_downloads_reloads_and_restarts_with_every_lock_in_place(systemd, work):
    content = libtorrent_content(make_file(work / "original", 5 * MIB), "hybrid")
    start_seed(systemd, content)
    systemd.run("systemctl", "start", "p2pd.service")
    magnet = f"{content.magnet}&x.pe=127.0.0.1:7000"
    systemd.run("p2pctl", "add", magnet, "--wait", "--timeout=30")
    copy = f"{STATE}/Downloads/p2pd/{content.name}"
    systemd.run("cmp", str(content.path), copy)
    assert systemd.run("stat", "--dereference", "--format=%U %a", STATE).split() == ["p2pd", "700"]

    change = "s/^#* *max_connections = .*/max_connections = 321/"
    systemd.run("sed", "-i", change, "/etc/p2pd.toml")
    systemd.run("systemctl", "reload", "p2pd.service")
    wait_until(lambda: "1 changed" in systemd.shows("StatusText"), 10, "news of the reload")

    systemd.run("systemctl", "restart", "p2pd.service")
    (torrent,) = json.loads(systemd.run("p2pctl", "--json", "list"))
    assert torrent["percent_done"] == 1
    systemd.run("systemctl", "stop", "p2pd.service")
    assert systemd.shows("Result") == "success"
    log = systemd.log_text()
    assert "Traceback" not in log, log
    assert "rror" not in log, log


def test_a_daemon_that_hangs_is_killed_and_started_anew(systemd):
    systemd.set("WatchdogSec=1", "WatchdogSignal=SIGKILL", "RestartSec=0")
    systemd.run("systemctl", "start", "p2pd.service")
    assert systemd.shows("NRestarts") == "0"
    systemd.run("kill", "-STOP", systemd.shows("MainPID"))
    wait_restarted(systemd)
    systemd.run("p2pctl", "list")


def test_who_calls_starts_it_and_is_served_across_a_restart(systemd):
    systemd.run("systemctl", "start", "p2pd.socket")
    assert systemd.shows("ActiveState") == "inactive"
    ask = ["curl", "--silent", "--show-error", "--max-time", "20", "http://127.0.0.1:9091/rpc"]
    systemd.run(*ask)
    assert systemd.shows("ActiveState") == "active"
    systemd.run("systemctl", "restart", "--no-block", "p2pd.service")
    systemd.run(*ask)
    assert "rror" not in systemd.log_text()


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_token_may_be_a_credential(systemd, encrypted):
    token = "a-token-of-forty-letters-or-so-0123456789"
    keep = f"printf {token} > /etc/credstore/p2pd.control-token"
    if encrypted:
        sealed = "/etc/credstore.encrypted/p2pd.control-token"
        keep = f"mkdir -p /etc/credstore.encrypted; printf {token} | systemd-creds encrypt"
        keep += f" --with-key=host --name=p2pd.control-token - {sealed}"
        systemd.set("LoadCredentialEncrypted=p2pd.control-token")
    systemd.run("sh", "-c", keep)
    systemd.run("systemctl", "start", "p2pd.service")
    systemd.run("p2pctl", "list", f"--token={token}")
    assert not systemd.succeeds("test", "-e", f"{STATE}/control-token")


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_passphrase_of_private_keys_may_be_a_credential(systemd, encrypted):
    words = "words of the operator"
    keep = f"printf '%s\\n' '{words}' > /etc/credstore/p2pd-keys"
    line = "LoadCredential=p2pd-keys"
    if encrypted:
        sealed = "/etc/credstore.encrypted/p2pd-keys"
        keep = (
            f"mkdir -p /etc/credstore.encrypted; printf '%s\\n' '{words}' | systemd-creds encrypt"
        )
        keep += f" --with-key=host --name=p2pd-keys - {sealed}"
        line = "LoadCredentialEncrypted=p2pd-keys"
    systemd.run("sh", "-c", keep)
    systemd.set(line)
    systemd.run("systemctl", "start", "p2pd.service")
    systemd.run("p2pctl", "swarm-ca", "create", "films")
    key = f"{STATE}/swarm-ca/films/ca.key"
    assert "BEGIN ENCRYPTED PRIVATE KEY" in systemd.run("cat", key)
    systemd.run("openssl", "pkey", "-in", key, "-passin", f"pass:{words}", "-noout")
    assert "1 private key" in systemd.run("p2pctl", "backup", "/run/state.tar")
    systemd.run("systemctl", "restart", "p2pd.service")
    systemd.run("p2pctl", "swarm-ca", "issue", "films", "-o", "/run/bob")
    assert "rror" not in systemd.log_text()

    # Without it the daemon runs, says so, and issues nothing.
    systemd.set("")
    systemd.run("systemctl", "restart", "p2pd.service")
    assert not systemd.succeeds("p2pctl", "swarm-ca", "issue", "films", "-o", "/run/eve")
    assert "the private key is sealed, and no passphrase is given" in systemd.log_text()
    told = systemd.run("p2pctl", "backup", "/run/other.tar", "--json")
    assert json.loads(told)["key_count"] == 0
