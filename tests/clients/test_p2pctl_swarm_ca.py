"""p2pctl swarm-ca: with a folder of its own, and what it asks a daemon."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from p2pd.clients.cli.swarm_ca_tables import issued_table
from p2pd.formats.metainfo import parse_torrent
from p2pd.formats.x509.peer_names import names
from p2pd.formats.x509.pem import (
    belongs,
    private_key_pem,
    read_certificate,
    read_private_key,
    request_pem,
)
from p2pd.formats.x509.server_names import is_for_host
from p2pd.formats.x509.swarm_ca import is_issued_by, new_key, new_request, read_ca

FUTURE = 4_000_000_000
OWN = {
    "id": "00112233aabbccdd", "serial": "7b", "names": ["film"], "label": "here",
    "ca_name": "CN=films", "ca_fingerprint": "ab" * 32, "addresses": ["http://10.0.0.5:9091"],
    "valid_date": 1, "expires_date": FUTURE, "renewal_date": FUTURE - 1, "problem": "",
}  # fmt: skip
CA = {
    "name": "films", "problem": "", "certificate": "-----BEGIN…", "valid_date": 1,
    "expires_date": FUTURE, "fingerprint": "cd" * 32, "names": [], "usual_days": 30.0,
    "most_days": 3650.0, "issued_count": 2, "revoked_count": 0, "token_count": 1, "warnings": [],
}  # fmt: skip
TOKEN = {
    "token": "p2pd-enrol-1.AAAA", "id": "0011", "names": ["*"], "uses": 2, "used": 0,
    "addresses": ["http://10.0.0.5:9091"], "expires_date": FUTURE, "created_date": 1, "label": "",
    "days": 30.0, "renewable": True, "hash_strings": [],
}  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def done(result: Any) -> str:
    assert result.exit_code == 0, result.output
    return str(result.output)


@pytest.fixture
def ca(p2pctl: Any, here: Path) -> Any:
    """Runs commands on a folder with a CA called films."""

    def run(command: str, *arguments: str, **options: Any) -> Any:
        return p2pctl("swarm-ca", command, *arguments, "--folder", "cas", **options)

    done(run("create", "films"))
    return run


def test_whose_certificates_they_are_is_seen_in_eighty_columns() -> None:
    row = {
        "serial": "6a" * 20, "names": ["a film with a long name.mkv"], "label": "seed-1",
        "issued_date": 1, "expires_date": FUTURE, "revoked_date": 2, "way": "token 0011",
        "renewable": True,
    }  # fmt: skip
    narrow = [line.text for line in issued_table([row]).lines(80)]
    assert max(map(len, narrow)) <= 80
    assert narrow[0].split() == ["Label", "Serial", "State", "Expires"]
    assert narrow[1].split()[:3] == ["seed-1", "6a" * 20, "revoked"]
    assert "token 0011" in issued_table([row]).lines()[1].text


def test_why_a_certificate_is_not_renewed_is_said_in_full(p2pctl: Any, daemon: Any) -> None:
    why = "http://10.0.0.5:9091 refuses: it does not have that CA, and says so in many words"
    daemon.answers["swarm_ca_list"] = {"cas": [], "certificates": [{**OWN, "problem": why}]}
    shown = done(p2pctl("swarm-ca")).splitlines()
    assert shown[-1] == f"films: {why}"
    assert "not yet" in shown[-2]


def test_a_folder_needs_no_daemon(ca: Any, daemon: Any, here: Path) -> None:
    said = done(ca("issue", "films", "--for", "film", "--label", "bob"))
    assert "for film, until" in said
    assert "bob.key: its private key, for nobody else" in said
    made = read_certificate((here / "bob.crt").read_bytes())
    authority = read_ca((here / "bob-ca.crt").read_bytes())
    assert is_issued_by(made, authority)
    assert names(made) == ("film",)
    assert belongs(made, read_private_key((here / "bob.key").read_bytes()))
    assert stat.S_IMODE(os.stat("bob.key").st_mode) == 0o600
    assert stat.S_IMODE(os.stat("cas/films").st_mode) == 0o700
    assert daemon.calls == []
    shown = done(ca("show", "films"))
    assert f"{made.serial_number:x}" in shown
    assert "bob" in shown
    assert "films" in done(ca("list"))


def test_a_server_gets_one_in_one_command(ca: Any, here: Path) -> None:
    hosts = ("--server", "tracker.example.org", "--server", "192.0.2.7")
    said = done(ca("issue", "films", *hosts, "--days", "365", "-o", "tracker"))
    assert "for the server tracker.example.org, 192.0.2.7, until" in said
    made = read_certificate((here / "tracker.crt").read_bytes())
    assert is_for_host(made, "192.0.2.7")
    assert is_for_host(made, "tracker.example.org")
    refused = ca("issue", "films", *hosts, "--for", "film")
    assert refused.exit_code == 2
    assert "--server is for a server" in refused.output
    assert "no name or address" in ca("issue", "films", "--server", "a b", "-o", "x").output


def test_what_a_ca_issued_is_renewed(ca: Any, here: Path) -> None:
    done(ca("issue", "films", "-o", "bob", "--days", "2"))
    first = read_certificate((here / "bob.crt").read_bytes())
    done(ca("renew", "films", f"{first.serial_number:x}", "-o", "again"))
    second = read_certificate((here / "again.crt").read_bytes())
    assert second.public_key() == first.public_key()
    assert not (here / "again.key").exists()
    assert ca("renew", "films", "77").exit_code == 1
    assert ca("renew", "films").exit_code == 2


def test_a_key_can_stay_where_it_is(ca: Any, here: Path) -> None:
    key = new_key()
    (here / "bob.csr").write_text(request_pem(new_request(key)))
    done(ca("issue", "films", "--request", "bob.csr", "-o", "bob"))
    assert belongs(read_certificate((here / "bob.crt").read_bytes()), key)
    assert not (here / "bob.key").exists()


def test_nothing_is_issued_that_cannot_be_written(ca: Any, here: Path) -> None:
    (here / "bob.key").write_text("mine")
    result = ca("issue", "films", "-o", "bob")
    assert (result.exit_code, "bob.key is there already" in result.output) == (1, True)
    assert "Certificates" not in done(ca("show", "films"))
    done(ca("issue", "films", "-o", "bob", "--force"))
    assert "PRIVATE KEY" in (here / "bob.key").read_text()
    assert stat.S_IMODE(os.stat("bob.key").st_mode) == 0o600


def test_a_ca_may_be_for_some_torrents_alone(p2pctl: Any, ca: Any) -> None:
    done(ca("create", "one", "--for", "film", "--most-days", "9", "--usual-days", "9"))
    for arguments, words in [
        (["--for", "other"], "the CA is not for 'other', but for 'film' alone"),
        ([], "the CA is not for all torrents"),
        (["--for", "film", "--days", "10"], "9 days at most"),
        (["--request", "gone"], "gone cannot be read: No such file"),
        (["--torrent", "1"], "with --folder say --for"),
    ]:
        result = ca("issue", "one", *arguments)
        assert result.exit_code in (1, 2)
        assert words in result.output
    assert "there is a CA called 'one' already" in ca("create", "one").output
    assert "there is no CA called 'gone' here" in ca("show", "gone").output


def test_the_key_is_sealed_with_a_passphrase(
    ca: Any, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2pd.formats.x509.keys_at_rest.SCRYPT_P", 1)  # which is quicker
    (here / "words").write_text("correct horse\n")
    done(ca("create", "shut", "--passphrase-file", "words"))
    assert "ENCRYPTED" in (here / "cas/shut/ca.key").read_text()
    done(ca("issue", "shut", "--passphrase-file", "words"))
    assert "no passphrase is given" in ca("issue", "shut", "-o", "x").output
    (here / "words").write_text("wrong\n")
    assert (
        "another passphrase" in ca("issue", "shut", "-o", "x", "--passphrase-file", "words").output
    )
    assert "cannot be read" in ca("issue", "shut", "-o", "x", "--passphrase-file", "gone").output


def test_a_torrent_is_made_private_to_a_file(p2pctl: Any, ca: Any, here: Path, daemon: Any) -> None:
    done(ca("export", "films", "-o", "films.crt"))
    assert done(ca("export", "films")) == (here / "films.crt").read_text()
    (here / "film").write_bytes(b"x" * 20_000)
    with (here / "films.crt").open("a") as file:
        file.write(private_key_pem(new_key()))
    done(p2pctl("create", "film", "--tls-ca", "films.crt"))
    torrent = (here / "film.torrent").read_bytes()
    parse_torrent(torrent)
    assert b"8:ssl-cert" in torrent
    assert b"PRIVATE" not in torrent
    assert daemon.calls == []


def test_a_torrent_is_made_private_to_a_ca_of_the_daemon(
    p2pctl: Any, ca: Any, here: Path, daemon: Any
) -> None:
    certificate = done(ca("export", "films"))
    (here / "film").write_bytes(b"x" * 20_000)
    daemon.answers["swarm_ca_list"] = {"cas": [{**CA, "certificate": certificate}]}
    done(p2pctl("create", "film", "--tls-ca", "films"))
    assert b"8:ssl-cert" in (here / "film.torrent").read_bytes()
    assert daemon.asked("swarm_ca_list") == [{"name": "films"}]
    daemon.answers["swarm_ca_list"] = {
        "cas": [{"name": "films", "problem": "it is damaged", "warnings": []}]
    }
    assert "it is damaged" in p2pctl("create", "film", "--force", "--tls-ca", "films").output


@pytest.mark.parametrize(
    ("content", "words"), [("hello", "is no PEM"), (None, "there is no such file")]
)
def test_what_is_no_ca_makes_no_torrent(
    p2pctl: Any, here: Path, content: str | None, words: str
) -> None:
    (here / "film").write_bytes(b"x" * 20_000)
    if content is not None:
        (here / "ca.pem").write_text(content)
    result = p2pctl("create", "film", "--tls-ca", "ca.pem")
    assert result.exit_code == 1
    assert words in result.output


def test_a_daemon_is_asked_the_same(p2pctl: Any, daemon: Any, here: Path) -> None:
    daemon.answers["swarm_ca_create"] = {"ca": CA}
    said = done(p2pctl("swarm-ca", "create", "films", "--days", "100", "--for", "film"))
    assert daemon.asked("swarm_ca_create") == [{"name": "films", "names": ["film"], "days": 100.0}]
    assert "p2pctl create PATH --tls-ca films" in said


def test_a_token_is_all_that_stdout_has(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["swarm_ca_token"] = TOKEN
    result = p2pctl(
        "swarm-ca", "token", "films", "--torrent", "other", "--uses", "2", "--hours", "5",
        "--address", "http://10.0.0.5:9091", "--once",
    )  # fmt: skip
    done(result)
    assert result.stdout == "p2pd-enrol-1.AAAA\n"
    assert "for 2 nodes until" in result.stderr
    assert "all torrents of the CA" in result.stderr
    assert daemon.asked("swarm_ca_token") == [
        {"name": "films", "names": [], "addresses": ["http://10.0.0.5:9091"], "ids": [2],
         "uses": 2, "hours": 5.0, "label": "", "renewable": False},
    ]  # fmt: skip
    done(p2pctl("swarm-ca", "token", "films", "--revoke", "0011"))
    assert daemon.asked("swarm_ca_token_remove") == [{"name": "films", "id": "0011"}]


def test_what_came_of_a_token_is_told(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["swarm_ca_enrol"] = {
        "certificate_of_node": OWN, "ca": "…", "ids": [4], "added": [4],
        "problems": ["other: it is of another CA than the certificate"],
    }  # fmt: skip
    result = p2pctl("swarm-ca", "enrol", "-", "--torrent", "2", "--paused", input="p2pd-enrol…\n")
    assert done(result).splitlines()[1:3] == ["torrent 4: added", "torrent 4: has the certificate"]
    assert result.stdout.startswith("enrolled with films, for film, until ")
    assert "other: it is of another CA" in result.stderr
    assert daemon.asked("swarm_ca_enrol") == [
        {"token": "p2pd-enrol…\n", "ids": [2], "paused": True, "add": True, "label": ""}
    ]
    assert daemon.patiently == ["swarm_ca_enrol"]


def test_the_nodes_own_certificates_are_listed_and_renewed(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["swarm_ca_list"] = {"cas": [CA], "certificates": [OWN]}
    daemon.answers["swarm_ca_renew"] = {"certificate_of_node": OWN}
    for arguments in (["list"], []):
        said = done(p2pctl("swarm-ca", *arguments))
        assert "Certificates of this node:" in said
        assert "http://10.0.0.5:9091" in said
    done(p2pctl("swarm-ca", "renew"))
    assert daemon.asked("swarm_ca_renew") == [{"id": OWN["id"]}]
    soon = {**CA, "warnings": ["the CA films ends on 2026-05-09 12:00 UTC"]}
    daemon.answers["swarm_ca_list"] = {"cas": [soon], "certificates": []}
    assert "the CA films ends on 2026-05-09" in p2pctl("swarm-ca").output
    daemon.answers["swarm_ca_list"] = {
        **daemon.answers["swarm_ca_list"],
        "issued": [],
        "tokens": [],
    }
    assert "the CA films ends on 2026-05-09" in p2pctl("swarm-ca", "show", "films").output
    daemon.answers["swarm_ca_list"] = {"cas": [], "certificates": []}
    assert "there are no CAs: p2pctl swarm-ca create NAME" in done(p2pctl("swarm-ca"))
    assert p2pctl("swarm-ca", "renew").exit_code == 1


def test_answers_in_json(p2pctl: Any, daemon: Any, ca: Any) -> None:
    import json

    daemon.answers["swarm_ca_token"] = TOKEN
    daemon.answers["swarm_ca_enrol"] = {"certificate_of_node": OWN}
    assert json.loads(p2pctl("swarm-ca", "token", "films", "--json").stdout) == TOKEN
    assert json.loads(p2pctl("swarm-ca", "enrol", "x", "--json").stdout)
    assert json.loads(ca("show", "films", "--json").stdout)["issued"] == []
    assert json.loads(ca("issue", "films", "--json").stdout)["files"]["ca"] == "films-peer-ca.crt"
    assert json.loads(ca("list", "--json").stdout)["cas"][0]["name"] == "films"


def test_a_passphrase_is_for_a_folder(p2pctl: Any) -> None:
    result = p2pctl("swarm-ca", "create", "x", "--passphrase-file", "y")
    assert (result.exit_code, "--passphrase-file is for --folder" in result.output) == (2, True)


def test_a_list_of_a_ca_in_a_folder_is_renewed_before_it_is_over(
    ca: Any, p2pctl: Any, daemon: Any
) -> None:
    done(ca("issue", "films", "--label", "bob"))
    assert "took no certificate back" in done(ca("revoked", "films", "--renew"))
    done(ca("revoke", "films", "bob"))
    assert "list 1, good until" in done(ca("revoked", "films"))
    said = done(ca("revoked", "films", "--renew", "--output", "films.crl"))
    assert "list 2, good until" in said
    assert "bob" in said
    assert "list 2, good until" in done(ca("revoked", "films"))
    assert Path("films.crl").read_text().startswith("-----BEGIN X509 CRL-----")
    result = p2pctl("swarm-ca", "revoked", "films", "--renew")
    assert result.exit_code == 2
    assert "a daemon renews its lists itself" in result.output
    assert daemon.calls == []
