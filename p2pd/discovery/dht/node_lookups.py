"""What may be looked up and stored through a node: peers, items and samples of info-hashes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Callable

from p2pd.discovery.dht.item_search import (
    ItemFound,
    ItemSearch,
    PutSearch,
    Stored,
    ValueFound,
    ValueSearch,
)
from p2pd.discovery.dht.lookup import AskingNode, Search
from p2pd.discovery.dht.mutable_items import MutableItem
from p2pd.discovery.dht.outcomes import Announce, Found, LookupOutcome, Operation, SampleOutcome
from p2pd.discovery.dht.peer_search import PeerSearch
from p2pd.discovery.dht.sample_search import SampleSearch


class NodeLookups(ABC, AskingNode):
    """Each starts something that ends with one call of `done`, after it returned, if not cancelled.

    Ids, hashes and targets are 20 bytes, values are bencoded.
    """

    @abstractmethod
    def begin(self, search: Search, now: float, cancelled: Callable[[], None]) -> Operation:
        """Look up; `cancelled` is called when the operation is cancelled."""

    def find_peers(
        self,
        info_hash: bytes,
        now: float,
        *,
        found: Found,
        done: Callable[[LookupOutcome], None],
        announce: Announce | None = None,
        scrape: bool = False,
        noseed: bool = False,
    ) -> Operation:
        """Find the peers of a torrent, and announce ourselves; `found` may be called many times.

        With `scrape` the outcome has estimates, with `noseed` seeds are not of interest (BEP 33).
        """
        search = PeerSearch(
            self,
            info_hash,
            found=found,
            done=done,
            announce=announce,
            scrape=scrape,
            noseed=noseed,
        )
        return self.begin(search, now, search.cancel)

    def get_immutable(self, target: bytes, now: float, done: ValueFound) -> Operation:
        """Find the value whose SHA-1 is `target` (BEP 44); None when nobody has it."""
        return self.begin(ValueSearch(target, done), now, _nothing)

    def get_mutable(
        self,
        public_key: bytes,
        salt: bytes,
        now: float,
        done: ItemFound,
        *,
        found: Callable[[MutableItem], None] | None = None,
        newer_than: int | None = None,
    ) -> Operation:
        """Find the newest version of an item; `found` hears of each newer one as it comes.

        Versions up to the sequence number `newer_than` are of no interest.
        """
        search = ItemSearch(public_key, salt, done, found, newer_than)
        return self.begin(search, now, _nothing)

    def put_immutable(self, value: bytes, now: float, done: Stored) -> Operation:
        """Have a value stored at the nodes closest to its hash."""
        search = PutSearch(self, value, done)
        return self.begin(search, now, search.cancel)

    def put_mutable(
        self, item: MutableItem, now: float, done: Stored, *, cas: int | None = None
    ) -> Operation:
        """Have an item stored; nodes that have another version than `cas` refuse, and say so."""
        search = PutSearch(self, item, done, cas)
        return self.begin(search, now, search.cancel)

    def sample_infohashes(
        self, target: bytes, now: float, done: Callable[[SampleOutcome], None]
    ) -> Operation:
        """Gather info-hashes from the nodes on the way to `target` (BEP 51)."""
        return self.begin(SampleSearch(target, done), now, _nothing)


def _nothing() -> None:
    """There is nothing to end but the lookup."""
