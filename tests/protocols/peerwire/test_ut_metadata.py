"""Metadata messages (BEP 9), and the assembly of metadata against peers that lie."""

from __future__ import annotations

import random
from hashlib import sha1, sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.base.ids import InfoHashes
from p2pd.protocols.peerwire.extensions import ut_metadata
from p2pd.protocols.peerwire.extensions.registry import MAX_METADATA
from p2pd.protocols.peerwire.extensions.ut_metadata import (
    MAX_ATTEMPTS,
    PIECE_SIZE,
    MetadataAssembly,
    MetadataContradictionError,
    MetadataData,
    MetadataMismatchError,
    MetadataReject,
    MetadataRequest,
    parse,
)

INFO = random.Random(9).randbytes(2 * PIECE_SIZE + 100)
LIE = random.Random(10).randbytes(2 * PIECE_SIZE + 100)
V1 = InfoHashes(v1=sha1(INFO).digest())


def data(info: bytes, piece: int) -> MetadataData:
    return MetadataData(piece, len(info), info[piece * PIECE_SIZE : (piece + 1) * PIECE_SIZE])


def give(assembly: MetadataAssembly, peer: str, info: bytes = INFO, *pieces: int) -> bytes | None:
    """Hand over these pieces, or all that the peer is asked for; the last answer."""
    assembly.set_size(len(info), peer)
    answer = None
    for piece in pieces or assembly.missing(peer):
        answer = assembly.add(peer, data(info, piece))
    return answer


@pytest.mark.parametrize(
    ("message", "raw"),
    [
        (MetadataRequest(0), b"d8:msg_typei0e5:piecei0ee"),
        (MetadataData(0, 4, b"xxxx"), b"d8:msg_typei1e5:piecei0e10:total_sizei4eexxxx"),
        (MetadataReject(0), b"d8:msg_typei2e5:piecei0ee"),
    ],
)
def test_messages_are_those_of_bep_9(
    message: MetadataRequest | MetadataData | MetadataReject, raw: bytes
) -> None:
    assert message.encode() == raw
    got = parse(raw)
    assert type(got) is type(message)
    assert got == message


