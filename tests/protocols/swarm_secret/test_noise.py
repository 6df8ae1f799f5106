"""The handshake that proves a secret: by the public vectors, and against who does not know it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.swarm_secret.noise import (
    MESSAGE_SIZE,
    CipherState,
    Initiator,
    NoiseError,
    Responder,
)
from p2pd.protocols.swarm_secret.proofs import PROOF_SIZE, AcceptorsProof, DiallersProof
from p2pd.protocols.swarm_secret.secret import SwarmSecret

# The vector that other implementations of the framework share (cacophony's).
PSK = b"This is my Austrian perspective!"
PROLOGUE = b"John Galt"
ONE = bytes.fromhex("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a")
OTHER = bytes.fromhex("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b")
SAID = [
    (
        b"Ludwig von Mises",
        "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
        "79b962b8aff8485742ac32f905ba45369e2465fb59e138a93d67a0d1266b6a54",
    ),
    (
        b"Murray Rothbard",
        "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
        "d6062704d5a9c422a8e834423f8c1feada7e8d0d910a1a2cd030fb584221e3",
    ),
    (b"F. A. Hayek", "e632c3763d7669067383433197a3baddf146e9e70ad4b4e9e59e0f"),
    (b"Carl Menger", "64c6bee32ea91c8474bb4c21d7a700109ad45af77b29764ba5eb1e"),
    (b"Jean-Baptiste Say", "e2fa0bed0603b62d3ccac2ecabbf3fe33f3e86514909b323361626266cb2471cc8"),
    (
        "Eugen Böhm von Bawerk".encode("latin-1"),
        "0c01dc9cec1fe4ddd692e8dd32188aa351088dc91183639a53b57aa4692b5ebdef8b8ca111",
    ),
]

SECRET, WRONG = SwarmSecret(b"s" * 32), SwarmSecret(b"w" * 32)
ID, BINDING = b"i" * 20, b"b" * 32
PRIVATES = st.binary(min_size=32, max_size=32)


def test_it_says_what_other_implementations_say() -> None:
    one, other = Initiator(PSK, PROLOGUE, ONE), Responder(PSK, PROLOGUE, OTHER)
    first = one.first(SAID[0][0])
    assert first.hex() == SAID[0][1]
    assert other.first(first) == SAID[0][0]
    out, into, second = other.second(SAID[1][0])
    assert second.hex() == SAID[1][1]
    ours, theirs, payload = one.second(second)
    assert payload == SAID[1][0]
    assert one.hash == other.hash
    assert one.hash.hex() == "f4d03dc34495c95729ea6de9e1b59004b59733102488b3e24bc441e0be208eaf"
    for number, (words, sealed) in enumerate(SAID[2:]):
        sender, receiver = (out, theirs) if number % 2 else (ours, into)
        assert sender.seal(words).hex() == sealed
        assert receiver.open(bytes.fromhex(sealed)) == words


def dials(
    secret: SwarmSecret = SECRET, id_: bytes = ID, binding: bytes = BINDING, private: bytes = ONE
) -> DiallersProof:
    return DiallersProof(secret, id_, binding, private)


def accepts(
    secret: SwarmSecret = SECRET, id_: bytes = ID, binding: bytes = BINDING, private: bytes = OTHER
) -> AcceptorsProof:
    return AcceptorsProof(secret, id_, binding, private)


@given(PRIVATES, PRIVATES, st.lists(st.binary(max_size=100), max_size=5))
def test_who_both_know_the_secret_can_talk(one: bytes, two: bytes, words: list[bytes]) -> None:
    dialler, acceptor = dials(private=one), accepts(private=two)
    proof = dialler.first()
    assert len(proof) == PROOF_SIZE
    acceptor.check(proof)
    out, into, answer = acceptor.second()
    assert len(answer) == PROOF_SIZE
    ours, theirs, nothing = dialler.second(answer)
    assert nothing == b""
    for word in words:
        assert into.open(ours.seal(word)) == word
        assert theirs.open(out.seal(word)) == word


@pytest.mark.parametrize(
    "acceptor",
    [
        accepts(secret=WRONG),
        accepts(id_=b"j" * 20),
        accepts(binding=b"c" * 32),
    ],
    ids=["another secret", "another torrent", "another connection: replayed, or between two"],
)
def test_a_proof_holds_for_one_secret_one_torrent_and_one_connection(
    acceptor: AcceptorsProof,
) -> None:
    with pytest.raises(NoiseError):
        acceptor.check(dials().first())


def answer_of(acceptor: AcceptorsProof, proof: bytes) -> bytes:
    acceptor.check(proof)
    return acceptor.second()[2]


def test_the_answer_holds_for_the_proof_that_it_answers() -> None:
    one, two = dials(private=ONE), dials(private=b"p" * 32)
    first, _ = one.first(), two.first()
    answer = answer_of(accepts(), first)
    with pytest.raises(NoiseError):
        two.second(answer)
    one.second(answer)


def test_who_is_sent_his_own_proof_is_not_fooled() -> None:
    dialler = dials()
    proof = dialler.first()
    with pytest.raises(NoiseError):
        dialler.second(proof)
    # Nor who dials us and is dialled by us at the same time: the binding of these is not the same,
    # and if it were, what one side proves is not what the other one does.
    ours = dials(private=b"q" * 32)
    ours.first()
    with pytest.raises(NoiseError):
        ours.second(proof)
    acceptor = accepts()
    answer = answer_of(acceptor, proof)
    with pytest.raises(NoiseError):
        accepts(private=b"r" * 32).check(answer)


def test_who_does_not_know_it_gets_no_answer_and_cannot_give_one() -> None:
    acceptor = accepts()
    with pytest.raises(NoiseError):
        acceptor.check(dials(secret=WRONG).first())
    dialler = dials()
    dialler.first()
    liar = accepts(secret=WRONG)
    liar._take_theirs(dials(secret=WRONG).first())
    with pytest.raises(NoiseError):
        dialler.second(liar.second()[2])


@given(st.integers(0, 8 * PROOF_SIZE - 1))
def test_no_bit_of_a_proof_can_be_another(bit: int) -> None:
    proof, dialler = bytearray(dials().first()), dials()
    answer = bytearray(answer_of(accepts(), dialler.first()))
    for changed in (proof, answer):
        changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NoiseError):
        accepts().check(bytes(proof))
    with pytest.raises(NoiseError):
        dialler.second(bytes(answer))


@given(st.binary(max_size=2 * PROOF_SIZE))
def test_noise_proves_nothing(said: bytes) -> None:
    with pytest.raises(NoiseError):
        accepts().check(said)
    dialler = dials()
    dialler.first()
    with pytest.raises(NoiseError):
        dialler.second(said)


@pytest.mark.parametrize("public", [bytes(32), b"\1" + bytes(31)])
def test_a_key_that_hides_nothing_is_refused_also_of_who_knows_the_secret(public: bytes) -> None:
    """Forced into place before anything is sealed, as only who knows the secret could."""
    dialler = dials()
    dialler._public = public
    acceptor = accepts()
    acceptor.check(dialler.first())
    with pytest.raises(NoiseError, match="hides nothing"):
        acceptor.second()


def test_nothing_is_opened_twice_or_out_of_turn() -> None:
    out, into = CipherState(b"k" * 32), CipherState(b"k" * 32)
    first, second = out.seal(b"first"), out.seal(b"second")
    with pytest.raises(NoiseError):
        into.open(second)
    assert into.open(first) == b"first"
    with pytest.raises(NoiseError):
        into.open(first)
    assert into.open(second) == b"second"


def test_the_sizes_are_those_that_the_page_says() -> None:
    assert MESSAGE_SIZE == PROOF_SIZE == 48
