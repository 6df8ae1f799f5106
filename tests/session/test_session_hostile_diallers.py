"""Who dials and means harm, at each port and with each policy: he sees the same whatever is here.

Each does the same to two daemons: one has torrents for everybody, for who knows a secret and for
who has a certificate, the other has none. Both are made of the same random numbers, so what he is
told is the same to the byte, and so is the moment at which he is hung up on.
"""

from __future__ import annotations

import random
import ssl
from typing import Any, Callable, Iterator, Sequence

import pytest
from twisted.internet.task import Clock

from p2pd.base.addresses import PeerAddress
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.mse.handshake import MAX_PADDING, MseInitiator, MseResponder, obscured
from p2pd.protocols.mse.key_exchange import KEY_SIZE, PRIME, KeyPair
from p2pd.protocols.mse.keystream import digest, initiators
from p2pd.protocols.mse.policy import EncryptionPolicy
from p2pd.protocols.mse.swarm_keys import SwarmKeys
from p2pd.protocols.peerwire.handshake import PREFIX, Handshake
from p2pd.protocols.swarm_secret.proofs import PROOF_SIZE, DiallersProof
from p2pd.protocols.swarm_secret.secret import SwarmSecret, read_secret
from p2pd.session.connecting.admission import IN_THE_CLEAR
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.secret_nodes import FILES, OTHER, PIECE, SECRET, V1
from tests.session.tls_swarm import FILES as TLS_FILES
from tests.session.tls_swarm import TLS_PORT, give, node, of_everybody, tls_torrent

HERE, ENEMY = "10.0.0.1", "10.0.0.3"
POLICIES = [policy.value for policy in EncryptionPolicy]
PATIENCE = 40.0
"""Seconds in which whoever got nowhere is hung up on."""
MOST_TOLD = KEY_SIZE + MAX_PADDING
MOST_ALERT = 64
WITH_SECRET = parse_torrent(V1).info_hashes.wire_ids[0]
BY_TLS = parse_torrent(tls_torrent()).info_hashes.wire_ids[0]
UNKNOWN = b"u" * 20
KNOWN = read_secret(SECRET)
assert isinstance(KNOWN, SwarmSecret)
NAMES = [
    WITH_SECRET,
    BY_TLS,
    UNKNOWN,
    SwarmSecret(b"w" * 32).name_of(WITH_SECRET),
    KNOWN.name_of(BY_TLS),
]
RIGHT_NAME = KNOWN.name_of(WITH_SECRET)

Steps = Iterator[bytes]
Script = Callable[[bytes, bytearray], Steps]
"""What he says next, once a second; he sees what came meanwhile."""


def keys(seed: int = 5) -> KeyPair:
    return KeyPair.new(random.Random(seed))


def hello(info_hash: bytes) -> bytes:
    return Handshake(info_hash, b"-XX0000-" + b"e" * 12, bytes(8)).encode()


def in_the_clear(name: bytes, heard: bytearray) -> Steps:
    yield hello(name)


def in_the_clear_by_the_byte(name: bytes, heard: bytearray) -> Steps:
    yield from (bytes([one]) for one in hello(name)[:15])
    yield hello(name)[15:]


def a_key_and_no_more(name: bytes, heard: bytearray) -> Steps:
    yield keys().public


def part_of_a_key(name: bytes, heard: bytearray) -> Steps:
    yield keys().public[: KEY_SIZE - 1]


def keys_that_hide_nothing(name: bytes, heard: bytearray) -> Steps:
    yield (PRIME - 1).to_bytes(KEY_SIZE, "big") + obscured(name, bytes(KEY_SIZE))


def too_much_before_the_key(name: bytes, heard: bytearray) -> Steps:
    yield keys().public + bytes(40_000)


def _after_the_key(
    name: bytes,
    heard: bytearray,
    *,
    padding: int = 7,
    zeros: bytes = bytes(8),
    offers: int = 3,
    behind: int = 0,
    said: bytes | None = None,
    length: int | None = None,
) -> Steps:
    yield keys().public + b"p" * padding
    if len(heard) < KEY_SIZE:
        return
    secret = keys().secret(bytes(heard[:KEY_SIZE]))
    payload = hello(name) if said is None else said
    size = len(payload) if length is None else length
    inside = zeros + offers.to_bytes(4, "big") + behind.to_bytes(2, "big")
    inside += bytes(min(behind, 600)) + size.to_bytes(2, "big") + payload
    yield digest(b"req1", secret) + obscured(name, secret) + initiators(secret, name).apply(inside)


