"""torrent_set_certificate, and what torrent_get tells of TLS torrents."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.base.errors import P2pdError
from p2pd.control.access.audit import shown
from p2pd.control.methods.certificate_fields import tls_row
from p2pd.session.tls.tls_api import GivenCertificate, TlsReport, TlsState

READY = TlsReport(
    TlsState.READY, "", "CN=films", "a film", "films", 0xAB, 1_700_000_000.5, 1_800_000_000.0
)
NONE = TlsReport(TlsState.NO_CERTIFICATE, "it waits")


class Certificates:
    """Takes what is not `wrong`."""

    def __init__(self) -> None:
        self.given: list[tuple[int, GivenCertificate | None]] = []

    async def give(self, torrent: Any, given: GivenCertificate) -> TlsReport:
        if given.certificate == "wrong":
            raise P2pdError("the certificate was not issued by the torrent's CA")
        self.given.append((torrent.id, given))
        return READY

    async def take_away(self, torrent: Any) -> None:
        self.given.append((torrent.id, None))
        torrent.tls = NONE


@pytest.fixture
def certificates(session: Any) -> Certificates:
    session.certificates = Certificates()
    return session.certificates


def test_it_is_given_to_torrents_and_told_of(caller: Any, certificates: Certificates) -> None:
    answer = caller.call(
        "torrent_set_certificate", ids=[1, 2], certificate="a", private_key="b", ca="c"
    )
    rows = answer.result["torrents"]
    assert [row["id"] for row in rows] == [1, 2]
    assert {key: rows[0]["tls"][key] for key in ("state", "serial", "not_before")} == {
        "state": "ready", "serial": "ab", "not_before": 1_700_000_000,
    }  # fmt: skip
    assert certificates.given == [(number, GivenCertificate("a", "b", "c")) for number in (1, 2)]


def test_with_nothing_it_is_taken_away(caller: Any, certificates: Certificates) -> None:
    rows = caller.call("torrent_set_certificate", ids=[2]).result["torrents"]
    assert rows[0]["tls"]["error_string"] == "it waits"
    assert certificates.given == [(2, None)]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ids": [9]},
        {"ids": [1], "certificate": "a"},
        {"ids": [1], "private_key": "b"},
        {"ids": [1], "ca": "c"},
        {"ids": [1], "certificate": 1, "private_key": "b"},
        {"ids": [1], "certificate": "a" * 40_000, "private_key": "b"},
    ],
)
def test_what_makes_no_sense_is_refused(
    caller: Any, certificates: Certificates, params: dict[str, Any]
) -> None:
    assert caller.call("torrent_set_certificate", **params).error[0] < 0
    assert not certificates.given


def test_a_refusal_is_told_in_words(caller: Any, certificates: Certificates) -> None:
    asked = {"ids": [1], "certificate": "wrong", "private_key": "b"}
    error = caller.call("torrent_set_certificate", **asked).error
    assert "was not issued by the torrent's CA" in str(error)


def test_a_key_is_in_no_audit_log() -> None:
    assert "SECRET" not in shown({"ids": [1], "certificate": "pem", "private_key": "SECRET"})


def test_one_that_needs_none_has_none(caller: Any) -> None:
    assert tls_row(None) is None
    answer = caller.call("torrent_get", ids=[1], fields=["tls"])
    assert answer.result["torrents"] == [{"tls": None}]
