"""Message stream encryption: both sides against each other, in any slices, and against liars."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.mse.handshake import (
    MAX_PADDING,
    ZEROS,
    Agreement,
    Methods,
    MseHandshake,
    MseInitiator,
    MseResponder,
    Payload,
    obscured,
)
from p2pd.protocols.mse.key_exchange import KEY_SIZE, PRIME, KeyPair, MseError, binding
from p2pd.protocols.mse.keystream import digest, initiators, responders
from p2pd.protocols.mse.swarm_keys import SwarmKeys

HASH, OTHER = b"h" * 20, b"o" * 20
BOTH = Methods.PLAIN | Methods.RC4
KEYS = [KeyPair(2**159 + number) for number in (12345, 67890)]
SECRET = KEYS[0].secret(KEYS[1].public)


def swarms(*info_hashes: bytes) -> SwarmKeys:
    table = SwarmKeys()
    for info_hash in info_hashes:
        table.add(info_hash)
    return table


def initiator(
    *, info_hash: bytes = HASH, offers: Methods = BOTH, payload: Payload = b"", seed: int = 1
) -> MseInitiator:
    rng = random.Random(seed)
    return MseInitiator(KEYS[0], info_hash, offers=offers, payload=payload, rng=rng)


def responder(
    *,
    table: SwarmKeys | None = None,
    choices: tuple[Methods, ...] = (Methods.RC4, Methods.PLAIN),
    seed: int = 2,
) -> MseResponder:
    table = table if table is not None else swarms(OTHER, HASH)
    return MseResponder(KEYS[1], table, choices=choices, rng=random.Random(seed))


def slices(data: bytes, sizes: Iterable[int]) -> Iterable[bytes]:
    at = 0
    for size in sizes:
        if at >= len(data):
            return
        yield data[at : at + size]
        at += size
    if at < len(data):
        yield data[at:]


def hand_over(data: bytes, to: MseHandshake, sizes: Iterable[int] = (), late: bool = False) -> None:
    """Bytes arrive in slices, and the secret is made when its key is there, or `late`."""
    for piece in slices(data, sizes):
        if to.agreement is not None:
            raise AssertionError("it takes no more after the agreement")
        to.receive_data(piece)
        if to.their_key is not None and to._secret is None and not late:
            to.secret_known(to.keys.secret(to.their_key))
    if to.their_key is not None and to._secret is None:
        to.secret_known(to.keys.secret(to.their_key))


def shake(
    one: MseInitiator, other: MseResponder, sizes: Iterable[int] = ()
) -> tuple[Agreement, Agreement]:
    sizes = list(sizes)
    for _ in range(4):
        for source, target in ((one, other), (other, one)):
            data = source.data_to_send()
            if data:
                hand_over(data, target, sizes)
    assert one.agreement is not None
    assert other.agreement is not None
    return one.agreement, other.agreement


def talk(one: Agreement, other: Agreement) -> None:
    """What one says the other hears."""
    for sender, receiver in ((one, other), (other, one)):
        for words in (b"some words", b"", b"and more" * 1000):
            said = sender.encrypt.apply(words) if sender.encrypt else words
            assert (said == words) is (sender.encrypt is None or not words)
            assert (receiver.decrypt.apply(said) if receiver.decrypt else said) == words


@given(
    st.integers(0, 50),
    st.binary(max_size=300),
    st.lists(st.integers(1, 700), max_size=40),
    st.sampled_from([Methods.PLAIN, Methods.RC4]),
)
def test_both_agree_whatever_the_slices(
    seed: int, payload: bytes, sizes: list[int], method: Methods
) -> None:
    one = initiator(payload=payload, seed=seed)
    other = responder(choices=(method,), seed=seed + 1000)
    ours, theirs = shake(one, other, sizes)
    assert (theirs.info_hash, theirs.payload, ours.payload) == (HASH, payload, b"")
    assert (ours.encrypt is None) is (method is Methods.PLAIN)
    assert ours.binding == theirs.binding
    talk(ours, theirs)


def test_each_connection_has_a_binding_of_its_own() -> None:
    found = set()
    for number in range(5):
        one = MseInitiator(KeyPair(2**159 + number), HASH, offers=BOTH, rng=random.Random(1))
        found.add(shake(one, responder())[0].binding)
    assert {len(each) for each in found} == {32}
    assert len(found) == 5, "one side's key is enough for another one"


def test_who_stands_between_two_has_another_binding_with_each() -> None:
    """Also where both find the same secret: he hands each the other's key, to the power of his."""
    one, other = KeyPair(2**159 + 5), KeyPair(2**159 + 7)
    between = 2**159 + 9
    to_one, to_other = (
        pow(int.from_bytes(theirs.public, "big"), between, PRIME).to_bytes(KEY_SIZE, "big")
        for theirs in (other, one)
    )
    secret = one.secret(to_one)
    assert other.secret(to_other) == secret
    assert binding(one.public, to_one, secret) != binding(to_other, other.public, secret)


