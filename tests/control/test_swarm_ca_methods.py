"""CAs over the API, and what other nodes ask of them without a login."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2pd.formats.metainfo import parse_torrent
from p2pd.formats.x509.pem import read_certificate, request_pem
from p2pd.formats.x509.swarm_ca import is_issued_by, new_key, new_request, read_ca
from p2pd.protocols.enrolment.exchange import MAX_REQUEST
from p2pd.protocols.enrolment.token import read_token
from tests.automation.swarm_ca_world import Node, World, torrent_of
from tests.control.conftest import ADDRESS, swarm_ca_parts


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return World(tmp_path).node("here")


@pytest.fixture
def site(node: Node, caller_with: Callable[..., Any]) -> Any:
    """The API of a node, which has one torrent of its CA `films`, and one of no CA."""
    return caller_with(swarm_ca=swarm_ca_parts(node))


@pytest.fixture
def films(site: Any, session: Any) -> Any:
    made = site.call("swarm_ca_create", name="films").result["ca"]
    session.metainfos = {
        1: parse_torrent(torrent_of(made["certificate"])), 2: parse_torrent(torrent_of(None)),
    }  # fmt: skip
    return site


def made_token(site: Any, **params: Any) -> str:
    return str(site.call("swarm_ca_token", name="films", **params).result["token"])


def asked(node: Node, token: str) -> bytes:
    """What a new node sends."""
    from p2pd.automation.swarm_ca.asking import with_token

    return with_token(read_token(token), "new").asking.body


def enrol(site: Any, body: bytes, **headers: str) -> Any:
    return site.send("POST", "/enrol", body, {"Authorization": None, **headers})


def test_a_ca_is_made_and_listed(films: Any) -> None:
    (row,) = films.call("swarm_ca_list").result["cas"]
    assert row["name"] == "films"
    assert (row["usual_days"], row["most_days"], row["names"]) == (30.0, 3650.0, [])
    assert (row["issued_count"], row["token_count"], row["problem"]) == (0, 0, "")
    assert read_ca(row["certificate"]).subject.rfc4514_string() == "CN=films"


def test_a_certificate_is_for_a_server_or_for_peers(films: Any) -> None:
    hosts = ["Tracker.example.org", "192.0.2.7"]
    given = films.call("swarm_ca_issue", name="films", hosts=hosts).result
    assert given["names"] == []
    assert given["hosts"] == ["tracker.example.org", "192.0.2.7"]
    (row,) = films.call("swarm_ca_list", name="films").result["issued"]
    assert (row["names"], row["server"]) == (given["hosts"], True)
    again = films.call("swarm_ca_renew", name="films", serial=given["serial"]).result
    assert again["hosts"] == given["hosts"]
    both = films.call("swarm_ca_issue", name="films", hosts=hosts, names=["film"]).error
    assert both == (-32602, "a certificate is for a server (hosts) or for torrents (names, ids)")
    _, sentence = films.call("swarm_ca_issue", name="films", hosts=["https://a.org/"]).error
    assert sentence == "this is no name or address of a host: 'https://a.org/'"


def test_certificates_are_issued_for_keys_of_here_or_elsewhere(films: Any) -> None:
    given = films.call("swarm_ca_issue", name="films", label="bob").result
    assert given["names"] == ["*"]
    assert given["private_key"].startswith("-----BEGIN PRIVATE KEY-----")
    assert is_issued_by(read_certificate(given["certificate"]), read_ca(given["ca"]))
    request = request_pem(new_request(new_key()))
    by_request = films.call("swarm_ca_issue", name="films", ids=[1], request=request).result
    assert (by_request["names"], by_request["private_key"]) == (["film"], "")
    found = films.call("swarm_ca_list", name="films").result
    assert [(row["label"], row["names"]) for row in found["issued"]] == [
        ("bob", ["*"]), ("", ["film"]),
    ]  # fmt: skip


def test_what_was_issued_is_renewed_by_serial(films: Any) -> None:
    serial = films.call("swarm_ca_issue", name="films", days=2).result["serial"]
    again = films.call("swarm_ca_renew", name="films", serial=serial).result
    assert again["serial"] != serial
    assert films.call("swarm_ca_renew", name="films", serial="77").error == (
        -32602, "the CA knows no certificate with the serial 77",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("create", {"name": "films"}, "there is a CA called 'films' already"),
        ("create", {"name": "../x"}, "a CA's name has 1 to 64 letters"),
        ("create", {"name": "x", "days": 0}, "days must be between 1/24 (one hour) and 36500"),
        (
            "create",
            {"name": "x", "usual_days": 0.01},
            "usual_days must be between 1/24 (one hour) and 3650",
        ),
        ("create", {"name": "x", "colour": 1}, "cannot be set here: colour"),
        ("list", {"name": "music"}, "there is no CA called 'music' here"),
        ("issue", {"name": "music"}, "there is no CA called 'music' here"),
        ("issue", {"name": "films", "request": "x"}, "the certificate request is no PEM"),
        ("issue", {"name": "films", "ids": [9]}, "there is no torrent '9'"),
        ("issue", {"name": "films", "ids": [2]}, "it is not private to the CA 'films'"),
        (
            "issue",
            {"name": "films", "days": 99999},
            "days must be between 1/24 (one hour) and 3650",
        ),
        ("renew", {}, "say name and serial"),
        ("renew", {"name": "films", "serial": "zz"}, "serial: 'zz' is no serial"),
        ("renew", {"id": "0011223344556677"}, "this node has no certificate"),
        ("token", {"name": "films", "uses": 0}, "uses must be between"),
        ("token", {"name": "films", "addresses": ["x"]}, "this is no address of a node"),
        ("token_remove", {"name": "films", "id": "x"}, "the CA has no token 'x'"),
        ("enrol", {"token": "x"}, "this is no enrolment token"),
    ],
)
def test_what_is_refused_in_words(
    films: Any, method: str, params: dict[str, Any], words: str
) -> None:
    _, sentence = films.call(f"swarm_ca_{method}", **params).error
    assert words in sentence


def test_a_magnet_without_metadata_goes_with_no_token(films: Any, session: Any) -> None:
    session.metainfos.clear()
    _, sentence = films.call("swarm_ca_token", name="films", ids=[1]).error
    assert "its metadata is not here yet" in sentence


def test_a_token_says_where_to_ask_and_what_for(films: Any) -> None:
    made = films.call("swarm_ca_token", name="films", ids=[1], uses=3, hours=2).result
    assert read_token(made["token"]).addresses == (ADDRESS,)
    assert (made["names"], made["uses"], made["used"]) == (["film"], 3, 0)
    assert made["expires_date"] - made["created_date"] == 7200
    (row,) = films.call("swarm_ca_list", name="films").result["tokens"]
    assert row["id"] == made["id"]
    assert made["token"] not in str(row)
    films.call("swarm_ca_token_remove", name="films", id=row["id"])
    assert films.call("swarm_ca_list", name="films").result["tokens"] == []


def test_where_the_operator_calls_from_is_an_address_too(films: Any) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "swarm_ca_token", "params": {"name": "films"}}
    made = films.post(body, Host="nas.lan:9091").result
    assert made["addresses"] == ["http://nas.lan:9091", ADDRESS]


def test_a_node_that_nobody_reaches_says_so(node: Node, caller_with: Callable[..., Any]) -> None:
    parts = replace(swarm_ca_parts(node), addresses=list)
    site = caller_with(swarm_ca=parts)
    site.call("swarm_ca_create", name="films")
    _, sentence = site.call("swarm_ca_token", name="films").error
    assert "listens on this machine alone: set control.interface" in sentence


def test_a_node_is_answered_without_a_login(films: Any, node: Node) -> None:
    body = asked(node, made_token(films))
    answer = enrol(films, body)
    assert answer.status == 200
    assert answer.headers["content-type"] == ["application/octet-stream"]
    assert films.call("swarm_ca_list", name="films").result["tokens"][0]["used"] == 1
    log = films.call("audit_get").result["entries"]
    (entry,) = [each for each in log if each["method"] == "swarm_ca_answer"]
    assert '"name": "films"' in entry["params"]
    assert entry["user"] == ""


def test_a_token_is_not_in_the_audit_log(films: Any) -> None:
    token = made_token(films)
    films.call("swarm_ca_enrol", token=token)
    log = films.call("audit_get").result["entries"]
    assert {"swarm_ca_enrol", "swarm_ca_token", "swarm_ca_create"} <= {x["method"] for x in log}
    assert token not in str(log)


def test_guesses_are_slowed_and_locked_out(films: Any, node: Node) -> None:
    films.host = "192.0.2.9"
    token = made_token_from_home(films)
    waited = 0
    for _ in range(8):
        transport = films.begin("POST", "/enrol", b"nonsense", {"Authorization": None})
        while not transport.value():
            films.clock.advance(0.5)
            waited += 1
    assert waited > 20
    assert enrol(films, asked(node, token)).status == 403
    films.host = "192.0.2.77"
    assert enrol(films, asked(node, token)).status == 200


def made_token_from_home(site: Any) -> str:
    host, site.host = site.host, "127.0.0.1"
    try:
        return made_token(site)
    finally:
        site.host = host


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_only_post_is_taken(films: Any, method: str) -> None:
    answer = films.send(method, "/enrol", b"", {"Authorization": None})
    assert answer.status == 405


def test_a_request_that_is_too_long_is_not_looked_at(films: Any) -> None:
    assert enrol(films, bytes(MAX_REQUEST + 1)).status == 413
    assert enrol(films, bytes(200 * 1024)).status == 413


def test_while_it_is_busy_others_are_sent_away(
    films: Any, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2pd.automation.swarm_ca.issuer.AT_ONCE", 0)
    answer = enrol(films, asked(node, made_token(films)))
    assert (answer.status, answer.headers["retry-after"]) == (503, ["1"])


def test_nothing_else_is_open_to_them(films: Any) -> None:
    for path in ("/enrol/", "/enrol/x", "/rpc", "/"):
        answer = films.send("POST", path, b"{}", {"Authorization": None})
        assert answer.status == 401


def test_without_cas_there_is_no_such_path(caller: Any) -> None:
    assert caller.send("POST", "/enrol", b"", {"Authorization": None}).status == 401
    assert caller.call("swarm_ca_list").error[0] == -32601


def test_users_other_than_admins_may_not(films: Any, basic: Any) -> None:
    films.call("user_add", name="op", role="operator", password="long enough")
    key = films.call("api_key_add", name="k", user="op").result["key"]
    films.token = key
    for method in ("create", "list", "issue", "renew", "token", "token_remove", "enrol"):
        code, sentence = films.call(f"swarm_ca_{method}", name="films").error
        assert "it takes an admin" in sentence, method
        assert code != -32602
