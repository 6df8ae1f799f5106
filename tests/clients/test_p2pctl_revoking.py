"""p2pctl swarm-ca revoke: with a folder of its own, and what it asks a daemon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from p2pd.formats.x509.pem import read_certificate
from p2pd.formats.x509.revocation import read_list

FUTURE = 4_000_000_000
ANSWER = {
    "revoked": [
        {"serial": "7b", "label": "bob", "names": ["film"], "revoked_date": 1_777_000_000,
         "expires_date": FUTURE, "along": False}
    ],
    "number": 4, "made_date": 1_777_000_000, "next_date": FUTURE, "hash_strings": ["ab" * 20],
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
    """Runs commands on a folder with a CA called films, which issued a certificate to bob."""

    def run(command: str, *arguments: str, **options: Any) -> Any:
        return p2pctl("swarm-ca", command, *arguments, "--folder", "cas", **options)

    done(run("create", "films"))
    done(run("issue", "films", "--label", "bob"))
    return run


def test_a_ca_in_a_folder_revokes_and_writes_its_list(ca: Any, here: Path) -> None:
    assert "films took no certificate back" in done(ca("revoked", "films"))
    said = done(ca("revoke", "films", "bob"))
    assert "bob" in said
    assert "list 1, good until " in said
    done(ca("revoked", "films", "-o", "films.crl"))
    done(ca("export", "films", "-o", "films.crt"))
    signer = read_certificate((here / "films.crt").read_text())
    serial = read_certificate((here / "bob.crt").read_text()).serial_number
    found = read_list((here / "films.crl").read_bytes(), signer)
    assert set(found.revoked) == {serial}
    assert ca("revoked", "films", "-o", "films.crl").exit_code == 1  # it is there already
    done(ca("revoked", "films", "-o", "films.crl", "--force"))
    assert "revoked" in done(ca("show", "films"))


def test_it_is_said_what_went_along(ca: Any, here: Path) -> None:
    done(ca("issue", "films", "-o", "a"))
    serial = f"{read_certificate((here / 'a.crt').read_text()).serial_number:x}"
    done(ca("renew", "films", serial, "-o", "b"))
    renewed = f"{read_certificate((here / 'b.crt').read_text()).serial_number:x}"
    only = done(ca("revoke", "films", serial, "--only-this"))
    assert renewed not in only
    assert "list 1" in only
    said = done(ca("revoke", "films", serial))
    assert f"1 certificate of the same line of renewals went along: {renewed}" in said.replace(
        "\n", " "
    )


def test_what_the_ca_did_not_issue_is_refused(ca: Any) -> None:
    refused = ca("revoke", "films", "eve")
    assert refused.exit_code == 1
    assert "no certificate with the label or serial 'eve'" in refused.output
    done(ca("revoke", "films", "ff", "--unknown"))
    assert json.loads(done(ca("revoked", "films", "--json")))["revoked"][0]["serial"] == "ff"


def test_a_daemon_is_asked(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["swarm_ca_revoke"] = ANSWER
    said = done(p2pctl("swarm-ca", "revoke", "films", "bob", "7c"))
    assert daemon.calls[-1] == (
        "swarm_ca_revoke",
        {"name": "films", "certificates": ["bob", "7c"], "unknown": False, "only_these": False},
    )  # fmt: skip
    assert "in force for 1 torrent here" in said
    daemon.answers["swarm_ca_revoked"] = {**ANSWER, "crl": "-----BEGIN…"}
    assert "bob" in done(p2pctl("swarm-ca", "revoked", "films"))


def test_a_list_is_handed_to_a_daemon(p2pctl: Any, daemon: Any, here: Path) -> None:
    (here / "films.crl").write_text("a list")
    (here / "films.crt").write_text("a CA")
    daemon.answers["swarm_ca_import_crl"] = ANSWER
    done(p2pctl("swarm-ca", "import-crl", "films.crl"))
    assert daemon.calls[-1] == ("swarm_ca_import_crl", {"crl": "a list"})
    said = done(p2pctl("swarm-ca", "import-crl", "films.crl", "--ca", "films.crt"))
    assert daemon.calls[-1] == ("swarm_ca_import_crl", {"crl": "a list", "ca": "a CA"})
    assert "list 4" in said
    missing = p2pctl("swarm-ca", "import-crl", "none.crl")
    assert missing.exit_code == 1
    assert "none.crl cannot be read" in missing.output
