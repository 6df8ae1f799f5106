"""Fuzz what is read of a TLS ClientHello before OpenSSL hears of it."""

from __future__ import annotations

from p2pd.protocols.tls.client_hello import (
    MAX_RAW,
    HelloError,
    HelloReader,
    whole_records,
)

_NAME = b"a0" * 20
_ENTRY = b"\x00" + len(_NAME).to_bytes(2, "big") + _NAME
_LIST = len(_ENTRY).to_bytes(2, "big") + _ENTRY
_EXTENSION = b"\x00\x00" + len(_LIST).to_bytes(2, "big") + _LIST
_BODY = (
    b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"
    + len(_EXTENSION).to_bytes(2, "big") + _EXTENSION
)  # fmt: skip
_MESSAGE = b"\x01" + len(_BODY).to_bytes(3, "big") + _BODY
_RECORD = b"\x16\x03\x01" + len(_MESSAGE).to_bytes(2, "big") + _MESSAGE

SEEDS: list[bytes] = [
    b"\xff" + _RECORD,
    b"\x05" + _RECORD,
    b"\x40\x16\x03\x01\x00\x20" + _MESSAGE[:32] + b"\x16\x03\x01\x00\x40" + _MESSAGE[32:],
    b"\x09\x13BitTorrent protocol",
]


def fuzz(data: bytes) -> None:
    """Only HelloError may refuse, and cut or not, the same is found."""
    step, said = 1 + (data[0] if data else 0), data[1:]
    if not 0 <= whole_records(said) <= len(said):
        raise AssertionError("more records than bytes")
    found = [_read(said, size) for size in (step, len(said) or 1)]
    if found[0] != found[1] and len(said) <= MAX_RAW:
        raise AssertionError(f"{found[0]!r} in steps, {found[1]!r} at once")


def _read(said: bytes, step: int) -> str | None:
    """The name, or None when there is none to be had."""
    reader = HelloReader()
    try:
        for at in range(0, len(said), step):
            if reader.receive(memoryview(said)[at : at + step]):
                return reader.server_name()
    except HelloError:
        pass
    return None