@pytest.mark.parametrize("method", [Methods.PLAIN, Methods.RC4])
def test_what_is_said_right_behind_the_handshake_is_not_lost(method: Methods) -> None:
    one, other = initiator(payload=b"first"), responder(choices=(method,))
    hand_over(one.data_to_send(), other)
    hand_over(other.data_to_send(), one)
    hand_over(one.data_to_send(), other)
    assert other.agreement is not None
    assert other.agreement.payload == b"first"
    words = b"at once"
    said = other.agreement.encrypt.apply(words) if other.agreement.encrypt else words
    hand_over(other.data_to_send() + said, one)
    assert one.agreement is not None
    assert one.agreement.payload == words


def test_an_initiator_that_does_not_wait_for_the_choice_is_heard() -> None:
    one, other = initiator(offers=Methods.RC4, payload=b"first"), responder()
    hand_over(one.data_to_send(), other)
    hand_over(other.data_to_send(), one)
    assert one._encrypt is not None
    hand_over(one.data_to_send() + one._encrypt.apply(b" and second"), other)
    assert other.agreement is not None
    assert other.agreement.payload == b"first and second"


@pytest.mark.parametrize(
    ("offers", "choices", "chosen"),
    [
        (BOTH, (Methods.RC4, Methods.PLAIN), Methods.RC4),
        (BOTH, (Methods.PLAIN, Methods.RC4), Methods.PLAIN),
        (Methods.PLAIN, (Methods.RC4, Methods.PLAIN), Methods.PLAIN),
        (Methods.RC4, (Methods.PLAIN, Methods.RC4), Methods.RC4),
        (BOTH | 0x80, (Methods.RC4,), Methods.RC4),
    ],
)
def test_what_is_liked_best_of_what_is_offered_is_spoken(
    offers: Methods, choices: tuple[Methods, ...], chosen: Methods
) -> None:
    ours, theirs = shake(initiator(offers=offers), responder(choices=choices))
    for agreement in (ours, theirs):
        assert (agreement.encrypt is None) is (chosen is Methods.PLAIN)


def test_nobody_is_spoken_with_in_a_way_that_is_not_allowed() -> None:
    one, other = initiator(offers=Methods.PLAIN), responder(choices=(Methods.RC4,))
    with pytest.raises(MseError, match="no method that is allowed"):
        shake(one, other)


def test_a_torrent_that_is_not_here_is_refused() -> None:
    with pytest.raises(MseError, match="not here"):
        shake(initiator(), responder(table=swarms(OTHER)))


