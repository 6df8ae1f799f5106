"""How the peers of a transfer speak to each other."""

from __future__ import annotations

import enum


class Cipher(enum.Enum):
    """``none``: in the clear. ``rc4``: message stream encryption. ``tls``: an SSL torrent."""

    NONE = "none"
    RC4 = "rc4"
    TLS = "tls"
