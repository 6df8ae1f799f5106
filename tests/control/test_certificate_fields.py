"""What is told of a torrent's certificate, its CA and the list of that CA."""

from __future__ import annotations

from p2pd.clients.cli.certificate import tls_words
from p2pd.control.methods.certificate_fields import tls_row
from p2pd.session.revoking.prospects import Prospects
from p2pd.session.tls.tls_api import TlsReport, TlsState


def test_a_torrent_whose_peers_need_none_has_no_row() -> None:
    assert tls_row(None) is None


def test_without_a_list_there_is_none() -> None:
    row = tls_row(TlsReport(TlsState.NO_CERTIFICATE, "it waits", "CN=a swarm"))
    assert row is not None
    assert row["revocation_list"] is None
    assert row["warnings"] == []
    assert row["ca_not_after"] == 0


def test_what_ends_and_what_is_in_force_is_told() -> None:
    prospects = Prospects(("the certificate of film ends in 2 days",), 900.5, 4, 100.0, 300.0, 7)
    report = TlsReport(
        TlsState.REVOKED, "its own certificate is revoked", "CN=a swarm", "film", "a swarm", 255,
        10.0, 200.0, prospects,
    )  # fmt: skip
    row = tls_row(report)
    assert row is not None
    assert (row["state"], row["serial"], row["ca_not_after"]) == ("revoked", "ff", 900)
    assert row["warnings"] == ["the certificate of film ends in 2 days"]
    assert row["revocation_list"] == {
        "made_date": 100,
        "next_date": 300,
        "number": 4,
        "revoked_count": 7,
    }
    words = tls_words(row)
    assert words.startswith("its own certificate is revoked; for film, until ")
    assert words.endswith("; the certificate of film ends in 2 days")
