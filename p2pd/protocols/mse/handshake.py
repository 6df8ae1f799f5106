"""The handshake of message stream encryption, both sides, without input or output.

    initiator                                   responder
    Ya, padding                          ->
                                         <-     Yb, padding
    H(req1,S), H(req2,K)^H(req3,S),
    RC4(zeros, offers, padding, payload) ->
                                         <-     RC4(zeros, choice, padding)
    then both as was chosen: RC4 or as it is

S is the secret, K the info-hash of the torrent, or another name that only some know: who does not
know it cannot take part. Who asks for a torrent that is not here is listened to as if it were,
until what he encrypted proves to be unreadable: he cannot tell it from one that he cannot name.
Bytes go in (`receive_data`); what is to be sent is fetched (`data_to_send`). When `their_key` is
there somebody has to make the secret of it, elsewhere, for it takes long (`secret_known`). Where
the padding of the other side ends is found by what comes behind it. When all is said there is an
`agreement`.
"""

from __future__ import annotations

import enum
import random
import struct
from typing import Callable, NamedTuple, Protocol

from p2pd.protocols.mse.key_exchange import KEY_SIZE, KeyPair, MseError, binding
from p2pd.protocols.mse.keystream import Keystream, digest, initiators, responders

MAX_PADDING = 512
ZEROS = bytes(8)
"""The verification constant: that it is read as zeros proves that both have the same key."""

MAX_PAYLOAD = 2 + 65_535
"""The initial payload, with its length."""
AHEAD = 16 * 1024
"""What may follow at once, by who offers one method alone and so knows which is chosen."""

_OFFERS = struct.Struct("!8sLH")
_CHOICE = struct.Struct("!LH")
_LENGTH = struct.Struct("!H")
_HASH = 20


class Methods(enum.IntFlag):
    """How what follows the handshake is sent."""

    NONE = 0
    PLAIN = 1
    RC4 = 2


class Agreement(NamedTuple):
    """What both sides have agreed on.

    `encrypt` and `decrypt` are None where what follows is sent as it is. `payload` is what the
    other side said already, as it meant it. `binding` is what both ends alone know of this
    connection, 32 bytes, whichever method was chosen.
    """

    info_hash: bytes
    encrypt: Keystream | None
    decrypt: Keystream | None
    payload: bytes
    binding: bytes


class Swarms(Protocol):
    """The torrents that a responder may be asked for."""

    def find(self, obscured: bytes, secret: bytes) -> bytes | None:
        """The info-hash that this stands for, with this secret."""


Payload = bytes | Callable[[bytes], bytes]
"""What an initiator says first, at most 65535 bytes; or what makes it of the binding."""

Judge = Callable[[bytes, bytes, bytes], bool]
"""Hears what an initiator wants before he is answered: a torrent's name, the payload, the binding.

Whether nothing but RC4 may be chosen for him. Raises MseError: he gets no answer.
"""


def nobody_is_judged(name: bytes, payload: bytes, binding: bytes) -> bool:
    """Whoever knows the name of a torrent is answered."""
    return False


