"""p2pd's own: torrents whose peers are reached by TLS, as torrent_get and others tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p2pd.control.errors import RpcError
from p2pd.control.schema import Param, refuse, text
from p2pd.formats.x509.pem import MAX_PEM
from p2pd.session.api import SessionApi, TorrentView
from p2pd.session.revoking.prospects import Prospects
from p2pd.session.tls.tls_api import GivenCertificate, TlsReport

PEM = text(MAX_PEM)

CERTIFICATE_PARAMS = (
    Param("certificate", PEM, ""),
    Param("private_key", PEM, ""),
    Param("ca", PEM, ""),
)


def tls_row(report: TlsReport | None) -> dict[str, Any] | None:
    """None for a torrent whose peers are reached in another way."""
    if report is None:
        return None
    prospects = report.prospects
    return {
        "ca_name": report.ca_name,
        "ca_not_after": int(prospects.ca_not_after),
        "certificate_name": report.certificate_name,
        "error_string": report.why,
        "issuer": report.issuer,
        "not_after": int(report.not_after),
        "not_before": int(report.not_before),
        "serial": f"{report.serial:x}" if report.serial else "",
        "revocation_list": _list_row(prospects),
        "state": report.state.value,
        "warnings": list(prospects.warnings),
    }


def _list_row(prospects: Prospects) -> dict[str, int] | None:
    if not prospects.list_number:
        return None
    return {
        "made_date": int(prospects.list_made_at),
        "next_date": int(prospects.list_next_update),
        "number": prospects.list_number,
        "revoked_count": prospects.revoked_count,
    }


async def set_certificate(
    api: SessionApi, torrents: Sequence[TorrentView], given: GivenCertificate
) -> list[dict[str, Any]]:
    """Have torrents use a certificate; none if nothing is given. Raises RpcError, P2pdError."""
    _check(torrents, given)
    rows = []
    for torrent in torrents:
        if given.certificate:
            report: TlsReport | None = await api.certificates.give(torrent, given)
        else:
            await api.certificates.take_away(torrent)
            report = torrent.tls
        rows.append({"id": torrent.id, "tls": tls_row(report)})
    return rows


def _check(torrents: Sequence[TorrentView], given: GivenCertificate) -> None:
    problem: RpcError | None = None
    if not torrents:
        problem = refuse("none of the ids is a torrent here")
    elif bool(given.certificate) is not bool(given.private_key):
        problem = refuse("certificate and private_key belong together: give both, or none")
    elif given.ca and not given.certificate:
        problem = refuse("ca goes with a certificate")
    if problem is not None:
        raise problem
