"""When connections are encrypted: the user's choice, and what follows from it on either side."""

from __future__ import annotations

import enum

from p2pd.protocols.mse.handshake import Methods


class EncryptionPolicy(enum.Enum):
    """``off``: never. ``allowed``: when the peer wants it. ``preferred``: unless the peer cannot.

    ``required``: always, and all of it, not the handshake alone.
    """

    OFF = "off"
    ALLOWED = "allowed"
    PREFERRED = "preferred"
    REQUIRED = "required"

    @property
    def takes_plain(self) -> bool:
        """Whether a peer may speak in the clear."""
        return self is not EncryptionPolicy.REQUIRED

    @property
    def takes_encrypted(self) -> bool:
        """Whether a peer may speak encrypted."""
        return self is not EncryptionPolicy.OFF

    @property
    def approaches(self) -> tuple[bool, ...]:
        """How a peer is dialled, one after the other until it answers: encrypted, or not."""
        return {
            EncryptionPolicy.OFF: (False,),
            EncryptionPolicy.ALLOWED: (False, True),
            EncryptionPolicy.PREFERRED: (True, False),
            EncryptionPolicy.REQUIRED: (True,),
        }[self]

    @property
    def choices(self) -> tuple[Methods, ...]:
        """What is spoken behind an encrypted handshake, what is liked best first."""
        return {
            EncryptionPolicy.OFF: (),
            EncryptionPolicy.ALLOWED: (Methods.PLAIN, Methods.RC4),
            EncryptionPolicy.PREFERRED: (Methods.RC4, Methods.PLAIN),
            EncryptionPolicy.REQUIRED: (Methods.RC4,),
        }[self]

    @property
    def offers(self) -> Methods:
        """The same for who is dialled to choose from."""
        found = Methods.NONE
        for method in self.choices:
            found |= method
        return found
