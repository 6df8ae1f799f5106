"""Info-hashes and peer ids (BEP 3, 20, 52)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.base.ids import InfoHashes, client_name, new_peer_id

V1, V2 = bytes(range(20)), bytes(range(100, 132))


def test_a_hybrid_goes_by_two_ids_on_the_wire() -> None:
    both = InfoHashes(V1, V2)
    assert both.wire_ids == (V1, V2[:20])
    assert both.hash_string == V1.hex()
    assert InfoHashes(v2=V2).wire_ids == (V2[:20],)
    assert InfoHashes(v2=V2).hash_string == V2[:20].hex()
    assert InfoHashes(V1).wire_ids == (V1,)


@pytest.mark.parametrize(("v1", "v2"), [(None, None), (b"x", None), (None, V1), (V2, None)])
def test_other_sizes_are_refused(v1: bytes | None, v2: bytes | None) -> None:
    with pytest.raises(FormatError):
        InfoHashes(v1, v2)


def test_our_peer_id_has_the_form_of_bep_20() -> None:
    made = new_peer_id(random.Random(1))
    assert len(made) == 20
    assert made.startswith(b"-P2")
    assert made[7:8] == b"-"
    assert made[8:].isalnum()
    assert made != new_peer_id(random.Random(2))
    assert client_name(made).startswith("p2pd ")


@pytest.mark.parametrize(
    ("peer_id", "name"),
    [
        (b"-TR4050-abcdefghijkl", "Transmission 4.0.5"),
        (b"-LT20B0-abcdefghijkl", "libtorrent 2.0.11"),
        (b"-qB5110-abcdefghijkl", "qBittorrent 5.1.1"),
        (b"-ZZ1000-abcdefghijkl", "ZZ 1.0.0"),
        (b"M7-9-2--abcdefghijkl", "BitTorrent 7.9.2"),
        (b"", "unknown"),
        (b"\0" * 20, "unknown"),
        (b"-\x1b[1000-abcdefghijkl", "unknown"),
        (b"M1\x1b[31m-abcdefghijkl", "unknown"),
    ],
)
def test_clients_are_called_by_their_names(peer_id: bytes, name: str) -> None:
    assert client_name(peer_id) == name


@given(st.binary(max_size=20))
def test_a_name_is_printable_whatever_the_id(peer_id: bytes) -> None:
    assert client_name(peer_id).isprintable()
    assert len(client_name(peer_id)) < 60
    assert client_name(b"-TR" + peer_id[:3] + b"-----------").isprintable()
    assert client_name(b"M1" + peer_id).isprintable()
