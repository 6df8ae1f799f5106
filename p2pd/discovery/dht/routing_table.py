"""The routing table (BEP 5): buckets of nodes that answered us, and others that may replace them.

Nothing that is merely told gets in: a node is added when it has answered a question of ours, under
the id that it answered with. An address has one node here, a network one in each bucket, so that
it takes many networks to surround an id. Which nodes to ask, and when, the node decides.

Bucket *i* has the ids that share exactly *i* leading bits with our own; the last one has those that
share that many or more, and is split while it is full.
"""

from __future__ import annotations

import random
from typing import Iterator

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.node_ids import BITS, as_number
from p2pd.discovery.dht.options import DhtOptions
from p2pd.discovery.dht.table_entry import TableEntry, subnet_of

MAX_DEPTH = 48
"""Buckets; in a network of 100 million nodes some 25 are used."""

MOST_REMEMBERED = 1024
"""Answers that are kept made, for targets whose bucket alone does not say what they are."""

BAD = 2
"""Questions in a row without an answer after which a node is replaced."""

HOPELESS = 6
"""After which it goes though nobody replaces it."""


class Bucket:
    """Nodes that are used, the one heard of longest ago first, and some that could replace them."""

    __slots__ = ("changed_at", "nodes", "replacements")

    def __init__(self, now: float) -> None:
        self.nodes: list[TableEntry] = []
        self.replacements: list[TableEntry] = []
        self.changed_at = now