@given(st.binary(min_size=1, max_size=3 * PIECE_SIZE), st.data())
def test_data_survives_the_wire(info: bytes, draw: st.DataObject) -> None:
    message = data(info, draw.draw(st.integers(0, (len(info) - 1) // PIECE_SIZE)))
    assert parse(message.encode()) == message


def test_an_unknown_type_is_ignored() -> None:
    assert parse(b"d8:msg_typei7ee") is None


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "no bytes"),
        (b"le", "is not a dictionary"),
        (b"d5:piecei0ee", "does not say its type"),
        (b"d8:msg_type1:05:piecei0ee", "does not say its type"),
        (b"d8:msg_typei0ee", "no valid piece"),
        (b"d8:msg_typei0e5:piecei-1ee", "no valid piece"),
        (b"d8:msg_typei2e5:piece1:0e", "no valid piece"),
        (b"d8:msg_typei1e5:piecei0eex", "no valid total_size"),
        (b"d8:msg_typei1e5:piecei0e10:total_sizei33554433eex", "no valid total_size"),
        (b"d8:msg_typei1e5:piecei0e10:total_sizei0ee", "cannot have 0"),
        (b"d8:msg_typei1e5:piecei0e10:total_sizei4eexxx", "piece 0 of 4 bytes .* cannot have 3"),
        (b"d8:msg_typei1e5:piecei1e10:total_sizei4eexxxx", "cannot have 4"),
        (b"d1:a5000:" + b"x" * 5000 + b"8:msg_typei0e5:piecei0ee", "cut off"),
    ],
)
def test_what_is_no_message_is_refused(payload: bytes, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        parse(payload)


@pytest.mark.parametrize(
    "expected",
    [V1, InfoHashes(v2=sha256(INFO).digest()),
     InfoHashes(v1=sha1(INFO).digest(), v2=sha256(INFO).digest())],
)  # fmt: skip
def test_one_peer_is_enough(expected: InfoHashes) -> None:
    assembly = MetadataAssembly(expected)
    assert assembly.missing("a") == []
    assembly.set_size(len(INFO), "a")
    assert assembly.missing("a") == assembly.missing() == [0, 1, 2]
    assert give(assembly, "a", INFO, 1, 0) is None
    assert assembly.missing("a") == [2]
    assert assembly.progress == pytest.approx(2 / 3)
    assert give(assembly, "a", INFO, 2) == INFO


def test_metadata_with_one_hash_of_two_is_nobodys_lie() -> None:
    assembly = MetadataAssembly(InfoHashes(v1=sha1(INFO).digest(), v2=sha256(LIE).digest()))
    with pytest.raises(MetadataContradictionError):
        give(assembly, "a")


def test_metadata_with_neither_hash_of_a_hybrid_is_a_lie() -> None:
    hashes = InfoHashes(v1=sha1(INFO).digest(), v2=sha256(INFO).digest())
    assembly = MetadataAssembly(hashes)
    with pytest.raises(MetadataMismatchError):
        give(assembly, "a", LIE)
    assert give(assembly, "b") == INFO


@given(st.permutations(range(3)), st.lists(st.sampled_from("abc"), min_size=3, max_size=3))
def test_peers_work_together(order: list[int], peers: list[str]) -> None:
    assembly = MetadataAssembly(V1)
    answers = [give(assembly, peer, INFO, piece) for peer, piece in zip(peers, order, strict=True)]
    assert answers == [None, None, INFO]


def test_who_claims_no_size_before_its_data_is_understood() -> None:
    assembly = MetadataAssembly(V1)
    assert [assembly.add("a", data(INFO, piece)) for piece in (0, 1, 2)] == [None, None, INFO]


@pytest.mark.parametrize("size", [0, -1, MAX_METADATA + 1])
def test_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(FormatError, match=f"metadata of {size} bytes"):
        MetadataAssembly(V1).set_size(size, "a")


def test_a_lone_liar_is_named_and_asked_no_more() -> None:
    assembly = MetadataAssembly(V1)
    assembly.set_size(len(INFO), "honest")
    with pytest.raises(MetadataMismatchError, match="does not have the info-hash") as caught:
        give(assembly, "liar", LIE)
    assert caught.value.sources == {"liar"}
    assert assembly.missing("liar") == []
    with pytest.raises(MetadataMismatchError):
        assembly.add("liar", data(INFO, 0))
    assert assembly.missing("honest") == assembly.missing() == [0, 1, 2]
    assert give(assembly, "honest") == INFO


def test_a_liar_among_others_does_not_stop_them() -> None:
    assembly = MetadataAssembly(V1)
    give(assembly, "honest", INFO, 0)
    give(assembly, "liar", LIE, 1)
    assert give(assembly, "honest", INFO, 2) is None
    assert assembly.suspects == {"honest", "liar"}
    # From here on nobody's pieces are mixed, and nobody sends twice what was right.
    assert assembly.missing("honest") == [1]
    assert assembly.missing("liar") == [0, 2]
    give(assembly, "liar", LIE, 0)
    assert give(assembly, "honest", INFO, 1) == INFO


def test_two_wrong_sizes_do_not_hide_the_right_one() -> None:
    assembly = MetadataAssembly(V1)
    assembly.set_size(MAX_METADATA, "big")
    assembly.set_size(1, "small")
    assert assembly.missing("small") == [0]
    assert len(assembly.missing("big")) == MAX_METADATA // PIECE_SIZE
    assert give(assembly, "honest") == INFO


def test_a_piece_that_comes_twice_counts_once() -> None:
    assembly = MetadataAssembly(V1)
    give(assembly, "a", INFO, 0)
    give(assembly, "b", LIE, 0)
    assert assembly.missing("a") == [1, 2]
    assert give(assembly, "a") == INFO


def test_what_a_peer_that_left_has_given_is_used() -> None:
    assembly = MetadataAssembly(V1)
    give(assembly, "a", INFO, 0, 1)
    assembly.forget("a")
    assembly.forget("never seen")
    assert give(assembly, "b") == INFO


def test_a_peer_that_left_after_a_wrong_result_leaves_nothing() -> None:
    assembly = MetadataAssembly(V1)
    give(assembly, "a", INFO, 0)
    give(assembly, "b", LIE, 1)
    give(assembly, "a", INFO, 2)
    assembly.forget("b")
    assert assembly.missing("b") == []
    assert assembly.missing() == [1]


def test_crowds_of_claims_do_not_drive_out_an_honest_peer() -> None:
    assembly = MetadataAssembly(V1)
    give(assembly, "honest", INFO, 0)
    give(assembly, "liar", LIE, 1)
    give(assembly, "honest", INFO, 2)
    for n in range(3 * MAX_ATTEMPTS):
        assembly.set_size(len(INFO), f"crowd {n}")
    assert assembly.missing("honest") == [1]
    assembly.set_size(len(INFO), "late")
    for n in range(3 * MAX_ATTEMPTS):
        assembly.set_size(len(INFO), f"another {n}")
    assert give(assembly, "late") == INFO


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ut_metadata, "MAX_METADATA", 4 * PIECE_SIZE)
    assembly = MetadataAssembly(V1)
    for n in range(10):
        size = 3 * PIECE_SIZE + n + 1
        assembly.add(f"peer {n}", MetadataData(0, size, bytes(PIECE_SIZE)))
    # Four pieces fit, one an attempt; giving the others up leaves the newest.
    assert assembly.missing("peer 9") == [1, 2, 3]
    kept = [n for n in range(10) if 0 not in assembly.missing(f"peer {n}")]
    assert len(kept) == 4


def test_what_is_kept_after_a_wrong_result_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ut_metadata, "MAX_METADATA", 4 * PIECE_SIZE)
    assembly = MetadataAssembly(V1)
    give(assembly, "a", INFO, 0)
    give(assembly, "b", LIE, 1)
    give(assembly, "a", INFO, 2)
    give(assembly, "c", LIE, 0, 1)
    assert assembly.missing("b") == [0, 1, 2]
    assert assembly.missing("a") == [1]
    assert assembly.missing("c") == [2]
