"""Items of the DHT that are kept alive: put again every hour, as BEP 44 wants it.

They come signed: whose secret it is that they were signed with, is not known here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Callable

from twisted.internet.defer import DeferredLock

from p2pd.automation.mutable.due_rounds import DueRounds
from p2pd.automation.refusals import RefusedError
from p2pd.base.clock import Clock
from p2pd.base.errors import P2pdError
from p2pd.discovery.dht.mutable_items import MutableItem, immutable_target
from p2pd.session.api import SessionApi
from p2pd.state.noted_rows import NotedRow, NotedStore

MOST_PUBLISHED = 1000
PUT_SECONDS = 3600.0
RETRY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Item:
    """What is put, in hex; without a public key it is an immutable one."""

    value: str
    public_key: str = ""
    salt: str = ""
    seq: int = -1
    signature: str = ""

    @property
    def mutable(self) -> MutableItem | None:
        """As the DHT has it; None for an immutable one."""
        if not self.public_key:
            return None
        key, salt, signature = map(bytes.fromhex, (self.public_key, self.salt, self.signature))
        return MutableItem(key, self.seq, bytes.fromhex(self.value), signature, salt)

    @property
    def target(self) -> bytes:
        """Where it is."""
        item = self.mutable
        return immutable_target(bytes.fromhex(self.value)) if item is None else item.target()


@dataclass(frozen=True, slots=True)
class PutNote:
    """What came of it, in Unix seconds, 0 for never; `nodes` have it since `put_at`."""

    put_at: float = 0.0
    tried_at: float = 0.0
    nodes: int = 0
    problem: str = ""


@dataclass(slots=True)
class PublishedItem:
    """One of them."""

    id: int
    item: Item
    note: PutNote
    busy: bool = False

    def next_at(self) -> float:
        """When it is put again."""
        return self.note.tried_at + (RETRY_SECONDS if self.note.problem else PUT_SECONDS)

    def row(self) -> NotedRow:
        """For keeping it."""
        return NotedRow(self.id, asdict(self.item), asdict(self.note))


def item_of(item: MutableItem) -> Item:
    """As it is kept."""
    return Item(
        item.value.hex(), item.public_key.hex(), item.salt.hex(), item.seq, item.signature.hex()
    )


class PublishedItems:
    """All of them."""

    def __init__(
        self, api: SessionApi, store: NotedStore, clock: Clock, wall: Callable[[], float]
    ) -> None:
        self._api = api
        self._store = store
        self._wall = wall
        self.all: dict[int, PublishedItem] = {}
        self._keeping = DeferredLock()
        self._rounds = DueRounds(
            lambda: self.all.values(),
            self._put_again,
            on=lambda: api.dht.enabled,
            clock=clock,
            wall=wall,
        )

    async def start(self) -> None:
        """Those of earlier runs, as soon as they are due."""
        for row in await self._store.load():
            found = _published_of(row)
            if found is not None:
                self.all[found.id] = found
        self._rounds.start()

    def stop(self) -> None:
        """Put no more; what is under way is given up."""
        self._rounds.stop()

    async def publish(self, item: Item, cas: int | None = None) -> PublishedItem:
        """Put it now, and again every hour, in the place of what the key published before.

        Raises P2pdError when no node took it, or when what is published is newer.
        """
        self._check(item)
        nodes = await self._put(item, cas)
        now = self._wall()
        await self._keeping.acquire()
        try:
            return await self._keep(item, PutNote(now, now, nodes))
        finally:
            self._keeping.release()

    def _check(self, item: Item) -> PublishedItem | None:
        """What is published in its place. Raises RefusedError if it cannot be replaced."""
        target = item.target
        before = next((each for each in self.all.values() if each.item.target == target), None)
        if before is not None and before.item.seq > item.seq:
            raise RefusedError(f"the number {before.item.seq} of this key is published already")
        if before is None and len(self.all) >= MOST_PUBLISHED:
            raise RefusedError(f"{MOST_PUBLISHED} items are published already")
        return before

    async def _keep(self, item: Item, note: PutNote) -> PublishedItem:
        before = self._check(item)
        if before is not None:
            before.item, before.note = item, note
            await self._store.save(before.row())
            return before
        published = PublishedItem(0, item, note)
        row = published.row()
        published.id = await self._store.add(row.chosen, row.note)
        self.all[published.id] = published
        return published

    async def forget(self, id_: int) -> None:
        """Put it no more: the DHT forgets it within two hours. Raises RefusedError."""
        if id_ not in self.all:
            raise RefusedError(f"no item is published with the number {id_}")
        del self.all[id_]
        await self._store.remove(id_)

    async def _put(self, item: Item, cas: int | None = None) -> int:
        mutable = item.mutable
        if mutable is None:
            return await self._api.dht.put_immutable(bytes.fromhex(item.value))
        return await self._api.dht.put_mutable(mutable, cas)

    async def _put_again(self, published: PublishedItem) -> None:
        now, item = self._wall(), published.item
        published.busy = True
        note = replace(published.note, tried_at=now)
        try:
            nodes = await self._put(item)
            note = replace(note, put_at=now, nodes=nodes, problem="")
        except P2pdError as problem:
            note = replace(note, problem=str(problem))
        finally:
            published.busy = False
            if published.item is item:  # else another one was put in its place meanwhile
                published.note = note
        if published.id in self.all:
            await self._store.save(published.row())


def _published_of(row: NotedRow) -> PublishedItem | None:
    """One that was kept; None if it makes no sense any more."""
    try:
        item, note = Item(**row.chosen), PutNote(**row.note)
        mutable = item.mutable
        bytes.fromhex(item.value)
    except (TypeError, ValueError):
        return None
    sound = mutable is None or mutable.verify()
    return PublishedItem(row.id, item, note) if sound else None
