"""Streams of swarms with a secret, between two ends in memory: who knows it, and who does not."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.mse.handshake import MseInitiator, obscured
from p2pd.protocols.mse.key_exchange import KEY_SIZE, KeyPair
from p2pd.protocols.mse.keystream import digest, initiators
from p2pd.protocols.mse.policy import EncryptionPolicy
from p2pd.protocols.mse.swarm_keys import SwarmKeys
from p2pd.protocols.peerwire.handshake import PREFIX
from p2pd.protocols.swarm_secret.proofs import PROOF_SIZE, DiallersProof
from p2pd.protocols.swarm_secret.secret import SwarmSecret
from p2pd.transports.encryption import secret_openings
from p2pd.transports.encryption.openings import AcceptedOpening, DialledOpening
from p2pd.transports.encryption.secret_openings import (
    NOT_PROVED,
    ProofCounts,
    SecretDialled,
    SecretsAccepted,
    SecretSwarm,
)
from tests.transports.encryption.test_openings import Above, End, Side, carry, work_of

OFF, ALLOWED, PREFERRED, REQUIRED = EncryptionPolicy
ID, OTHER_ID, OPEN = b"i" * 20, b"j" * 20, b"h" * 20
SECRET, WRONG = SwarmSecret(b"s" * 32), SwarmSecret(b"w" * 32)
SWARM = SecretSwarm(SECRET, ID)


class Dials(Side):
    """Who dials for a swarm with a secret."""

    def __init__(self, swarm: SecretSwarm = SWARM) -> None:
        self.end, self.above, self.work = End(), Above(), work_of()
        self.counts = ProofCounts()
        self.opening: Any = SecretDialled(
            self.end,
            self.above.opened,
            self.work,
            swarm=swarm,
            counts=self.counts,
        )
        self.opening.receiver = self.above
        self.end.receiver = self.opening


class Accepts(Side):
    """Who accepts, and has an open torrent besides those with secrets."""

    def __init__(self, *swarms: SecretSwarm, policy: EncryptionPolicy = ALLOWED) -> None:
        self.end, self.above, self.work = End(), Above(), work_of()
        self.counts = ProofCounts()
        self.proved: list[SecretSwarm] = []
        table = SwarmKeys()
        for name in (OPEN, *(swarm.name for swarm in swarms)):
            table.add(name)
        self.opening: Any = SecretsAccepted(
            self.end,
            self.above.opened,
            self.work,
            swarms=table,
            policy=policy,
            secrets={swarm.name: swarm for swarm in swarms},
            proved=self.proved.append,
            counts=self.counts,
        )
        self.opening.receiver = self.above
        self.end.receiver = self.opening


@given(
    st.sampled_from(EncryptionPolicy),
    st.lists(st.integers(1, 400), max_size=30),
    st.booleans(),
    st.binary(min_size=1, max_size=100_000),
)
def test_who_both_know_the_secret_talk_whatever_the_policy_is(
    policy: EncryptionPolicy, sizes: list[int], writable: bool, words: bytes
) -> None:
    one, other = Dials(), Accepts(SWARM, policy=policy)
    one.say(PREFIX + b" first")
    one.opening.begin()
    carry(one, other, sizes, writable=writable)
    assert bytes(other.above.heard) == PREFIX + b" first"
    one.say(b" second")
    other.say(words)
    carry(one, other, writable=writable)
    assert bytes(other.above.heard) == PREFIX + b" first second"
    assert bytes(one.above.heard) == words
    assert other.proved == [SWARM]
    assert one.above.binding == other.above.binding == one.stream.binding == other.stream.binding
    assert one.above.encrypted is other.above.encrypted is True
    assert [(side.counts.accepted, side.counts.refused) for side in (one, other)] == [(1, 0)] * 2


def test_nothing_that_is_to_be_said_leaves_before_both_have_proved_it() -> None:
    one, other = Dials(), Accepts(SWARM)
    one.say(b"info-hash and peer id")
    one.opening.begin()
    sent = bytearray()
    while one.end.sent or other.end.sent:
        sent += one.end.sent
        if other.above.stream is None:
            assert one.opening.pending >= len(b"info-hash and peer id")
            assert not other.above.heard
        for source, target in ((one, other), (other, one)):
            data, source.end.sent = bytes(source.end.sent), bytearray()
            target.hear(data)
    assert b"info-hash" not in sent


def test_the_other_torrents_go_on_as_before() -> None:
    one, other = Side(DialledOpening, ALLOWED, info_hash=OPEN), Accepts(SWARM, policy=ALLOWED)
    one.say(b"first")
    one.opening.begin()
    carry(one, other)
    assert bytes(other.above.heard) == b"first"
    assert not other.proved
    assert other.above.encrypted is False
    plain = Accepts(SWARM)
    plain.hear(PREFIX + b"first")
    assert bytes(plain.above.heard) == PREFIX + b"first"


def ended(one: Side, other: Side) -> tuple[bytes, str]:
    """What who dialled was sent, and why it was hung up on."""
    one.opening.begin()
    told = bytearray()
    while one.end.sent or other.end.sent:
        said, one.end.sent = bytes(one.end.sent), bytearray()
        if said:
            other.hear(said)
        told += other.end.sent
        answer, other.end.sent = bytes(other.end.sent), bytearray()
        if answer and not one.above.lost:
            one.hear(answer)
    assert other.end.aborted
    assert other.above.stream is None
    assert not other.above.heard
    (why,) = other.above.lost
    return bytes(told), why


WHO_DOES_NOT_KNOW = {
    "a wrong secret": lambda: Dials(SecretSwarm(WRONG, ID)),
    "the secret of another torrent": lambda: Dials(SecretSwarm(SECRET, OTHER_ID)),
    "the info-hash alone": lambda: Side(DialledOpening, REQUIRED, info_hash=ID),
}


@pytest.mark.parametrize("who", WHO_DOES_NOT_KNOW)
def test_who_does_not_know_it_sees_what_he_sees_where_it_is_not(who: str) -> None:
    found = []
    for swarms in ((SWARM,), ()):
        other = Accepts(*swarms)
        found.append(ended(WHO_DOES_NOT_KNOW[who](), other))
        assert not other.proved
    assert found[0] == found[1]
    told, why = found[0]
    assert KEY_SIZE <= len(told) <= KEY_SIZE + 512, "a public key and padding"
    assert why == "the peer asked for a torrent that is not here"


class Named(DialledOpening):
    """Somebody was told what the torrent is called, not its secret: he says what he likes."""

    said: Any = staticmethod(lambda binding: b"x" * PROOF_SIZE)

    def _handshake(self, keys: KeyPair) -> Any:
        offers, rng = self._policy.offers, self._work.rng
        return MseInitiator(keys, self._info_hash, offers=offers, payload=self.said, rng=rng)


def named(said: Any, name: bytes = SWARM.name) -> Side:
    one = Side(Named, REQUIRED, info_hash=name)
    one.opening.said = said
    return one


def test_who_says_something_else_than_a_proof_gets_no_answer() -> None:
    wrong = SecretSwarm(WRONG, ID)
    for said in (
        lambda binding: b"",
        lambda binding: b"x" * PROOF_SIZE,
        lambda binding: PREFIX + bytes(48),
        lambda binding: DiallersProof(wrong.secret, ID, binding, b"p" * 32).first(),
        lambda binding: DiallersProof(SECRET, ID, bytes(32), b"p" * 32).first(),
        lambda binding: DiallersProof(SECRET, ID, binding, b"p" * 32).first() + b"!",
    ):
        other = Accepts(SWARM)
        told, why = ended(named(said), other)
        assert (why, other.counts.refused) == (NOT_PROVED, 1)
        assert len(told) <= KEY_SIZE + 512
        stranger, nowhere = named(said), Accepts()
        assert ended(stranger, nowhere)[0] == told, "the very same bytes as where it is not"


def test_a_proof_that_was_heard_is_worth_nothing_later() -> None:
    heard = []

    def overhears(binding: bytes) -> bytes:
        heard.append(DiallersProof(SECRET, ID, binding, b"p" * 32).first())
        return heard[-1]

    one, other = named(overhears), Accepts(SWARM)
    one.opening.begin()
    carry(one, other)
    assert other.proved == [SWARM]
    again = Accepts(SWARM)
    again.work = again.opening._work = keys_of(7)
    _, why = ended(named(lambda binding: heard[0]), again)
    assert why == NOT_PROVED
    assert not again.proved


def keys_of(seed: int) -> Any:
    work = work_of()
    work.rng = random.Random(seed)
    return work


def test_all_that_was_heard_said_again_is_worth_nothing() -> None:
    """Byte for byte, as somebody recorded it on the wire."""
    one, other = Dials(), Accepts(SWARM)
    one.say(b"words")
    one.opening.begin()
    recorded = bytearray()
    while one.end.sent or other.end.sent:
        recorded += one.end.sent
        for source, target in ((one, other), (other, one)):
            data, source.end.sent = bytes(source.end.sent), bytearray()
            target.hear(data)
    assert bytes(other.above.heard) == b"words"
    again = Accepts(SWARM)
    again.opening._work = keys_of(8)
    again.hear(bytes(recorded))
    assert again.end.aborted
    assert not again.above.heard
    assert not again.proved


def test_who_sends_back_what_he_hears_gets_nowhere() -> None:
    one = Dials()
    one.opening.begin()
    for _ in range(5):
        data, one.end.sent = bytes(one.end.sent), bytearray()
        if data and not one.above.lost:
            one.hear(data)
    assert one.above.stream is None
    assert one.above.lost


def test_who_stands_between_two_can_pass_on_bytes_and_no_more() -> None:
    """He speaks with both, knows what the torrent is called, and passes on the proofs."""
    proofs: list[bytes] = []
    one, his_listener = Dials(), Accepts(SWARM)
    his_listener.opening._judge = lambda name, payload, binding: proofs.append(payload) or True
    one.opening.begin()
    while not proofs:
        for source, target in ((one, his_listener), (his_listener, one)):
            data, source.end.sent = bytes(source.end.sent), bytearray()
            target.hear(data)
    other = Accepts(SWARM)
    other.opening._work = keys_of(9)
    _, why = ended(named(lambda binding: proofs[0]), other)
    assert why == NOT_PROVED
    assert not other.proved
    assert one.above.stream is None


@pytest.mark.parametrize("answer", [b"x" * PROOF_SIZE, b"", b"x" * (PROOF_SIZE + 1)])
def test_who_is_dialled_and_does_not_know_it_hears_nothing(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if he was told what it is called: he can only guess at the answer."""
    one, liar = Dials(), Accepts(SWARM)
    one.say(b"info-hash")
    real = secret_openings.AcceptorsProof.second

    def second(self: Any) -> Any:
        out, into, right = real(self)
        return out, into, answer or right[:32] + bytes(16)

    monkeypatch.setattr(secret_openings.AcceptorsProof, "second", second)
    monkeypatch.setattr(secret_openings.AcceptorsProof, "check", lambda *_: None)
    liar.opening._judge = _judges_nothing(liar)
    one.opening.begin()
    for _ in range(4):
        for source, target in ((one, liar), (liar, one)):
            data, source.end.sent = bytes(source.end.sent), bytearray()
            if data and not target.above.lost:
                target.hear(data)
    assert one.above.lost == [NOT_PROVED]
    assert one.end.aborted
    assert one.counts.refused == 1
    assert not liar.above.heard