def as_it_should_be(name: bytes, heard: bytearray) -> Steps:
    yield from _after_the_key(name, heard)


def by_the_byte(name: bytes, heard: bytearray) -> Steps:
    steps = _after_the_key(name, heard)
    yield next(steps)
    for step in steps:
        yield from (step[at : at + 20] for at in range(0, len(step), 20))


def more_padding_than_there_may_be(name: bytes, heard: bytearray) -> Steps:
    yield from _after_the_key(name, heard, padding=MAX_PADDING + 1)


def zeros_that_are_none(name: bytes, heard: bytearray) -> Steps:
    yield from _after_the_key(name, heard, zeros=b"\0" * 7 + b"\1")


def padding_behind_that_is_too_long(name: bytes, heard: bytearray) -> Steps:
    yield from _after_the_key(name, heard, behind=MAX_PADDING + 1)


def offers_of_nothing(name: bytes, heard: bytearray) -> Steps:
    yield from _after_the_key(name, heard, offers=0)


def offers_of_something_else(name: bytes, heard: bytearray) -> Steps:
    yield from _after_the_key(name, heard, offers=4)


def a_payload_that_never_ends(name: bytes, heard: bytearray) -> Steps:
    yield from _after_the_key(name, heard, length=65_535)


def a_payload_of_a_proofs_size(name: bytes, heard: bytearray) -> Steps:
    yield from _after_the_key(name, heard, offers=2, said=b"x" * PROOF_SIZE)


def hashes_in_another_order(name: bytes, heard: bytearray) -> Steps:
    steps = _after_the_key(name, heard)
    yield next(steps)
    for step in steps:
        yield step[20:40] + step[:20] + step[40:]


def what_was_heard_before(name: bytes, heard: bytearray) -> Steps:
    """All of one side of a handshake that came to its end elsewhere."""
    rng, table = random.Random(8), SwarmKeys()
    table.add(name)
    proof = DiallersProof(SwarmSecret(b"w" * 32), name, bytes(32), b"k" * 32).first()
    offers = EncryptionPolicy.REQUIRED.offers
    one = MseInitiator(keys(), name, offers=offers, payload=proof, rng=rng)
    other = MseResponder(
        keys(6), table, choices=EncryptionPolicy.REQUIRED.choices, rng=random.Random(9)
    )
    said = one.data_to_send()
    other.receive_data(said)
    one.receive_data(other.data_to_send())
    for side, theirs in ((one, keys(6)), (other, keys())):
        side.secret_known(side.keys.secret(theirs.public))
    yield said
    yield one.data_to_send()


def a_greeting_by_tls(name: bytes, heard: bytearray) -> Steps:
    come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    greeting = context.wrap_bio(come, go, server_hostname="x.example")
    with pytest.raises(ssl.SSLWantReadError):
        greeting.do_handshake()
    yield go.read()


def http(name: bytes, heard: bytearray) -> Steps:
    yield b"GET /announce?info_hash=" + name + b" HTTP/1.1\r\n\r\n"


def prefix_and_then_a_key(name: bytes, heard: bytearray) -> Steps:
    yield PREFIX[:10]
    yield from _after_the_key(name, heard)


SCRIPTS: list[Script] = [
    in_the_clear, in_the_clear_by_the_byte, a_key_and_no_more, part_of_a_key,
    keys_that_hide_nothing, too_much_before_the_key, as_it_should_be, by_the_byte,
    more_padding_than_there_may_be, zeros_that_are_none, padding_behind_that_is_too_long,
    offers_of_nothing, offers_of_something_else, a_payload_that_never_ends,
    a_payload_of_a_proofs_size, hashes_in_another_order, what_was_heard_before,
    a_greeting_by_tls, http, prefix_and_then_a_key,
]  # fmt: skip


