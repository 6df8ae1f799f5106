"""The secret of a swarm: 32 bytes, in a form that people can pass on, or made of a passphrase.

What follows from it for one info-hash has a label of its own each, so that none tells of another:
what the swarm is called in message stream encryption, and the key that is proved (docs:
shared-secret.rst).
"""

from __future__ import annotations

import hashlib
import hmac
import random
import unicodedata
from base64 import b32decode, b32encode
from dataclasses import dataclass, field
from typing import Iterable

from p2pd.base.errors import FormatError
from p2pd.protocols.swarm_secret.weak_passphrases import LEAST_WORTH, worth

KEY_SIZE = 32
PREFIX = "p2pd-"
"""What is written so is a secret, or a typing error: never a passphrase."""
LEAST_PASSPHRASE, MOST_PASSPHRASE = 12, 1024
"""Characters, and bytes."""
GUESSED = (
    "the passphrase is one of those that are guessed first: use five random words, or a secret as"
    " p2pctl secret makes it"
)
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**17, 8, 1
"""128 MiB and, where it was measured, 0.4 seconds for each guess."""
MAX_MEMORY = 192 * 1024 * 1024
"""What the library may take for that: a bound that has to be named above its own."""

_LABEL = b"p2pd swarm secret 1 "
_CHECK_SIZE = 3
_GROUP = 8
_LOOKALIKES = str.maketrans("018", "olb")
_DIGITS = (KEY_SIZE + _CHECK_SIZE) * 8 // 5


@dataclass(frozen=True, slots=True)
class SwarmSecret:
    """Who has these 32 bytes belongs to the swarm."""

    key: bytes = field(repr=False)

    @classmethod
    def new(cls, rng: random.Random) -> SwarmSecret:
        """`rng` has to be one that nobody can predict."""
        return cls(rng.randbytes(KEY_SIZE))

    def text(self) -> str:
        """For people: letters and digits in groups, with a checksum against typing errors."""
        digits = b32encode(self.key + _checksum(self.key)).decode().lower()
        return PREFIX + "-".join(digits[at : at + _GROUP] for at in range(0, _DIGITS, _GROUP))

    def name_of(self, wire_id: bytes) -> bytes:
        """What message stream encryption takes for the info-hash of 20 bytes: 20 other bytes."""
        return self._derived(b"name", wire_id)[:20]

    def key_of(self, wire_id: bytes) -> bytes:
        """The 32 bytes whose knowledge is proved, for the torrent with this id on the wire."""
        return self._derived(b"proof", wire_id)

    def is_same_as(self, other: SwarmSecret) -> bool:
        """Whether both are one; how long it takes tells nothing."""
        return hmac.compare_digest(self.key, other.key)

    def _derived(self, purpose: bytes, wire_id: bytes) -> bytes:
        return hmac.digest(self.key, _LABEL + purpose + b"\0" + wire_id, "sha256")


@dataclass(frozen=True, slots=True)
class Passphrase:
    """What a person can remember; the secret has to be made of it, which takes long on purpose."""

    text: str = field(repr=False)

    def stretched(self, wire_id: bytes) -> SwarmSecret:
        """The secret for the torrent with this 20-byte id. For threads: see SCRYPT_N."""
        key = hashlib.scrypt(
            self.text.encode(),
            salt=_LABEL + b"passphrase\0" + wire_id,
            n=SCRYPT_N,
            r=SCRYPT_R,
            p=SCRYPT_P,
            maxmem=MAX_MEMORY,
            dklen=KEY_SIZE,
        )
        return SwarmSecret(key)


def read_secret(text: str, known: Iterable[str] = ()) -> SwarmSecret | Passphrase:
    """What somebody was given. Raises FormatError, which does not say what it was.

    `known` are words of which a passphrase is not to consist, for everybody knows them.
    """
    text = unicodedata.normalize("NFC", text.strip())
    if text[: len(PREFIX)].lower() == PREFIX:
        return SwarmSecret(_key(text[len(PREFIX) :]))
    if len(text) < LEAST_PASSPHRASE:
        raise FormatError(f"a passphrase needs {LEAST_PASSPHRASE} characters at least")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise FormatError("the passphrase is no text") from None
    if size > MOST_PASSPHRASE:
        raise FormatError(f"a passphrase may have {MOST_PASSPHRASE} bytes")
    if worth(text, known) < LEAST_WORTH:
        raise FormatError(GUESSED)
    return Passphrase(text)


def _key(text: str) -> bytes:
    digits = "".join(text.replace("-", " ").split()).lower().translate(_LOOKALIKES)
    try:
        raw = b32decode(digits.upper()) if len(digits) == _DIGITS else b""
    except ValueError:
        raw = b""
    key, check = raw[:KEY_SIZE], raw[KEY_SIZE:]
    if not raw or not hmac.compare_digest(check, _checksum(key)):
        raise FormatError("the secret is not as it was made: part of it is missing or mistyped")
    return key


def _checksum(key: bytes) -> bytes:
    return hashlib.sha256(_LABEL + b"checksum\0" + key).digest()[:_CHECK_SIZE]
