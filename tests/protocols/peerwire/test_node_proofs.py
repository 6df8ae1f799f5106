"""Proofs of a node's identity: right on one connection, for one side, and nowhere else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.formats import bencode
from p2pd.protocols.peerwire.extensions.p2pd_node import (
    MAX_PAYLOAD,
    NodeHints,
    NodeProof,
    Succession,
    parse,
)
from p2pd.protocols.peerwire.node_proofs import (
    SUCCESSION_LABEL,
    Channel,
    NodeKey,
    Role,
    check,
    is_weak,
    succeeds,
)

OURS = Channel(b"b" * 32, b"i" * 20, Role.DIALLED)
THEIRS = OURS._replace(role=Role.ACCEPTED)
KEY = NodeKey(b"\x01" * 32)
OTHER = NodeKey(b"\x02" * 32)


def refused(proof: NodeProof, channel: Channel = OURS) -> str:
    with pytest.raises(FormatError) as caught:
        check(proof, channel)
    return str(caught.value)


def test_a_proof_is_right_at_the_other_end_of_its_connection() -> None:
    check(KEY.proof(THEIRS), OURS)
    check(KEY.proof(OURS), THEIRS)


def test_a_proof_of_another_connection_is_wrong() -> None:
    elsewhere = THEIRS._replace(binding=b"c" * 32)
    assert "not one of this connection" in refused(KEY.proof(elsewhere))


def test_a_proof_for_another_torrent_is_wrong() -> None:
    assert refused(KEY.proof(THEIRS._replace(info_hash=b"j" * 20)))


def test_a_proof_that_is_sent_back_to_who_made_it_is_wrong() -> None:
    assert refused(KEY.proof(OURS), OURS)
    assert refused(KEY.proof(THEIRS), THEIRS)


def test_a_proof_under_another_key_is_wrong() -> None:
    assert refused(KEY.proof(THEIRS)._replace(key=OTHER.public))


@given(st.integers(0, 63), st.integers(1, 255))
def test_a_proof_that_changed_is_wrong(place: int, change: int) -> None:
    proof = KEY.proof(THEIRS)
    signature = bytearray(proof.signature)
    signature[place] ^= change
    assert refused(proof._replace(signature=bytes(signature)))


WEAK = [
    "01" + "00" * 31,
    "01" + "00" * 30 + "80",
    "00" * 32,
    "00" * 31 + "80",
    "ec" + "ff" * 30 + "7f",
    "ed" + "ff" * 30 + "7f",
    "ee" + "ff" * 30 + "7f",
    "ee" + "ff" * 31,
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


@pytest.mark.parametrize("text", WEAK)
def test_a_key_that_anybody_can_sign_with_is_nobodys(text: str) -> None:
    key = bytes.fromhex(text)
    assert is_weak(key)
    everybodys = NodeProof(key, b"\x01" + bytes(63))
    assert "anybody can sign" in refused(everybodys)


def test_keys_of_secrets_are_not_weak() -> None:
    assert not any(is_weak(NodeKey(bytes([n]) * 32).public) for n in range(50))


def test_a_new_key_is_vouched_for_by_the_one_before() -> None:
    new = KEY.succeeded_by(b"\x03" * 32)
    proof = new.proof(THEIRS)
    check(proof, OURS)
    assert succeeds(proof) == KEY.public
    assert succeeds(KEY.proof(THEIRS)) is None


def test_nobody_succeeds_a_key_that_does_not_vouch_for_it() -> None:
    claim = OTHER.proof(THEIRS)._replace(succession=Succession(KEY.public, b"s" * 64))
    assert succeeds(claim) is None
    for_another = KEY.succeeded_by(b"\x03" * 32).succession
    assert succeeds(claim._replace(succession=for_another)) is None
    nobody = Succession(bytes.fromhex(WEAK[0]), b"\x01" + bytes(63))
    assert succeeds(claim._replace(succession=nobody)) is None
    # A proof of identity vouches for no other key: the labels differ.
    assert not SUCCESSION_LABEL.startswith(b"p2pd_node proof")


def hints_to(*others: NodeKey, channel: Channel = THEIRS, own: NodeKey = KEY) -> NodeHints:
    return channel.hints_of_us([own.pair(other.public) for other in others], random.Random(1))


def test_two_keys_have_something_in_common_that_nobody_else_has() -> None:
    third = NodeKey(b"\x03" * 32)
    assert KEY.pair(OTHER.public) == OTHER.pair(KEY.public)
    assert len({KEY.pair(OTHER.public), KEY.pair(third.public), OTHER.pair(third.public)}) == 3
    for weak in WEAK:
        with pytest.raises((FormatError, ValueError)):
            KEY.pair(bytes.fromhex(weak))


def test_whom_a_hint_is_for_recognizes_who_is_there_and_nobody_else_does() -> None:
    third = NodeKey(b"\x03" * 32)
    hints = hints_to(third, OTHER)
    assert OURS.recognized(hints, {KEY.public: OTHER.pair(KEY.public)}) == KEY.public
    assert OURS.recognized(hints, {KEY.public: third.pair(KEY.public)}) == KEY.public
    assert OURS.recognized(hints_to(third), {KEY.public: OTHER.pair(KEY.public)}) is None
    assert OURS.recognized(hints, {}) is None


def test_who_knows_all_public_keys_can_make_no_hint() -> None:
    """He would be told who is there by somebody who trusts the one that he claims to be."""
    liar = NodeKey(b"\x09" * 32)
    pairs = {KEY.public: OTHER.pair(KEY.public)}
    assert OURS.recognized(hints_to(OTHER, own=liar), pairs) is None
    for guess in (KEY.public, OTHER.public, KEY.public + OTHER.public):
        assert OURS.recognized(THEIRS.hints_of_us([guess], random.Random(1)), pairs) is None


def test_a_hint_is_of_one_connection_and_one_side() -> None:
    pairs = {KEY.public: OTHER.pair(KEY.public)}
    assert OURS.recognized(hints_to(OTHER, channel=OURS), pairs) is None
    elsewhere = hints_to(OTHER, channel=THEIRS._replace(binding=b"c" * 32))
    assert OURS.recognized(elsewhere, pairs) is None
    other_torrent = hints_to(OTHER, channel=THEIRS._replace(info_hash=b"j" * 20))
    assert OURS.recognized(other_torrent, pairs) is None


@pytest.mark.parametrize(("trusted", "shown"), [(1, 8), (8, 8), (9, 16), (500, 512), (600, 512)])
def test_how_many_are_trusted_is_told_roughly(trusted: int, shown: int) -> None:
    hints = THEIRS.hints_of_us([bytes([n % 251]) * 32 for n in range(trusted)], random.Random(1))
    assert len(hints.hints) == shown
    assert parse(hints.encode()) == hints


def test_there_is_no_proof_without_a_binding() -> None:
    with pytest.raises(ValueError, match="binding"):
        KEY.proof(OURS._replace(binding=b""))


_keys = st.binary(min_size=32, max_size=32)
_signatures = st.binary(min_size=64, max_size=64)
_successions = st.none() | st.builds(Succession, _keys, _signatures)


@given(
    st.builds(NodeHints, st.lists(st.binary(min_size=16, max_size=16), min_size=1).map(tuple))
    | st.builds(NodeProof, _keys, _signatures, _successions)
)
def test_messages_survive_the_wire(message: NodeHints | NodeProof) -> None:
    assert parse(message.encode()) == message
    assert len(message.encode()) <= MAX_PAYLOAD


@given(st.binary(max_size=200))
def test_garbage_is_refused_in_words(payload: bytes) -> None:
    problem = ""
    try:
        message = parse(payload)
    except FormatError as error:
        message, problem = None, str(error)
    assert message is None or len(message.encode()) <= MAX_PAYLOAD
    assert problem or message is not None or bencode.decode(payload) is not None


@pytest.mark.parametrize(
    "told",
    [
        {b"hints": b"short"},
        {b"hints": b""},
        {b"hints": 7},
        {b"hints": b"h" * 17},
        {b"key": b"k" * 32},
        {b"sig": b"s" * 64},
        {b"key": b"k" * 31, b"sig": b"s" * 64},
        {b"key": b"k" * 32, b"sig": [b"s"]},
        {b"key": b"k" * 32, b"sig": b"s" * 64, b"was": b"w" * 32},
        {b"key": b"k" * 32, b"sig": b"s" * 64, b"was_sig": b"w" * 64},
    ],
)
def test_what_has_not_its_size_is_refused(told: dict[bytes, object]) -> None:
    with pytest.raises(FormatError, match=r"identity (is|are) not"):
        parse(bencode.encode(told))


def test_too_long_a_message_is_refused_and_what_is_unknown_ignored() -> None:
    with pytest.raises(FormatError, match="bytes"):
        parse(bencode.encode({b"hints": b"h" * 16, b"x": b"x" * MAX_PAYLOAD}))
    with pytest.raises(FormatError, match="more than 512"):
        parse(bencode.encode({b"hints": b"h" * 16 * 513}))
    assert parse(b"d5:otheri1ee") is None
    with pytest.raises(FormatError):
        parse(b"i1e")
