"""What swarms with secrets are called on the wire, and for which torrents these names stand.

The names go to the table of all torrents (`SwarmKeys`), in which who dials is looked up: so nobody
can tell by how long that takes what he asked for.
"""

from __future__ import annotations

from typing import Any, Protocol

from p2pd.base.ids import InfoHashes
from p2pd.protocols.mse.swarm_keys import SwarmKeys
from p2pd.protocols.swarm_secret.secret import SwarmSecret
from p2pd.transports.encryption.secret_openings import SecretSwarm


class NamedTorrent(Protocol):
    """A torrent with a secret."""

    @property
    def info_hashes(self) -> InfoHashes: ...


class SecretNames:
    """The swarms by their names (`swarms`), which is what an accepted connection needs."""

    def __init__(self, keys: SwarmKeys) -> None:
        self.swarms: dict[bytes, SecretSwarm] = {}
        self._keys = keys
        self._torrents: dict[bytes, Any] = {}
        self._names: dict[Any, dict[bytes, SecretSwarm]] = {}

    def put(self, torrent: NamedTorrent, secret: SwarmSecret) -> None:
        """It has this secret, and is found by the names of all its info-hashes."""
        self.drop(torrent)
        swarms = [SecretSwarm(secret, wire_id) for wire_id in torrent.info_hashes.wire_ids]
        self._names[torrent] = names = {swarm.name: swarm for swarm in swarms}
        for name in names:
            self._keys.add(name)
            self._torrents[name] = torrent
        self.swarms.update(names)

    def drop(self, torrent: NamedTorrent) -> None:
        """It has none, or is not here any more."""
        for name in self._names.pop(torrent, {}):
            self._keys.discard(name)
            self._torrents.pop(name, None)
            self.swarms.pop(name, None)

    def dialled_as(self, torrent: NamedTorrent) -> SecretSwarm | None:
        """How it is dialled; None: its secret cannot be had."""
        names = self._names.get(torrent)
        return next(iter(names.values())) if names else None

    def torrent(self, swarm: SecretSwarm) -> Any:
        """The torrent that somebody proved to belong to."""
        return self._torrents.get(swarm.name)

    # -- Swarms, for who encrypts nothing else -------------------------------------------------

    def find(self, obscured: bytes, secret: bytes) -> bytes | None:
        """See handshake.Swarms: as if there were no torrents without a secret."""
        name = self._keys.find(obscured, secret)
        return name if name in self.swarms else None
