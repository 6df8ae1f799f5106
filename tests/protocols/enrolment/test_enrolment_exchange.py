"""One exchange: both ends, and somebody in the middle who reads and changes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.formats import bencode
from p2pd.formats.x509 import swarm_ca
from p2pd.formats.x509.swarm_ca import fingerprint, issue, new_ca, new_key, new_request
from p2pd.protocols.enrolment.exchange import (
    MAX_REQUEST,
    Answer,
    Asking,
    ExchangeError,
    RefusedError,
    Request,
    answer_to,
    read_asked,
    refusal,
)
from p2pd.protocols.enrolment.token import new_token

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CA, CA_KEY = new_ca("films", 100, NOW)
KEY = new_key()
CSR = new_request(KEY)
TOKEN = new_token(["http://10.0.0.5:9091"], fingerprint(CA))


def asking(**other: Any) -> Asking:
    given = {"proof": TOKEN.key, "token": TOKEN.id, "label": "nas"}
    return Asking(fingerprint(CA), CSR, **{**given, **other})


def answered(request: Request, **other: Any) -> bytes:
    made = issue(CA, CA_KEY, request.key, ["film"], 30, NOW)
    given: dict[str, Any] = {"certificate": made, "ca": CA, "torrents": (b"d4:infoe",),
                             "addresses": ("http://new.example",), "port": 6882}  # fmt: skip
    return answer_to(request, Answer(**{**given, **other}), CA_KEY)


def changed(body: bytes, **other: Any) -> bytes:
    value = bencode.decode(body)
    value.update({name.encode(): each for name, each in other.items()})
    return bencode.encode({name: each for name, each in value.items() if each is not None})


def test_a_certificate_for_who_has_the_token() -> None:
    side = asking()
    request = read_asked(side.body)
    assert (request.token, request.label, request.fingerprint) == (TOKEN.id, "nas", fingerprint(CA))
    assert request.key == KEY.public_key()
    assert request.is_signed_with(TOKEN.key.public_key())
    answer = side.read(answered(request))
    assert swarm_ca.is_issued_by(answer.certificate, CA)
    assert (answer.torrents, answer.addresses) == ((b"d4:infoe",), ("http://new.example",))
    assert answer.port == 6882


def test_the_secret_and_what_is_given_cannot_be_read_on_the_way() -> None:
    side = asking()
    answer = answered(read_asked(side.body), torrents=(b"d4:name9:top secret",))
    for seen in (side.body, answer):
        assert TOKEN.secret not in seen
        assert TOKEN.secret.hex().encode() not in seen
        assert b"top secret" not in seen
        assert b"film" not in seen


@pytest.mark.parametrize("kind", ["ecdsa", "rsa", "ed25519"])
def test_a_certificate_is_renewed_by_who_has_its_key(kind: str) -> None:
    keys: dict[str, Any] = {
        "ecdsa": new_key,
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
    }
    key = keys[kind]()
    present = issue(CA, CA_KEY, key.public_key(), ["film"], 30, NOW)
    side = asking(proof=key, token=b"", certificate=present)
    request = read_asked(side.body)
    assert (request.token, request.certificate) == (b"", present)
    assert request.is_signed_with(present.public_key())
    assert not request.is_signed_with(KEY.public_key())
    assert side.read(answered(request)).ca == CA


def test_who_has_not_the_secret_cannot_sign() -> None:
    other = new_token(TOKEN.addresses, TOKEN.fingerprint)
    assert not read_asked(asking(proof=other.key).body).is_signed_with(TOKEN.key.public_key())


@pytest.mark.parametrize("name", ["ca", "csr", "ephemeral", "label", "token"])
def test_nothing_of_a_request_can_be_changed_on_the_way(name: str) -> None:
    theirs = new_request(new_key())
    mine = {
        "ca": bytes(32), "csr": swarm_pem(theirs), "ephemeral": bytes(31) + b"\x09",
        "label": b"other", "token": bytes(8),
    }  # fmt: skip
    request = read_asked(changed(asking().body, **{name: mine[name]}))
    assert not request.is_signed_with(TOKEN.key.public_key())


def swarm_pem(csr: Any) -> bytes:
    from p2pd.formats.x509.pem import request_pem

    return request_pem(csr).encode()


def test_what_another_ca_answers_is_refused() -> None:
    ca, key = new_ca("films", 100, NOW)
    side = asking()
    request = read_asked(side.body)
    made = issue(ca, key, request.key, ["film"], 30, NOW)
    with pytest.raises(ExchangeError, match="of another CA than the one that was asked"):
        side.read(answer_to(request, Answer(made, ca), key))
    with pytest.raises(ExchangeError, match="is not signed by the CA: somebody else made it"):
        side.read(answer_to(request, Answer(made, CA), key))


def test_what_was_answered_to_another_request_is_refused() -> None:
    first, second = asking(), asking()
    answer = answered(read_asked(first.body))
    first.read(answer)
    with pytest.raises(ExchangeError, match="is not encrypted to us"):
        second.read(answer)


def test_a_certificate_for_another_key_is_refused() -> None:
    side = asking()
    other = issue(CA, CA_KEY, new_key().public_key(), ["film"], 30, NOW)
    with pytest.raises(ExchangeError, match="is for another key"):
        side.read(answered(read_asked(side.body), certificate=other))


@pytest.mark.parametrize("name", ["ephemeral", "sealed", "signature"])
def test_nothing_of_an_answer_can_be_changed_on_the_way(name: str) -> None:
    side = asking()
    answer = answered(read_asked(side.body))
    value = bytearray(bencode.decode(answer)[name.encode()])
    value[-1] ^= 1
    with pytest.raises(ExchangeError, match=r"somebody (else made|changed) it"):
        side.read(changed(answer, **{name: bytes(value)}))


def test_a_refusal_is_a_sentence_and_no_more() -> None:
    with pytest.raises(RefusedError, match="the token has expired"):
        asking().read(refusal("the token has expired"))
    with pytest.raises(RefusedError) as caught:
        asking().read(refusal("x\x1b[31m" + "y" * 9000 + "\ud800"))
    assert len(str(caught.value)) <= 500
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "other",
    [
        {"v": 2}, {"ca": b"x"}, {"ca": None}, {"csr": b"x"}, {"csr": 5}, {"ephemeral": b"x"},
        {"label": None}, {"signature": None}, {"token": b"x"}, {"token": None},
        {"token": None, "certificate": b"x"},
    ],
)  # fmt: skip
def test_a_request_that_says_too_little_is_refused_in_words(other: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        read_asked(changed(asking().body, **other))


@pytest.mark.parametrize("data", [b"", b"i5e", b"le", b"<html>", b"4:" + bytes(MAX_REQUEST)])
def test_what_is_no_message_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(ExchangeError):
        read_asked(data)
    with pytest.raises(ExchangeError):
        asking().read(data)


def test_points_that_make_no_key_are_refused() -> None:
    request = read_asked(changed(asking().body, ephemeral=bytes(32)))
    with pytest.raises(ExchangeError, match="no good ephemeral"):
        answered(request)
    side = asking()
    answer = answered(read_asked(side.body))
    with pytest.raises(ExchangeError, match="is not encrypted to us"):
        side.read(changed(answer, ephemeral=bytes(32)))
    with pytest.raises(ExchangeError, match="no good ephemeral"):
        side.read(changed(answer, ephemeral=bytes(31)))
    with pytest.raises(ExchangeError, match="has what is not known here"):
        side.read(changed(answer, more=b""))


def test_addresses_that_are_none_are_left_out() -> None:
    side = asking()
    answer = answered(read_asked(side.body), addresses=("nonsense", "http://good.example"))
    assert side.read(answer).addresses == ("http://good.example",)


@pytest.mark.parametrize("port", [-1, 65536])
def test_an_answer_with_a_port_that_is_none_is_refused(port: int) -> None:
    side = asking()
    with pytest.raises(ExchangeError, match="no good port"):
        side.read(answered(read_asked(side.body), port=port))


@pytest.mark.parametrize("other", [{"torrents": (b"",) * 101}, {"addresses": ("http://h",) * 7}])
def test_an_answer_with_more_than_it_may_have_is_refused(other: dict[str, Any]) -> None:
    side = asking()
    with pytest.raises(ExchangeError, match="more than it may"):
        side.read(answered(read_asked(side.body), **other))


@given(st.binary(max_size=300), st.integers(0, 1500))
def test_no_damage_gets_through(noise: bytes, place: int) -> None:
    side = asking()
    body = side.body[:place] + noise + side.body[place:]
    try:
        request = read_asked(body)
    except FormatError:
        pass
    else:
        assert not noise or not request.is_signed_with(TOKEN.key.public_key())
