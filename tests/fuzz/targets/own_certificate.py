"""A certificate that a user hands in, with its key and the torrent's CA: any text may come."""

from __future__ import annotations

from datetime import UTC, datetime

from p2pd.base.errors import FormatError
from p2pd.formats.x509.own_certificate import check_own
from p2pd.formats.x509.pem import certificate_pem, private_key_pem
from p2pd.formats.x509.swarm_ca import issue, new_ca, new_key

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CA, _CA_KEY = new_ca("films", 10, NOW)
KEY = new_key()
CA_PEM = certificate_pem(CA)
OWN = certificate_pem(issue(CA, _CA_KEY, KEY.public_key(), ["a film"], 5, NOW))
KEY_PEM = private_key_pem(KEY)

SEEDS = [
    OWN.encode(),
    (OWN + CA_PEM).encode(),
    CA_PEM.encode(),
    b"",
    b"-----BEGIN CERTIFICATE-----",
]


def fuzz(data: bytes) -> None:
    """As the certificate, and as the CA's."""
    text = data.decode("latin-1")
    for texts in ((CA_PEM, text, KEY_PEM), (text, OWN, KEY_PEM)):
        try:
            check_own(*texts, "a film", NOW)
        except FormatError:
            continue
