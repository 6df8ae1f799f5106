"""The nodes that the user trusts, by their keys, and what that is worth to them: bounded favours.

* They keep their places when it is crowded, up to half of the places of a torrent.
* Who is at a host where one was last is preferred: as far as distance counts, it comes first.
* A quarter of the upload slots of a torrent, and one at least if there are two, is theirs first
  (choking/favoured_slots.py).

They are not excused: a wrong piece is one, and a ban is stronger than trust. Refuses to know of
connections and how a key is proved. Times are Unix seconds.
"""

from __future__ import annotations

from collections import Counter
from typing import Hashable, Iterable, Iterator, NamedTuple, Sequence, TypeVar

LIMIT = 500
NAME_LIMIT = 60
"""Characters."""

PLACES_SHARE = 2
"""One place of so many may be kept by trust."""

K = TypeVar("K", bound=Hashable)


class TrustedNode(NamedTuple):
    """`name` is what the user calls it; `host` where it proved itself last, empty: nowhere yet."""

    key: bytes
    name: str
    since: float
    host: str = ""


class TrustedNodes:
    """At most `limit` of them. `version` changes when hosts do."""

    __slots__ = ("_hosts", "_limit", "_nodes", "version")

    def __init__(self, limit: int = LIMIT) -> None:
        self.version = 0
        self._limit = limit
        self._nodes: dict[bytes, TrustedNode] = {}
        self._hosts: Counter[str] = Counter()

    def add(self, node: TrustedNode) -> bool:
        """Trust a node, or call it something else; False: there is no room."""
        if node.key not in self._nodes and len(self._nodes) >= self._limit:
            return False
        self.remove(node.key)
        self._nodes[node.key] = node
        if node.host:
            self._hosts[node.host] += 1
            self.version += 1
        return True

    def remove(self, key: bytes) -> TrustedNode | None:
        """Trust it no more; what it was."""
        node = self._nodes.pop(key, None)
        if node is not None and node.host:
            self._hosts[node.host] -= 1
            if not self._hosts[node.host]:
                del self._hosts[node.host]
            self.version += 1
        return node

    def seen(self, key: bytes, host: str) -> TrustedNode | None:
        """One proved itself at a host; what is to be kept of it, None: it is known already."""
        node = self._nodes.get(key)
        if node is None or node.host == host:
            return None
        moved = node._replace(host=host)
        self.add(moved)
        return moved

    def get(self, key: bytes) -> TrustedNode | None:
        """The node with this key, if it is trusted."""
        return self._nodes.get(key)

    def at(self, host: str) -> bool:
        """Whether one was last at this host."""
        return host in self._hosts

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Of all of them."""
        return tuple(self._nodes)

    def __contains__(self, key: object) -> bool:
        return key in self._nodes

    def __iter__(self) -> Iterator[TrustedNode]:
        return iter(list(self._nodes.values()))

    def __len__(self) -> int:
        return len(self._nodes)


def keep_their_places(trusted: Iterable[K], places: int) -> Sequence[K]:
    """Those of the trusted who do not give way, of all that are in so many places; in order."""
    return list(trusted)[: places // PLACES_SHARE]
