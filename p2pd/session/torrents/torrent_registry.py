"""All torrents of a session, found by id, by info-hash in hex, or by the id on the wire."""

from __future__ import annotations

from collections import deque
from itertools import takewhile
from typing import Callable, Iterator, NamedTuple, Protocol

from p2pd.base.ids import InfoHashes
from p2pd.protocols.mse.swarm_keys import SwarmKeys
from p2pd.session.connecting.admission import Way
from p2pd.session.torrents.torrent import Torrent

REMOVED_LIMIT = 10_000
"""Removed torrents whose ids are remembered, the latest."""

Sees = Callable[[str, tuple[str, ...]], bool]
"""Whether somebody sees a torrent of this owner with these labels."""


class Removed(NamedTuple):
    """A torrent that is not here any more."""

    at: float
    id: int
    owner: str
    labels: tuple[str, ...]


class Naming(Protocol):
    """Hears of torrents whose names on the wire are not their info-hashes."""

    def named(self, torrent: Torrent) -> None:
        """It is here, or has other names than before."""

    def forget(self, torrent: Torrent) -> None:
        """It is not here any more."""


class TorrentRegistry:
    """Torrents in the order of their ids."""

    def __init__(self) -> None:
        self._by_id: dict[int, Torrent] = {}
        self._by_wire_id: dict[bytes, Torrent] = {}
        self._taken_over: dict[int, set[bytes]] = {}
        self.swarm_keys = SwarmKeys()
        self.naming: Naming | None = None
        self._removed: deque[Removed] = deque(maxlen=REMOVED_LIMIT)

    def add(self, torrent: Torrent) -> None:
        """Take a torrent in; its record has its id."""
        self._by_id[torrent.record.id] = torrent
        self.learn_hashes(torrent)

    def learn_hashes(self, torrent: Torrent) -> None:
        """The torrent knows another info-hash of itself (a magnet's metadata came).

        One that was removed meanwhile is not found by it: it could never be added again.
        """
        if self._by_id.get(torrent.record.id) is torrent:
            known = len(torrent.info_hashes.wire_ids)
            for wire_id in torrent.info_hashes.wire_ids:
                holder = self._by_wire_id.setdefault(wire_id, torrent)
                # Who knows both hashes of a hybrid has its metadata, and the other one has not.
                if len(holder.info_hashes.wire_ids) < known:
                    self._by_wire_id[wire_id] = torrent
                if self._by_wire_id[wire_id].way is Way.OPEN:
                    self.swarm_keys.add(wire_id)
                else:  # nobody is to find out that it is here
                    self.swarm_keys.discard(wire_id)
            if self.naming is not None:
                self.naming.named(torrent)

    def yield_hashes(self, torrent: Torrent, twin: Torrent) -> None:
        """By the hashes of the one the other is to be found."""
        for wire_id in torrent.info_hashes.wire_ids:
            if self._by_wire_id.get(wire_id) is torrent:
                self._by_wire_id[wire_id] = twin
                self._taken_over.setdefault(twin.record.id, set()).add(wire_id)

    def remove(self, torrent: Torrent, wall_time: float) -> None:
        """Take a torrent out, and remember its id for a while."""
        self._by_id.pop(torrent.record.id, None)
        others = self._taken_over.pop(torrent.record.id, set())
        for wire_id in (*torrent.info_hashes.wire_ids, *others):
            if self._by_wire_id.get(wire_id) is torrent:
                del self._by_wire_id[wire_id]
                self.swarm_keys.discard(wire_id)
        if self.naming is not None:
            self.naming.forget(torrent)
        record = torrent.record
        self._removed.append(Removed(wall_time, record.id, record.owner, record.labels))

    def removed_since(self, wall_time: float, sees: Sees | None = None) -> list[int]:
        """Ids of torrents removed since then, as far as they are remembered; costs only these.

        Of those alone that somebody `sees`, if that is given.
        """
        latest = takewhile(lambda removed: removed.at >= wall_time, reversed(self._removed))
        seen = [one.id for one in latest if sees is None or sees(one.owner, one.labels)]
        return seen[::-1]

    def by_id(self, id_: int) -> Torrent | None:
        """The torrent with this id."""
        return self._by_id.get(id_)

    def by_wire_id(self, wire_id: bytes) -> Torrent | None:
        """The torrent with this 20-byte id, v1 or truncated v2."""
        return self._by_wire_id.get(wire_id)

    def by_hash_string(self, text: str) -> Torrent | None:
        """The torrent with this info-hash in hex: v1, v2 or truncated v2."""
        if len(text) not in (40, 64):
            return None
        try:
            return self._by_wire_id.get(bytes.fromhex(text)[:20])
        except ValueError:
            return None

    def sharing(self, hashes: InfoHashes) -> Torrent | None:
        """A torrent here that is the same as the one with these hashes."""
        for wire_id in hashes.wire_ids:
            found = self._by_wire_id.get(wire_id)
            if found is not None:
                return found
        return None

    def __iter__(self) -> Iterator[Torrent]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)
