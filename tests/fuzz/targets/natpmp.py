"""NAT-PMP answers: read or refused in words."""

from __future__ import annotations

from p2pd.protocols.nat import natpmp
from p2pd.protocols.nat.mapping import NatFormatError

SEEDS: list[bytes] = [
    bytes.fromhex("00 80 0000 0000012c c6336407"),
    bytes.fromhex("00 82 0000 00000064 1ae1 1b58 00000e10"),
    bytes.fromhex("00 81 0000 00000064 1ae1 0000 00000000"),
    bytes.fromhex("00 82 0002 00000001"),
]


def fuzz(data: bytes) -> None:
    try:
        answer = natpmp.parse_answer(data)
    except (NatFormatError, natpmp.NatPmpRefusalError) as refusal:
        words = str(refusal)
    else:
        words = ""
        assert (answer.granted is None) is (answer.kind is None)
        if answer.granted is not None:
            assert 0 < answer.granted.internal_port < 65536
            assert answer.granted.external_port or not answer.granted.lease
    assert words.isprintable()
