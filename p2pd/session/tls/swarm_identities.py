"""With what each TLS torrent is a peer of its swarm, by info-hash."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, Mapping

from p2pd.session.revoking.swarm_revoking import Swarm
from p2pd.session.tls.swarm_identity import SwarmIdentity


class SwarmIdentities:
    """Those of a session; `torrent_of` finds a torrent by one of its 20-byte ids, or None."""

    def __init__(self, torrent_of: Callable[[bytes], Any]) -> None:
        self._torrent_of = torrent_of
        self._kept: dict[str, SwarmIdentity] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, info_hash: object) -> bool:
        return info_hash in self._kept

    def fill(self, kept: Mapping[str, SwarmIdentity]) -> None:
        """With what was kept, by info-hash in hex."""
        self._kept = dict(kept)

    def all(self) -> list[SwarmIdentity]:
        """Also of torrents that are not there yet."""
        return list(self._kept.values())

    def of(self, torrent: Any) -> SwarmIdentity | None:
        """What this one has; None: nothing is known."""
        if not self._kept:
            return None
        found = (self._kept.get(each) for each in _names(torrent))
        return next(filter(None, found), None)

    def put(self, torrent: Any, identity: SwarmIdentity) -> None:
        """It has this, and nothing else."""
        self.drop(torrent)
        self._kept[torrent.info_hashes.hash_string] = identity

    def drop(self, torrent: Any) -> list[str]:
        """It has nothing; by which info-hashes it had something."""
        return [each for each in _names(torrent) if self._kept.pop(each, None) is not None]

    def drop_removed(self, info_hashes: Iterable[str]) -> list[str]:
        """Those of these info-hashes that no torrent has; nothing is known of them any more."""
        gone = [each for each in info_hashes if self._torrent_of(bytes.fromhex(each)) is None]
        for info_hash in gone:
            self._kept.pop(info_hash, None)
        return gone

    def names_of(self, torrent: Any) -> list[str]:
        """The info-hashes of a torrent by which something is known of it."""
        return [each for each in _names(torrent) if each in self._kept]

    def torrent(self, info_hash: str) -> Any:
        """The torrent with this info-hash; None: it is not there yet."""
        return self._torrent_of(bytes.fromhex(info_hash))

    def moments(self) -> Iterator[tuple[float, str]]:
        """When one stands otherwise than before (Unix seconds), and the info-hash of which."""
        for info_hash, identity in self._kept.items():
            for moment in identity.moments():
                yield moment, info_hash

    def swarms(self) -> Iterator[Swarm]:
        """What is known of each, and its torrent; None: it is not there yet."""
        for info_hash in list(self._kept):
            identity = self._kept.get(info_hash)
            if identity is not None:  # who asks may take his time
                yield identity.swarm(self.torrent(info_hash), info_hash)


def _names(torrent: Any) -> list[str]:
    return [each.hex() for each in torrent.info_hashes.wire_ids]