def _judges_nothing(liar: Accepts) -> Any:
    def judge(name: bytes, payload: bytes, binding: bytes) -> bool:
        proof = secret_openings.AcceptorsProof(WRONG, ID, binding, b"l" * 32)
        proof._theirs = payload[:32]
        liar.opening._swarm, liar.opening._proof = SWARM, proof
        return True

    return judge


def test_who_says_more_before_he_has_our_proof_is_hung_up_on() -> None:
    one, other = Dials(), Accepts(SWARM)
    one.opening.begin()
    for _ in range(2):
        data, one.end.sent = bytes(one.end.sent), bytearray()
        if one.opening._shaking and one.opening._shaking._encrypt is not None:
            data += one.opening._shaking._encrypt.apply(b"more")
        other.hear(data)
        data, other.end.sent = bytes(other.end.sent), bytearray()
        if not other.above.lost:
            one.hear(data)
    assert other.above.lost == ["the peer says more than it may before it has our proof"]


def both(policy: EncryptionPolicy = ALLOWED) -> tuple[Dials, Accepts]:
    one, other = Dials(), Accepts(SWARM, policy=policy)
    one.opening.begin()
    carry(one, other)
    return one, other


def test_a_table_of_names_tells_none_of_the_info_hash() -> None:
    """By the name that is on the wire, which whoever is dialled can find out, nobody gets in."""
    keys = [KeyPair(2**159 + number) for number in (1, 2)]
    secret = keys[0].secret(keys[1].public)
    table = SwarmKeys()
    table.add(SWARM.name)
    assert table.find(obscured(ID, secret), secret) is None
    assert table.find(obscured(SWARM.name, secret), secret) == SWARM.name
    assert initiators(secret, ID).apply(bytes(8)) != initiators(secret, SWARM.name).apply(bytes(8))
    assert digest(b"req2", ID) != digest(b"req2", SWARM.name)


def test_who_is_only_looked_up_may_not_be_told_apart_by_when_he_is_hung_up_on() -> None:
    """The hash that names the torrent, and then nonsense: after each byte both do the same."""
    for swarms in ((SWARM,), ()):
        side = Accepts(*swarms)
        keys = KeyPair(2**159 + 5)
        side.hear(keys.public)
        theirs = bytes(side.end.sent[:KEY_SIZE])
        secret = keys.secret(theirs)
        side.hear(digest(b"req1", secret) + obscured(SWARM.name, secret))
        for number in range(14):
            assert not side.above.lost, number
            side.hear(b"\x5a")
        assert side.end.aborted


def test_an_opening_that_knows_no_secret_is_as_before() -> None:
    assert issubclass(SecretsAccepted, AcceptedOpening)
    side = Accepts()
    one = Side(DialledOpening, REQUIRED, info_hash=OPEN)
    one.opening.begin()
    carry(one, side)
    assert side.above.encrypted is True
