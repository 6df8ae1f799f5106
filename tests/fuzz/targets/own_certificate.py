"""A certificate that a user hands in, with its key and the torrent's CA: any text may come."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

from cryptography import x509

from p2pd.base.errors import FormatError
from p2pd.formats.x509.own_certificate import check_own
from p2pd.formats.x509.pem import certificate_pem, private_key_pem
from p2pd.formats.x509.swarm_ca import issue
from tests.fuzz.fixed_certificates import fixed_authority, fixed_key, fixed_serial

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_CA_KEY, KEY = fixed_key(b"a"), fixed_key(b"k")
CA = fixed_authority("films", _CA_KEY, NOW)
CA_PEM = certificate_pem(CA)
with patch.object(x509, "random_serial_number", fixed_serial):
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
