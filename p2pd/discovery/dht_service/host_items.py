"""Items in the DHT (BEP 44), got from and put to the networks of all our nodes at once."""

from __future__ import annotations

from typing import Callable, Generic, TypeVar

from twisted.internet.defer import Deferred

from p2pd.base.errors import P2pdError
from p2pd.discovery.dht.item_store import ImmutableItem, ItemStore
from p2pd.discovery.dht.mutable_items import MutableItem, target_of
from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht.outcomes import LookupOutcome, Operation
from p2pd.discovery.dht_service.searching import Begin

T = TypeVar("T")

Search = Callable[[Begin, Callable[[LookupOutcome], None]], Operation]
"""Begins with all nodes; the callback is called once, later."""


class _Question(Generic[T]):
    """A search that a Deferred waits for; cancelled, it is given up."""

    def __init__(self) -> None:
        self.answer: Deferred[T] = Deferred(lambda _: self._operation.cancel())
        self._operation: Operation

    def ask(
        self, search: Search, begin: Begin, done: Callable[[LookupOutcome], None]
    ) -> Deferred[T]:
        self._operation = search(begin, done)
        return self.answer

    def answered(self, result: T) -> None:
        """What was found; whoever still looks for it is to stop."""
        self._operation.cancel()
        self.answer.callback(result)

    def failed(self, outcome: LookupOutcome) -> None:
        self.answer.errback(P2pdError(outcome.error))


class HostItems:
    """`kept` are the items that others stored with us: in a small network nobody else may."""

    def __init__(self, search: Search, kept: ItemStore, seconds: Callable[[], float]) -> None:
        self._search = search
        self._kept = kept
        self._seconds = seconds

    def get_immutable(self, target: bytes) -> Deferred[bytes | None]:
        """The bencoded value with this 20-byte hash. Fails with P2pdError if nobody is there."""
        question: _Question[bytes | None] = _Question()
        kept = self._kept.get(target, self._seconds())

        def begin(node: DhtNode, now: float, over: Callable[[LookupOutcome], None]) -> Operation:
            def done(value: bytes | None, outcome: LookupOutcome) -> None:
                if value is None:
                    over(outcome)
                else:
                    question.answered(value)

            return node.get_immutable(target, now, done)

        def nowhere(outcome: LookupOutcome) -> None:
            if isinstance(kept, ImmutableItem):
                question.answered(kept.value)
            elif outcome.error:
                question.failed(outcome)
            else:
                question.answered(None)

        return question.ask(self._search, begin, nowhere)

    def get_mutable(self, public_key: bytes, salt: bytes = b"") -> Deferred[MutableItem | None]:
        """The newest version that anybody has. Fails with P2pdError if nobody is there."""
        question: _Question[MutableItem | None] = _Question()
        kept = self._kept.get(target_of(public_key, salt), self._seconds())
        known = [kept] if isinstance(kept, MutableItem) else []

        def begin(node: DhtNode, now: float, over: Callable[[LookupOutcome], None]) -> Operation:
            def done(item: MutableItem | None, outcome: LookupOutcome) -> None:
                if item is not None:
                    known.append(item)
                over(outcome)

            return node.get_mutable(public_key, salt, now, done)

        def asked(outcome: LookupOutcome) -> None:
            if known:
                question.answered(max(known, key=lambda item: item.seq))
            elif outcome.error:
                question.failed(outcome)
            else:
                question.answered(None)

        return question.ask(self._search, begin, asked)

    def put_immutable(self, value: bytes) -> Deferred[LookupOutcome]:
        """Have a bencoded value stored: where, the outcome says, and who refused."""
        question: _Question[LookupOutcome] = _Question()
        return question.ask(
            self._search,
            lambda node, now, over: node.put_immutable(value, now, over),
            question.answered,
        )

    def put_mutable(self, item: MutableItem, cas: int | None = None) -> Deferred[LookupOutcome]:
        """The same of an item; nodes that have another version than `cas` refuse."""
        question: _Question[LookupOutcome] = _Question()
        return question.ask(
            self._search,
            lambda node, now, over: node.put_mutable(item, now, over, cas=cas),
            question.answered,
        )