class MseHandshake:
    """What both sides do alike."""

    def __init__(self, keys: KeyPair, rng: random.Random) -> None:
        self.agreement: Agreement | None = None
        self.their_key: bytes | None = None
        """Of this the secret is to be made with `keys`."""
        self.keys = keys
        self._rng = rng
        self._came = bytearray()
        self._out = bytearray(keys.public + rng.randbytes(rng.randrange(MAX_PADDING + 1)))
        self._secret: bytes | None = None

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Bytes from the other side, none after the agreement. Raises MseError."""
        self._came += data
        if self.their_key is None and len(self._came) >= KEY_SIZE:
            self.their_key = bytes(self._came[:KEY_SIZE])
            del self._came[:KEY_SIZE]
        if self._secret is not None:
            self._go_on()
        elif len(self._came) > self._most_before_secret:
            raise MseError("the peer says more than it may before the keys are exchanged")

    def secret_known(self, secret: bytes) -> None:
        """The secret of `their_key`. Raises MseError for what came meanwhile."""
        self._secret = secret
        self._begin(secret)
        self._go_on()

    def data_to_send(self) -> bytes:
        """What is to be sent now; each byte is told of once."""
        out, self._out = bytes(self._out), bytearray()
        return out

    # -- what the sides do differently -----------------------------------------------------------

    _most_before_secret = MAX_PADDING
    """Bytes that the other side may have said behind its key while we calculate."""

    def _begin(self, secret: bytes) -> None:
        """The secret is known now."""
        raise NotImplementedError

    def _go_on(self) -> None:
        """Read on, as far as what came reaches."""
        raise NotImplementedError

    def _keys(self) -> tuple[bytes, bytes]:
        """The public keys, that of who dialled first."""
        raise NotImplementedError

    # -- what both need --------------------------------------------------------------------------

    def _agree_on(
        self, info_hash: bytes, ways: tuple[Keystream | None, Keystream | None], payload: bytes
    ) -> None:
        """All is said; `ways` are out and in."""
        self.agreement = Agreement(info_hash, *ways, payload, self._binding())

    def _binding(self) -> bytes:
        assert self._secret is not None
        return binding(*self._keys(), self._secret)

    def _skip_padding(self, behind: bytes) -> bool:
        """Whether what comes behind the padding was found; all up to its end is dropped then."""
        at = self._came.find(behind, 0, MAX_PADDING + len(behind))
        if at >= 0:
            del self._came[: at + len(behind)]
            return True
        if len(self._came) >= MAX_PADDING + len(behind):
            raise MseError("the peer speaks neither plainly nor encrypted, or of another torrent")
        return False

    def _padding(self) -> bytes:
        """Of the encrypted part, where it looks as random as any."""
        return bytes(self._rng.randrange(MAX_PADDING + 1))


class MseInitiator(MseHandshake):
    """Of who dialled: knows the torrent, and says what is to be spoken."""

    def __init__(
        self,
        keys: KeyPair,
        info_hash: bytes,
        *,
        offers: Methods,
        payload: Payload = b"",
        rng: random.Random,
    ) -> None:
        """`payload` is said along with the offers: the handshake of BEP 3, mostly."""
        super().__init__(keys, rng)
        self._info_hash = info_hash
        self._offers = offers
        self._payload = payload
        self._encrypt: Keystream | None = None
        self._decrypt: Keystream | None = None
        self._sign = b""
        self._choice: tuple[Methods, int] | None = None

    def _keys(self) -> tuple[bytes, bytes]:
        assert self.their_key is not None
        return self.keys.public, self.their_key

    def _begin(self, secret: bytes) -> None:
        encrypt = self._encrypt = initiators(secret, self._info_hash)
        self._decrypt = responders(secret, self._info_hash)
        self._sign = self._decrypt.apply(ZEROS)
        padding, payload = self._padding(), self._payload
        if not isinstance(payload, bytes):
            payload = payload(self._binding())
        said = _OFFERS.pack(ZEROS, self._offers, len(padding)) + padding
        said += _LENGTH.pack(len(payload)) + payload
        self._out += digest(b"req1", secret)
        self._out += obscured(self._info_hash, secret)
        self._out += encrypt.apply(said)

    def _go_on(self) -> None:
        if self._sign:
            if not self._skip_padding(self._sign):
                return
            self._sign = b""
        assert self._decrypt is not None
        if self._choice is None:
            if len(self._came) < _CHOICE.size:
                return
            self._choice = self._chosen(self._decrypt.apply(self._taken(_CHOICE.size)))
        method, padding = self._choice
        if len(self._came) < padding:
            return
        self._decrypt.apply(self._taken(padding))
        rest = self._taken(len(self._came))
        if method is Methods.RC4:
            payload = self._decrypt.apply(rest)
            self._agree_on(self._info_hash, (self._encrypt, self._decrypt), payload)
        else:
            self._agree_on(self._info_hash, (None, None), rest)

    def _chosen(self, said: bytes) -> tuple[Methods, int]:
        choice, padding = _CHOICE.unpack(said)
        if choice not in (Methods.PLAIN, Methods.RC4) or not choice & self._offers:
            raise MseError("the peer chose what it was not offered")
        if padding > MAX_PADDING:
            raise MseError(f"{padding} bytes of padding are more than {MAX_PADDING}")
        return Methods(choice), padding

    def _taken(self, size: int) -> bytes:
        taken = bytes(self._came[:size])
        del self._came[:size]
        return taken


class MseResponder(MseHandshake):
    """Of who accepted: finds out which torrent is meant, and chooses of what is offered."""

    # Who dialled has our key already, may calculate faster, and goes on at once.
    _most_before_secret = 2 * MAX_PADDING + 2 * _HASH + _OFFERS.size + MAX_PAYLOAD + AHEAD

    def __init__(
        self,
        keys: KeyPair,
        swarms: Swarms,
        *,
        choices: tuple[Methods, ...],
        rng: random.Random,
        judge: Judge = nobody_is_judged,
    ) -> None:
        """`choices` are the methods to choose from, what is liked best first."""
        super().__init__(keys, rng)
        self._swarms = swarms
        self._judge = judge
        self._choices = choices
        self._sign = b""
        self._info_hash: bytes | None = None
        self._encrypt: Keystream | None = None
        self._decrypt: Keystream | None = None
        self._read = bytearray()
        self._wanted = _OFFERS.size

    def _keys(self) -> tuple[bytes, bytes]:
        assert self.their_key is not None
        return self.their_key, self.keys.public

    def _begin(self, secret: bytes) -> None:
        self._sign = digest(b"req1", secret)

    def _go_on(self) -> None:
        if self._sign:
            if not self._skip_padding(self._sign):
                return
            self._sign = b""
        if self._decrypt is None:
            if len(self._came) < _HASH:
                return
            self._look_up(bytes(self._came[:_HASH]))
            del self._came[:_HASH]
        self._read_offers()

    def _look_up(self, wanted: bytes) -> None:
        assert self._secret is not None
        nobodys = self._rng.randbytes(_HASH)
        self._info_hash = self._swarms.find(wanted, self._secret)
        name = nobodys if self._info_hash is None else self._info_hash
        self._decrypt = initiators(self._secret, name)
        self._encrypt = responders(self._secret, name)

    def _read_offers(self) -> None:
        """Zeros, offers, padding, and the payload: each says where the next one ends."""
        while self.agreement is None:
            missing = self._wanted - len(self._read)
            if missing > 0 and not self._decrypted(missing):
                return
            read = self._read
            zeros, offers, padding = _OFFERS.unpack_from(read)
            if self._info_hash is None:
                raise MseError("the peer asked for a torrent that is not here")
            if zeros != ZEROS:
                raise MseError("what the peer encrypted cannot be read")
            if padding > MAX_PADDING:
                raise MseError(f"{padding} bytes of padding are more than {MAX_PADDING}")
            behind = _OFFERS.size + padding + _LENGTH.size
            if len(read) < behind:
                self._wanted = behind
                continue
            (payload,) = _LENGTH.unpack_from(read, behind - _LENGTH.size)
            self._wanted = behind + payload
            if len(read) == self._wanted:
                said = bytes(read[behind:])
                rc4_only = self._judge(self._info_hash, said, self._binding())
                self._agree(self._choose(offers, rc4_only=rc4_only), said)

    def _decrypted(self, size: int) -> bool:
        """Whether so many bytes more could be read."""
        if len(self._came) < size:
            return False
        assert self._decrypt is not None
        self._read += self._decrypt.apply(self._came[:size])
        del self._came[:size]
        return True

    def _choose(self, offers: int, *, rc4_only: bool) -> Methods:
        for method in (Methods.RC4,) if rc4_only else self._choices:
            if method & offers:
                return method
        raise MseError("the peer offers no method that is allowed here")

    def _agree(self, method: Methods, payload: bytes) -> None:
        assert self._info_hash is not None
        assert self._encrypt is not None
        assert self._decrypt is not None
        padding = self._padding()
        said = ZEROS + _CHOICE.pack(method, len(padding)) + padding
        self._out += self._encrypt.apply(said)
        rest = bytes(self._came)
        self._came.clear()
        if method is Methods.RC4:
            payload += self._decrypt.apply(rest)
            self._agree_on(self._info_hash, (self._encrypt, self._decrypt), payload)
        else:
            self._agree_on(self._info_hash, (None, None), payload + rest)


def obscured(info_hash: bytes, secret: bytes) -> bytes:
    """How an initiator names the torrent: nobody without the secret can tell which it is."""
    return mixed(digest(b"req2", info_hash), digest(b"req3", secret))


def mixed(one: bytes, other: bytes) -> bytes:
    """One XOR the other, of 20 bytes each."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(_HASH, "big")