class RoutingTable:
    """The nodes that we know, by how close they are to `own_id`."""

    def __init__(self, own_id: bytes, options: DhtOptions, now: float) -> None:
        self._options = options
        self._size = options.closest
        self._by_address: dict[PeerAddress, TableEntry] = {}
        self._hosts: dict[str, int] = {}
        self._of_bucket: dict[int, bytes] = {}
        self._of_target: dict[bytes, bytes] = {}
        self._last = 0
        self._begin(own_id, now)

    def _begin(self, own_id: bytes, now: float) -> None:
        self.own_id = own_id
        self._own = as_number(own_id)
        self.buckets = [Bucket(now)]
        self._by_address.clear()
        self._hosts.clear()
        self._changed()

    def __len__(self) -> int:
        return sum(len(bucket.nodes) for bucket in self.buckets)

    def __iter__(self) -> Iterator[TableEntry]:
        for bucket in self.buckets:
            yield from bucket.nodes

    @property
    def replacements(self) -> int:
        """How many nodes wait to replace others."""
        return sum(len(bucket.replacements) for bucket in self.buckets)

    def find(self, address: PeerAddress) -> TableEntry | None:
        """The node at an address, in a bucket or among the replacements."""
        return self._by_address.get(address)

    def index_of(self, number: int) -> int:
        """The bucket that an id, as a number, belongs to."""
        return min(BITS - (self._own ^ number).bit_length(), self._last)

    # --- what is known of nodes changes ---------------------------------------------------------

    def lacks(self, node_id: bytes, address: PeerAddress) -> bool:
        """Whether a node that was heard of would find a place: then it is worth a question."""
        if node_id == self.own_id or self._is_taken(address):
            return False
        index = self.index_of(as_number(node_id))
        nodes = self.buckets[index].nodes
        splits = index == len(self.buckets) - 1 < MAX_DEPTH - 1
        return (splits or len(nodes) < self._size) and not self._crowds(nodes, address)

    def answered(
        self, node_id: bytes, address: PeerAddress, round_trip: float, now: float
    ) -> TableEntry | None:
        """A node answered: it is kept if there is a place for it, and is good from now on.

        One that answers with another id than before is thrown out: it restarted or it lies, and
        will be heard of again if it is worth it.
        """
        entry = self._by_address.get(address)
        if entry is not None:
            if entry.node_id == node_id:
                self._heard_again(entry, round_trip, now)
                return entry
            self.remove(entry)
            return None
        if node_id == self.own_id or self._is_taken(address):
            return None
        entry = TableEntry(node_id, address, round_trip, now)
        return entry if self._insert(entry, now) else None

    def change_id(self, own_id: bytes, now: float) -> None:
        """Our own id is another from now on: the same nodes, in other buckets."""
        entries = list(self)
        self._begin(own_id, now)
        for entry in entries:
            if entry.node_id != own_id and not self._is_taken(entry.address):
                self._insert(entry, now)

    def failed(self, address: PeerAddress, now: float) -> None:
        """A node did not answer a question."""
        entry = self._by_address.get(address)
        if entry is None:
            return
        entry.failures += 1
        self._changed()
        bucket = self.buckets[self.index_of(entry.number)]
        if entry in bucket.replacements:
            self.remove(entry)
        elif entry.failures >= BAD and bucket.replacements:
            self._take(bucket.nodes, entry)
            self._promote(bucket, now)
        elif entry.failures >= HOPELESS:
            self.remove(entry)

    def remove(self, entry: TableEntry) -> None:
        """Forget a node."""
        bucket = self.buckets[self.index_of(entry.number)]
        if entry in bucket.nodes:
            self._take(bucket.nodes, entry)
            self._promote(bucket, bucket.changed_at)
        else:
            self._take(bucket.replacements, entry)

    # --- what is asked of the table -------------------------------------------------------------

    def closest(self, target: int, count: int) -> list[TableEntry]:
        """The `count` nodes without failures that are closest to an id, closest first.

        Of two buckets one is closer as a whole: going through them in that order, only nodes of
        the same bucket have to be compared.
        """
        found: list[TableEntry] = []
        for bucket in self._by_distance(target):
            good = [entry for entry in bucket.nodes if not entry.failures]
            good.sort(key=lambda entry: entry.number ^ target)
            found += good
            if len(found) >= count:
                return found[:count]
        return found

    def closest_bencoded(self, target: bytes) -> bytes:
        """The nodes closest to an id, in any order, as a bencoded string for an answer.

        Where the target's own bucket has just as many as are told, they are the same for every
        target that belongs to it, so that most answers are made already.
        """
        index = min(BITS - (self._own ^ int.from_bytes(target, "big")).bit_length(), self._last)
        made = self._of_bucket.get(index)
        if made is not None:
            return made
        made = self._of_target.get(target)
        if made is not None:
            return made
        entries = self.closest(int.from_bytes(target, "big"), self._size)
        nodes = b"".join([entry.compact for entry in entries])
        made = b"%d:%b" % (len(nodes), nodes)
        good = sum(not entry.failures for entry in self.buckets[index].nodes)
        if good == self._size:
            self._of_bucket[index] = made
        elif len(self._of_target) < MOST_REMEMBERED:
            self._of_target[target] = made
        return made

    def is_one_sided(self, target: int) -> bool:
        """Whether an id is in a part of the network, farther than others, where we know nobody."""
        index = self.index_of(target)
        return index < self._last and not self.buckets[index].nodes

    def stalest(self) -> TableEntry | None:
        """The node to look after next: one that failed, else the one not heard of longest."""
        return min(self, key=lambda e: (not e.failures, e.last_seen), default=None)

    def stale_bucket(self, now: float) -> int | None:
        """A bucket in which nothing happened for long (BEP 5)."""
        for index, bucket in enumerate(self.buckets):
            if now - bucket.changed_at >= self._options.refresh_after:
                return index
        return None

    def random_id(self, index: int, rng: random.Random) -> bytes:
        """An id that belongs to a bucket."""
        shared = BITS - index
        number = self._own >> shared << shared | rng.getrandbits(shared)
        if index < len(self.buckets) - 1:  # those in the last one share more bits than its index
            differing = 1 << (shared - 1)
            number = number & ~differing | ~self._own & differing
        return number.to_bytes(BITS // 8, "big")

    # --- the inside -----------------------------------------------------------------------------

    def _changed(self) -> None:
        """What is told of the table is another from now on."""
        self._last = len(self.buckets) - 1
        self._of_bucket.clear()
        self._of_target.clear()

    def _by_distance(self, target: int) -> Iterator[Bucket]:
        last = len(self.buckets) - 1
        differing = self._own ^ target
        here = self.index_of(target)
        yield self.buckets[here]
        closer = range(here + 1, last + 1)
        for index in closer:
            if index == last or differing >> (BITS - 1 - index) & 1:
                yield self.buckets[index]
        for index in reversed(closer):
            if index != last and not differing >> (BITS - 1 - index) & 1:
                yield self.buckets[index]
        for index in range(here - 1, -1, -1):
            yield self.buckets[index]

    def _heard_again(self, entry: TableEntry, round_trip: float, now: float) -> None:
        if entry.failures:
            entry.failures = 0
            self._changed()
        entry.heard_at = now
        entry.round_trip += (round_trip - entry.round_trip) / 4
        self.buckets[self.index_of(entry.number)].changed_at = now

    def _insert(self, entry: TableEntry, now: float) -> bool:
        while True:
            index = self.index_of(entry.number)
            bucket = self.buckets[index]
            if self._crowds(bucket.nodes, entry.address):
                return False
            if len(bucket.nodes) < self._size:
                self._put(bucket, entry, now)
                return True
            is_last = index == len(self.buckets) - 1
            if not is_last or len(self.buckets) >= MAX_DEPTH:
                break
            self._split(now)
        worse = self._worst_of(bucket)
        if worse is not None and (worse.failures >= BAD or self._fits_better(entry, worse)):
            self._take(bucket.nodes, worse)
            self._put(bucket, entry, now)
            return True
        return self._keep_ready(bucket, entry)

    def _put(self, bucket: Bucket, entry: TableEntry, now: float) -> None:
        bucket.nodes.append(entry)
        bucket.changed_at = now
        self._changed()
        self._register(entry)

    def _keep_ready(self, bucket: Bucket, entry: TableEntry) -> bool:
        """Among the replacements the newest are the likeliest to be there still."""
        if self._crowds(bucket.replacements, entry.address):
            return False
        if len(bucket.replacements) >= self._size:
            self._take(bucket.replacements, bucket.replacements[0])
        bucket.replacements.append(entry)
        self._register(entry)
        return True

    def _promote(self, bucket: Bucket, now: float) -> None:
        """Fill places from the replacements: ids that fit their address first, then the fastest."""
        while bucket.replacements and len(bucket.nodes) < self._size:
            free = [e for e in bucket.replacements if not self._crowds(bucket.nodes, e.address)]
            if not free:
                return
            best = min(free, key=lambda e: (not e.fits, e.round_trip))
            bucket.replacements.remove(best)
            bucket.nodes.append(best)
            bucket.changed_at = now
            self._changed()

    def _split(self, now: float) -> None:
        last = self.buckets[-1]
        entries, ready = last.nodes, last.replacements
        last.nodes, last.replacements = [], []
        self.buckets.append(Bucket(last.changed_at))
        self._changed()
        for entry in entries:
            self.buckets[self.index_of(entry.number)].nodes.append(entry)
        for entry in ready:
            self.buckets[self.index_of(entry.number)].replacements.append(entry)
        for bucket in self.buckets[-2:]:
            self._promote(bucket, now)

    def _worst_of(self, bucket: Bucket) -> TableEntry | None:
        prefer = self._options.prefer_bound_ids
        return max(
            bucket.nodes,
            key=lambda e: (e.failures >= BAD, prefer and not e.fits, e.failures),
            default=None,
        )

    def _fits_better(self, entry: TableEntry, other: TableEntry) -> bool:
        return self._options.prefer_bound_ids and entry.fits and not other.fits

    def _take(self, nodes: list[TableEntry], entry: TableEntry) -> None:
        nodes.remove(entry)
        self._changed()
        del self._by_address[entry.address]
        left = self._hosts[entry.address.host] - 1
        if left:
            self._hosts[entry.address.host] = left
        else:
            del self._hosts[entry.address.host]

    def _register(self, entry: TableEntry) -> None:
        self._by_address[entry.address] = entry
        host = entry.address.host
        self._hosts[host] = self._hosts.get(host, 0) + 1

    def _is_taken(self, address: PeerAddress) -> bool:
        """Whether the address has its place already."""
        if address in self._by_address:
            return True
        if not self._options.restrict_addresses or address.host not in self._hosts:
            return False
        return subnet_of(address.host) is not None

    def _crowds(self, nodes: list[TableEntry], address: PeerAddress) -> bool:
        """Whether another node of the same network is among these."""
        if not self._options.restrict_addresses:
            return False
        network = subnet_of(address.host)
        return network is not None and any(entry.subnet == network for entry in nodes)
