"""Fuzz revocation lists: as peers send them, and past the signature that stops all mutations."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding

from p2pd.base.errors import FormatError
from p2pd.formats.x509.pem import read_certificate
from p2pd.formats.x509.revocation import MAX_LIST, MAX_REVOKED, content_of, loaded, read_list

_CA = read_certificate(
    """-----BEGIN CERTIFICATE-----
MIHQMIGDoAMCAQICAQEwBQYDK2VwMBIxEDAOBgNVBAMMB2Egc3dhcm0wHhcNMjYw
NDMwMTIwMDAwWhcNMjcwNTAxMTIwMDAwWjASMRAwDgYDVQQDDAdhIHN3YXJtMCow
BQYDK2VwAyEAst7PlunjcLD4WRxKeX02oW/91vFOf595uwoOr+phmd8wBQYDK2Vw
A0EAE7o1lbubB8isQ4u3l1Cn0au/swqIO/ROhMyqJhLbPGhM5SPnpeMoc0lQw/2H
casMIhdAqYIoGeChTrXL8n3MCg==
-----END CERTIFICATE-----
"""
)
_LIST = b"""-----BEGIN X509 CRL-----
MIH2MIGpAgEBMAUGAytlcDASMRAwDgYDVQQDDAdhIHN3YXJtFw0yNjA1MDExMjAw
MDBaFw0yNjA1MzExMjAwMDBaMDowEgIBBxcNMjYwNDI0MDMwNjQwWjAkAhNAAAAA
AAAAAAAAAAAAAAAAAAAAFw0yNjA0MjQwMzA2NDFaoC8wLTAKBgNVHRQEAwIBAzAf
BgNVHSMEGDAWgBR0MS+rVOdM6eQI4q2z9StySXRj2TAFBgMrZXADQQAnp8HPQdnV
X3qVAZ9EO4pIWhYKKBtIbFbg7UmOM5iB08VzYJK//WjIuue7PH1h8h4zFOnOQORi
haVtin2IU7QH
-----END X509 CRL-----
"""

SEEDS: list[bytes] = [_LIST, loaded(_LIST).public_bytes(Encoding.DER)]


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse, and what is read is what the CA signed, within bounds."""
    try:
        found = content_of(loaded(data))
    except FormatError:
        found = None
    if found is not None and (len(found.revoked) > MAX_REVOKED or len(found.der) > MAX_LIST):
        raise AssertionError("a list is larger than lists may be")
    try:
        signed = read_list(data, _CA)
    except FormatError:
        return
    if signed.der != SEEDS[1]:
        raise AssertionError("the CA signed no such list")
