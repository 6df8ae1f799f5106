"""Fuzz certificates, requests and keys: as text, and as what is in the text."""

from __future__ import annotations

from base64 import b64decode, encodebytes

from p2pd.formats.x509.peer_names import matches, names
from p2pd.formats.x509.pem import PemError, read_certificate, read_private_key, read_request

LABELS = (b"CERTIFICATE", b"CERTIFICATE REQUEST", b"PRIVATE KEY")

SEEDS: list[bytes] = [
    b64decode(
        "MIIBaTCCAQ+gAwIBAgIBBTAKBggqhkjOPQQDAjAfMQ4wDAYDVQQDDAVmaXJzdDENMAsGA1UEAwwEZmlsbTAe"
        "Fw0yNjA1MDExMjAwMDBaFw0yNjA1MDIxMjAwMDBaMB8xDjAMBgNVBAMMBWZpcnN0MQ0wCwYDVQQDDARmaWxt"
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEjlM7b6C/e0YluzBmfAH7YH75+LioD+9bMAYocDGHsqNz6x29"
        "4DMYNm0Gn4Om9ZAAU8c2M8sEGyHFXhqGwfQAtKM8MDowEgYDVR0RBAswCYIEZsO8coIBKjAPBgNVHRMECDAG"
        "AQH/AgEAMBMGA1UdHgQMMAqgCDAGggRmaWxtMAoGCCqGSM49BAMCA0gAMEUCIHlA8ZqFfZ4vbBCIKt8EGht8"
        "AZNfFgc3ic1NxziARjpkAiEA9unq+6tuKyvJkKdlXOucQSTLuEvWEp44n5ihAnA7BSI="
    ),
    b64decode(
        "MIG6MGICAQAwADBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABI5TO2+gv3tGJbswZnwB+2B++fi4qA/vWzAG"
        "KHAxh7Kjc+sdveAzGDZtBp+DpvWQAFPHNjPLBBshxV4ahsH0ALSgADAKBggqhkjOPQQDAgNIADBFAiEApZTR"
        "HDsHBDXTyGjyyF6PiJ0Un/09Gjin1KeQOlYDRGwCIFuMMrLVRSen7yHWLDoB8E4DrQtWHqhHAgcV2SVR4LEG"
    ),
    b64decode(
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAehRANCAASOUztvoL97RiW7MGZ8Aftgfvn4uKgP71swBihwMYeyo3PrHb3gMxg2bQafg6b1kABTxzYz"
        "ywQbIcVeGobB9AC0"
    ),
]
SEEDS += [
    b"-----BEGIN %s-----\n%s-----END %s-----\n" % (label, encodebytes(content), label)
    for label, content in zip(LABELS, SEEDS, strict=True)
]
SEEDS.append(
    b"-----BEGIN PRIVATE KEY-----\n"
    b"MC0CAQAwBQYDK2VwBCEEHwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    b"-----END PRIVATE KEY-----\n"
)


def fuzz(data: bytes) -> None:
    """Only PemError may refuse, and whatever certificate was read can be asked for its names."""
    texts = [
        b"-----BEGIN %s-----\n%s-----END %s-----\n" % (x, encodebytes(data), x) for x in LABELS
    ]
    for text in (data, *texts):
        for read in (read_certificate, read_request, read_private_key):
            try:
                found = read(text)
            except PemError:
                continue
            if read is read_certificate and not all(matches(found, x) for x in names(found)):
                raise AssertionError("a certificate is not for a name that it has")