class Enemy:
    """Dials, says what is in his script, and writes down what comes and when it was over."""

    def __init__(self, network: MemoryNetwork, script: Script, name: bytes) -> None:
        self.network = network
        self.heard = bytearray()
        self.over_after: float | None = None
        self._steps = script(name, self.heard)
        self._stream: Any = None

    def dials(self, address: PeerAddress) -> tuple[bytes, float]:
        began = self.network.clock.seconds()
        transport = self.network.transport(ENEMY)
        transport.dial(address, self._connected, lambda _: self.stream_lost(""), 15.0)
        while self.over_after is None:
            self.network.run(0.25)
            passed = self.network.clock.seconds() - began
            assert passed < PATIENCE, "he is listened to for ever"
            if self._stream is not None and passed % 1 < 0.25 and self.over_after is None:
                self._say_next()
        return bytes(self.heard), round(self.over_after - began, 3)

    def _connected(self, stream: Any) -> Enemy:
        self._stream = stream
        return self

    def _say_next(self) -> None:
        said = next(self._steps, b"")
        if said:
            self._stream.write([said])

    def stream_received(self, data: memoryview) -> None:
        self.heard += data

    def stream_writable(self) -> None:
        """He has nothing more to say."""

    def stream_lost(self, reason: str) -> None:
        if self.over_after is None:
            self.over_after = self.network.clock.seconds()


def met(
    script: Script, names: Sequence[bytes], policy: str, *, full: bool, port: int = 6881
) -> list[tuple[bytes, float]]:
    """What he hears for each name, and when it is over, where these torrents are, or none is."""
    network = MemoryNetwork(Clock())
    at = node(network, HERE, encryption=policy)
    if full:
        at.put(V1, FILES, secret=SECRET)
        give(at, at.put(tls_torrent(), TLS_FILES), of_everybody())
    else:
        # Some secret is here in any case: else nobody is listened to where the policy is off.
        at.add(f"magnet:?xt=urn:btih:{'cd' * 20}", secret=SwarmSecret(b"o" * 32).text())
    found = []
    for number, name in enumerate(names):
        network.run(100.0 * (number + 1) - network.clock.seconds())
        at.session.connections.opener.work.rng.seed(4)  # type: ignore[union-attr]
        found.append(Enemy(network, script, name).dials(PeerAddress(HERE, port)))
        assert not at.session.connections.established
        assert not len(at.session.connections.arrivals)
    at.stop()
    return found


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_he_is_told_nothing_and_sees_the_same_as_where_nothing_is(
    script: Script, policy: str
) -> None:
    here, elsewhere = (met(script, NAMES, policy, full=full) for full in (True, False))
    assert here == elsewhere
    for told, _ in here:
        assert not told or KEY_SIZE <= len(told) <= MOST_TOLD, "a key and padding, or nothing"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_who_was_told_the_name_gets_no_more_bytes_for_it(script: Script) -> None:
    (here,), (there,) = (
        met(script, [RIGHT_NAME], "preferred", full=full) for full in (True, False)
    )
    assert here[0] == there[0]
    assert len(here[0]) <= MOST_TOLD


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_at_the_port_for_tls_there_is_an_alert_at_most(script: Script) -> None:
    names = [WITH_SECRET, BY_TLS, UNKNOWN]
    here, elsewhere = (
        met(script, names, "preferred", full=full, port=TLS_PORT) for full in (True, False)
    )
    assert here == elsewhere
    assert all(len(told) <= MOST_ALERT for told, _ in here)


@pytest.mark.parametrize("script", [in_the_clear, as_it_should_be, by_the_byte])
def test_the_same_of_a_torrent_for_everybody_is_heard(script: Script) -> None:
    """So that nothing above is only so because nobody is heard at all."""
    network = MemoryNetwork(Clock())
    at = SimNode(network, HERE, encryption="preferred")
    at.put(OTHER, {"b.bin": b"x" * PIECE})
    enemy = Enemy(network, script, parse_torrent(OTHER).info_hashes.wire_ids[0])
    with pytest.raises(AssertionError, match="for ever"):
        enemy.dials(PeerAddress(HERE, 6881))
    assert at.session.connections.established == 1


def test_for_who_asks_in_the_clear_no_closed_torrent_is_even_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is done for one that is closed and for one that is not here is the same work."""
    at = node(MemoryNetwork(Clock()), HERE, encryption="preferred")
    at.put(V1, FILES, secret=SECRET)
    give(at, at.put(tls_torrent(), TLS_FILES), of_everybody())
    had = at.put(OTHER, {"b.bin": b"x" * PIECE})
    looked: list[bytes] = []
    find = at.session.torrent_by_wire_id
    monkeypatch.setattr(
        at.session, "torrent_by_wire_id", lambda wire_id: (looked.append(wire_id), find(wire_id))[1]
    )
    connections = at.session.connections
    for name in NAMES:
        assert connections.accepting(name, IN_THE_CLEAR) is None
    assert not looked
    wire_id = had.info_hashes.wire_ids[0]
    assert connections.accepting(wire_id, IN_THE_CLEAR) is had