@pytest.mark.parametrize("here", [HASH, OTHER], ids=["what is here", "what is not"])
def test_who_cannot_say_the_name_of_a_torrent_cannot_tell_whether_it_is_here(here: bytes) -> None:
    """By then he may have been given what it is looked up by: one who knew it had dialled him."""
    other = responder(table=swarms(here))
    hand_over(KEYS[0].public, other)
    said = len(other.data_to_send())
    assert KEY_SIZE <= said <= KEY_SIZE + MAX_PADDING
    hand_over(digest(b"req1", SECRET) + obscured(HASH, SECRET) + b"\xa5" * 13, other)
    with pytest.raises(MseError):
        hand_over(b"\xa5", other)
    assert not other.data_to_send()


def test_who_is_judged_says_what_he_says_of_this_connection() -> None:
    """The payload is made of the binding, and judged with it before there is an answer."""
    judged = []

    def judge(name: bytes, payload: bytes, binding: bytes) -> bool:
        judged.append((name, payload, binding))
        assert not other.data_to_send()
        return True

    one = initiator(payload=lambda binding: b"of " + binding)
    rng = random.Random(2)
    other = MseResponder(
        KEYS[1], swarms(HASH), choices=(Methods.PLAIN, Methods.RC4), rng=rng, judge=judge
    )
    ours, theirs = shake(one, other)
    assert judged == [(HASH, b"of " + ours.binding, ours.binding)]
    assert theirs.payload == b"of " + ours.binding
    talk(ours, theirs)
    assert ours.encrypt is not None, "nothing but RC4 may be chosen then"


def test_who_is_refused_by_the_judge_gets_no_answer() -> None:
    def judge(name: bytes, payload: bytes, binding: bytes) -> bool:
        raise MseError("no")

    rng = random.Random(2)
    other = MseResponder(KEYS[1], swarms(HASH), choices=(Methods.RC4,), rng=rng, judge=judge)
    other.data_to_send()
    one = initiator(payload=b"words")
    hand_over(KEYS[1].public, one)
    with pytest.raises(MseError, match="no"):
        hand_over(one.data_to_send(), other)
    assert not other.data_to_send()


def test_where_rc4_is_required_who_offers_less_is_refused() -> None:
    rng = random.Random(2)
    other = MseResponder(
        KEYS[1], swarms(HASH), choices=(Methods.PLAIN,), rng=rng, judge=lambda *_: True
    )
    with pytest.raises(MseError, match="no method that is allowed"):
        shake(initiator(offers=Methods.PLAIN), other)


def test_nothing_but_the_keys_shows_which_torrent_is_meant() -> None:
    table = swarms(HASH, OTHER)
    assert table.find(obscured(HASH, SECRET), SECRET) == HASH
    assert table.find(obscured(HASH, SECRET), bytes(96)) is None
    assert obscured(HASH, SECRET) != obscured(HASH, bytes(96))
    table.discard(HASH)
    table.discard(b"never there")
    assert table.find(obscured(HASH, SECRET), SECRET) is None
    assert len(table) == 1


def test_all_that_is_sent_looks_random() -> None:
    """No byte is more frequent than chance has it, the paddings and the payload among them."""
    counts = [0] * 256
    for seed in range(30):
        rng = random.Random(seed)
        one = MseInitiator(KeyPair.new(rng), HASH, offers=BOTH, payload=bytes(68), rng=rng)
        other = MseResponder(KeyPair.new(rng), swarms(HASH), choices=(Methods.RC4,), rng=rng)
        sent = bytearray()
        for source, target in ((one, other), (other, one), (one, other), (other, one)):
            data = source.data_to_send()
            sent += data
            hand_over(data, target)
        for byte in sent:
            counts[byte] += 1
    assert max(counts) < 1.5 * sum(counts) / 256


# -- who does not keep to it ---------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, PRIME - 1, PRIME, 2**768 - 1])
def test_a_key_that_hides_nothing_is_refused(number: int) -> None:
    with pytest.raises(MseError, match="hides nothing"):
        KEYS[0].secret(number.to_bytes(KEY_SIZE, "big"))


