"""What a seed by HTTP is asked for: parts of a piece, by the torrent's info-hash (BEP 17)."""

from __future__ import annotations

from urllib.parse import quote


def piece_url(base: str, info_hash: bytes, piece: int, begin: int, length: int) -> str:
    """The URL of `length` bytes from `begin` of a piece; the hash has 20 bytes."""
    base = base.partition("#")[0]
    mark = "&" if "?" in base else "?"
    hashed = quote(info_hash, safe="")
    return f"{base}{mark}info_hash={hashed}&piece={piece}&ranges={begin}-{begin + length - 1}"
