"""Certificates that a CA takes back, over the API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p2pd.control.methods.swarm_ca_methods import SwarmCaParts
from p2pd.formats.x509.pem import read_certificate
from p2pd.formats.x509.revocation import read_list
from tests.automation.revocation_lists import FakeLists
from tests.automation.swarm_ca_world import World


@pytest.fixture
def films(tmp_path: Path, caller_with: Callable[..., Any], session: Any) -> Any:
    """The API of a node with the CA `films`, which issued a certificate to bob."""
    node = World(tmp_path).node("here")
    parts = SwarmCaParts(
        node.authorities, node.own, node.renewals, node.enrolments, lambda: [], "here"
    )
    site = caller_with(swarm_ca=parts)
    made = site.call("swarm_ca_create", name="films").result["ca"]
    session.certificates = FakeLists(read_certificate(made["certificate"])).api.certificates
    site.call("swarm_ca_issue", name="films", label="bob")
    return site


def test_a_certificate_is_revoked_by_label_or_serial(films: Any) -> None:
    other = films.call("swarm_ca_issue", name="films").result["serial"]
    first = films.call("swarm_ca_revoke", name="films", certificates=["bob"]).result
    assert [row["label"] for row in first["revoked"]] == ["bob"]
    assert (first["number"], first["hash_strings"]) == (1, ["ab" * 20])
    assert first["next_date"] > first["made_date"] > 0
    again = films.call("swarm_ca_revoke", name="films", certificates=[other.upper()]).result
    assert [row["serial"] for row in again["revoked"]] == [other]
    assert again["number"] == 2
    rows = films.call("swarm_ca_list", name="films").result["issued"]
    assert all(row["revoked_date"] for row in rows)


def test_renewals_go_along_unless_they_are_not_meant(films: Any) -> None:
    first = films.call("swarm_ca_issue", name="films").result["serial"]
    second = films.call("swarm_ca_renew", name="films", serial=first).result["serial"]
    revoke = {"name": "films", "certificates": [first]}
    only = films.call("swarm_ca_revoke", **revoke, only_these=True).result["revoked"]
    assert [(row["serial"], row["along"]) for row in only] == [(first, False)]
    both = films.call("swarm_ca_revoke", **revoke).result["revoked"]
    assert [(row["serial"], row["along"]) for row in both] == [(first, False), (second, True)]


def test_what_was_revoked_is_told_with_the_list(films: Any) -> None:
    none = films.call("swarm_ca_revoked", name="films").result
    assert (none["revoked"], none["number"], none["crl"]) == ([], 0, "")
    films.call("swarm_ca_revoke", name="films", certificates=["bob"])
    told = films.call("swarm_ca_revoked", name="films").result
    ca = read_certificate(films.call("swarm_ca_list").result["cas"][0]["certificate"])
    found = read_list(told["crl"].encode(), ca)
    assert [f"{serial:x}" for serial in found.revoked] == [told["revoked"][0]["serial"]]


def test_a_list_is_imported(films: Any) -> None:
    films.call("swarm_ca_revoke", name="films", certificates=["bob"])
    crl = films.call("swarm_ca_revoked", name="films").result["crl"]
    assert films.call("swarm_ca_import_crl", crl=crl).result["number"] == 1
    assert films.call("swarm_ca_import_crl", crl="rubbish").error == (
        5, "this is no revocation list, in PEM or DER",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"name": "films", "certificates": ["eve"]}, "no certificate with the label or serial"),
        ({"name": "books", "certificates": ["bob"]}, "no CA called 'books'"),
        ({"name": "films", "certificates": []}, "1 to 1000 certificates"),
        ({"name": "films", "certificates": "bob"}, "certificates"),
        ({"name": "films"}, "certificates"),
        ({"name": "films", "certificates": ["x" * 65]}, "certificates"),
        ({"name": "films", "certificates": ["bob"], "force": True}, "force"),
    ],
)
def test_what_makes_no_sense_is_refused(films: Any, params: Any, words: str) -> None:
    code, sentence = films.call("swarm_ca_revoke", **params).error
    assert code == -32602
    assert words in sentence
    assert films.call("swarm_ca_revoked", name="films").result["revoked"] == []
