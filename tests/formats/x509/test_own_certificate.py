"""Whether a certificate lets its owner in to a torrent."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.formats.x509.own_certificate import check_own
from p2pd.formats.x509.pem import MAX_PEM, certificate_pem, private_key_pem
from p2pd.formats.x509.swarm_ca import issue, new_ca, new_key

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NAME = "grüße & films"


@pytest.fixture(scope="module")
def swarm() -> tuple[str, str, str]:
    """The CA's certificate, and one that it issued, with its key."""
    ca, ca_key = new_ca("films", 100, NOW)
    key = new_key()
    made = issue(ca, ca_key, key.public_key(), [NAME, "other"], 10, NOW)
    return certificate_pem(ca), certificate_pem(made), private_key_pem(key)


def test_what_it_says_is_told(swarm: tuple[str, str, str]) -> None:
    found = check_own(*swarm, NAME, NOW + DAY)
    assert found.names == (NAME, "other")
    assert found.name == f"{NAME}, other"
    assert found.issuer == "films"
    assert found.not_before <= NOW < found.not_after == NOW + 10 * DAY


@pytest.mark.parametrize(
    ("name", "now", "words"),
    [
        (NAME.upper(), NOW, "and the torrent is 'GRÜSSE & FILMS'"),
        ("", NOW, "the torrent's name is not known yet"),
        (NAME, NOW + 11 * DAY, "the certificate expired on 2026-01-11"),
        (NAME, NOW - DAY, "the certificate is not valid before"),
        (NAME, NOW + 200 * DAY, "expired"),
    ],
)
def test_it_is_refused_with_a_reason(
    swarm: tuple[str, str, str], name: str, now: datetime, words: str
) -> None:
    with pytest.raises(FormatError, match=words):
        check_own(*swarm, name, now)


def test_another_ca_of_the_same_name_did_not_issue_it(swarm: tuple[str, str, str]) -> None:
    other, _ = new_ca("films", 100, NOW)
    with pytest.raises(FormatError, match="was not issued by the torrent's CA"):
        check_own(certificate_pem(other), *swarm[1:], NAME, NOW)


def test_who_is_no_ca_issues_nothing(swarm: tuple[str, str, str]) -> None:
    """A peer of the swarm cannot let others in."""
    ca, ca_key = new_ca("films", 100, NOW)
    peer_key, key = new_key(), new_key()
    peer = issue(ca, ca_key, peer_key.public_key(), ["*"], 10, NOW)
    ca_of_peer, _ = new_ca("films", 100, NOW)
    made = issue(ca_of_peer, peer_key, key.public_key(), ["*"], 10, NOW)
    chain = certificate_pem(made) + certificate_pem(peer)
    with pytest.raises(FormatError, match="was not issued by the torrent's CA"):
        check_own(certificate_pem(ca), chain, private_key_pem(key), NAME, NOW)


def test_a_chain_is_bounded(swarm: tuple[str, str, str]) -> None:
    ca, certificate, key = swarm
    with pytest.raises(FormatError, match="more than 4 certificates follow"):
        check_own(ca, certificate + 5 * ca, key, NAME, NOW)
    with pytest.raises(FormatError, match="longer than"):
        check_own(ca, certificate + " " * MAX_PEM, key, NAME, NOW)


@given(st.integers(0, 2), st.integers(0, 600), st.text(max_size=3))
def test_nothing_but_a_refusal_comes_of_what_is_damaged(
    swarm: tuple[str, str, str], which: int, at: int, put: str
) -> None:
    texts = list(swarm)
    texts[which] = texts[which][:at] + put + texts[which][at + 1 :]
    if texts[which].split() == swarm[which].split():
        return
    with suppress(FormatError):
        check_own(texts[0], texts[1], texts[2], NAME, NOW)
