"""Info-hashes (v1, v2, truncated v2) and peer ids (BEP 3, BEP 20, BEP 52)."""

from __future__ import annotations

import random
from dataclasses import dataclass

from p2pd import __version__
from p2pd.base.errors import FormatError

V1_SIZE = 20
V2_SIZE = 32
PEER_ID_SIZE = 20

CLIENT_NAMES = {
    "P2": "p2pd", "TR": "Transmission", "LT": "libtorrent", "lt": "rTorrent", "qB": "qBittorrent",
    "DE": "Deluge", "UT": "µTorrent", "UM": "µTorrent Mac", "AZ": "Vuze", "BC": "BitComet",
    "BT": "BitTorrent", "BI": "BiglyBT", "KT": "KTorrent", "FD": "Free Download Manager",
    "WW": "WebTorrent", "WD": "WebTorrent Desktop", "rQ": "rqbit", "XL": "Xunlei", "TX": "Tixati",
    "LW": "LimeWire", "A2": "aria2", "SD": "Xunlei", "PI": "PicoTorrent", "FG": "FlashGet",
    "PD": "Pando",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class InfoHashes:
    """The one or two info-hashes of a torrent: `v1` SHA-1 (20 bytes), `v2` SHA-256 (32)."""

    v1: bytes | None = None
    v2: bytes | None = None

    def __post_init__(self) -> None:
        if self.v1 is None and self.v2 is None:
            raise FormatError("a torrent needs an info-hash")
        if self.v1 is not None and len(self.v1) != V1_SIZE:
            raise FormatError("a v1 info-hash has 20 bytes")
        if self.v2 is not None and len(self.v2) != V2_SIZE:
            raise FormatError("a v2 info-hash has 32 bytes")

    @property
    def wire_ids(self) -> tuple[bytes, ...]:
        """The 20-byte ids in handshakes and announces: v1, then v2 cut to 20 (BEP 52)."""
        ids = () if self.v1 is None else (self.v1,)
        return ids if self.v2 is None else (*ids, self.v2[:V1_SIZE])

    @property
    def hash_string(self) -> str:
        """The torrent's name on the control API: 40 hex digits, v1's if there is one."""
        first = self.v1 if self.v1 is not None else self.wire_ids[0]
        return first.hex()


def new_peer_id(rng: random.Random) -> bytes:
    """A peer id (BEP 20): ``-P20100-`` and twelve random characters."""
    digits = "".join(part.zfill(1)[:1] for part in __version__.split(".")[:3]).ljust(4, "0")
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return f"-P2{digits}-{''.join(rng.choices(alphabet, k=12))}".encode()


def client_name(peer_id: bytes) -> str:
    """What a peer id says its client is, for people: ``Transmission 3.0.0``; never trusted."""
    if len(peer_id) >= 8 and peer_id[:1] == b"-" and peer_id[7:8] == b"-":
        code = peer_id[1:3].decode("ascii", "replace")
        if code.isascii() and code.isprintable():
            version = ".".join(_version_digit(c) for c in peer_id[3:6])
            return f"{CLIENT_NAMES.get(code, code)} {version}"
    if peer_id[:1] == b"M" and peer_id[1:2].isdigit():
        version = peer_id[1:8].decode("ascii", "replace").strip("-").replace("-", ".")
        if version.isprintable():
            return f"BitTorrent {version}"
    return "unknown"


def _version_digit(code: int) -> str:
    character = chr(code)
    if character.isdigit():
        return character
    return str(ord(character.upper()) - 55) if character.isascii() and character.isalpha() else "?"
