"""Fuzz what proves a secret and what follows: both sides, records, and secrets as people write."""

from __future__ import annotations

from p2pd.base.errors import FormatError
from p2pd.protocols.swarm_secret.noise import CipherState, NoiseError
from p2pd.protocols.swarm_secret.proofs import AcceptorsProof, DiallersProof
from p2pd.protocols.swarm_secret.records import MOST_CONTENT, RecordReader, RecordWriter
from p2pd.protocols.swarm_secret.secret import SwarmSecret, read_secret

_SECRET = SwarmSecret(b"s" * 32)
_ID, _BINDING, _KEY = b"i" * 20, b"b" * 32, b"k" * 32
_PROOF = DiallersProof(_SECRET, _ID, _BINDING, b"d" * 32).first()


def _answer() -> bytes:
    acceptor = AcceptorsProof(_SECRET, _ID, _BINDING, b"a" * 32)
    acceptor.check(_PROOF)
    return acceptor.second()[2]


_RECORDS = bytes(RecordWriter(CipherState(_KEY)).records([b"some words"] * 3))

# The first byte: what the rest is taken for.
SEEDS: list[bytes] = [
    b"\x00" + _PROOF,
    b"\x01" + _answer(),
    b"\x02" + _RECORDS,
    b"\x03" + _SECRET.text().encode(),
    b"\x03correct horse battery",
    b"\x04\x00\x05hello",
]


def fuzz(data: bytes) -> None:
    """Only the documented errors, and nothing is believed that was not said."""
    how, said = data[:1], data[1:]
    try:
        if how == b"\x00":
            AcceptorsProof(_SECRET, _ID, _BINDING, b"a" * 32).check(said)
            _same(said, _PROOF)
        elif how == b"\x01":
            dialler = DiallersProof(_SECRET, _ID, _BINDING, b"d" * 32)
            dialler.first()
            dialler.second(said)
            _same(said, _answer())
        elif how == b"\x02":
            heard = _opened(said)
            _same(heard, (b"some words" * 3)[: len(heard)])
        elif how == b"\x03":
            read_secret(said.decode("utf-8", "surrogateescape"))
        else:
            # As from a peer that knows the key: header and content are sealed on their way in.
            cipher = CipherState(_KEY)
            sealed = cipher.seal(said[:2]) + cipher.seal(said[2:]) if len(said) > 1 else said
            _opened(sealed)
    except (NoiseError, FormatError):
        return


def _opened(said: bytes) -> bytes:
    place = memoryview(bytearray(len(said) + MOST_CONTENT))
    return bytes(place[: RecordReader(CipherState(_KEY)).open_into(said, place)])


def _same(one: bytes, other: bytes) -> None:
    if one != other:
        raise AssertionError("something was believed that nobody said who knows the key")