def test_a_secret_is_the_same_for_both_and_fills_its_bytes() -> None:
    assert KEYS[1].secret(KEYS[0].public) == SECRET
    rng = random.Random(5)
    for _ in range(3):
        one, other = KeyPair.new(rng), KeyPair.new(rng)
        assert one.secret(other.public) == other.secret(one.public)
        assert len(one.secret(other.public)) == len(one.public) == KEY_SIZE


def said_to_responder(
    zeros: bytes = ZEROS, offers: int = 3, padding: int = 0, payload: bytes = b"", length: int = -1
) -> bytes:
    """The third message, as no initiator of ours makes it."""
    told = len(payload) if length < 0 else length
    encrypted = zeros + offers.to_bytes(4, "big") + padding.to_bytes(2, "big")
    encrypted += bytes(min(padding, 600)) + told.to_bytes(2, "big") + payload
    head = digest(b"req1", SECRET) + obscured(HASH, SECRET)
    return head + initiators(SECRET, HASH).apply(encrypted)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (said_to_responder(zeros=b"12345678"), "cannot be read"),
        (said_to_responder(padding=513), "513 bytes of padding"),
        (said_to_responder(offers=4), "no method that is allowed"),
        (said_to_responder(offers=0), "no method that is allowed"),
        (bytes(MAX_PADDING + 20), "neither plainly nor encrypted"),
        (digest(b"req1", SECRET) + bytes(20 + 14), "not here"),
    ],
)
def test_an_initiator_that_lies_is_refused(said: bytes, words: str) -> None:
    other = responder()
    hand_over(KEYS[0].public, other)
    with pytest.raises(MseError, match=words):
        hand_over(said, other)


def test_a_payload_that_does_not_come_is_waited_for() -> None:
    other = responder()
    hand_over(KEYS[0].public, other)
    hand_over(said_to_responder(payload=b"some", length=65_535), other)
    assert other.agreement is None


def said_to_initiator(choice: int = 2, padding: int = 0) -> bytes:
    encrypted = ZEROS + choice.to_bytes(4, "big") + padding.to_bytes(2, "big")
    return responders(SECRET, HASH).apply(encrypted)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (said_to_initiator(choice=1), "not offered"),
        (said_to_initiator(choice=0), "not offered"),
        (said_to_initiator(choice=3), "not offered"),
        (said_to_initiator(padding=513), "513 bytes of padding"),
        (bytes(MAX_PADDING + 8), "of another torrent"),
    ],
)
def test_a_responder_that_lies_is_refused(said: bytes, words: str) -> None:
    one = initiator(offers=Methods.RC4)
    one.data_to_send()
    hand_over(KEYS[1].public, one)
    with pytest.raises(MseError, match=words):
        hand_over(said, one)


@pytest.mark.parametrize(
    ("side", "most"), [(initiator, MAX_PADDING), (responder, MseResponder._most_before_secret)]
)
def test_who_says_too_much_before_the_keys_are_exchanged_is_refused(
    side: object, most: int
) -> None:
    assert callable(side)
    hearing: MseHandshake = side()
    hearing.receive_data(bytes(KEY_SIZE + most))
    with pytest.raises(MseError, match="more than it may"):
        hearing.receive_data(b"!")


@pytest.mark.parametrize("payload", [b"", b"first", bytes(65_535)])
def test_who_calculates_faster_than_we_goes_on_at_once(payload: bytes) -> None:
    one, other = initiator(offers=Methods.RC4, payload=payload), responder()
    other.receive_data(one.data_to_send())
    hand_over(other.data_to_send(), one)
    assert one._encrypt is not None
    other.receive_data(one.data_to_send() + one._encrypt.apply(b" and more"))
    assert other.their_key is not None
    assert other.agreement is None
    other.secret_known(other.keys.secret(other.their_key))
    assert other.agreement is not None
    assert other.agreement.payload == payload + b" and more"
