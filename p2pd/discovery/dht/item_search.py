"""Lookups for stored items (``get``) and storing them (``put``), of both kinds (BEP 44).

What comes is believed only if its hash, or its owner's signature, says so; a node that sends
anything else is of no use. The newest of several versions is what is found.
"""

from __future__ import annotations

from typing import Any, Callable

from p2pd.base.errors import FormatError
from p2pd.discovery.dht.lookup import AskingNode, Candidate, Lookup
from p2pd.discovery.dht.mutable_items import (
    KEY_SIZE,
    MAX_VALUE_SIZE,
    SIGNATURE_SIZE,
    MutableItem,
    immutable_target,
    target_of,
)
from p2pd.discovery.dht.outcomes import LookupOutcome
from p2pd.discovery.dht.storing import Storing
from p2pd.formats.bencode import decode, encode
from p2pd.protocols.krpc.arguments import MAX_TOKEN, taken_bytes, taken_number
from p2pd.protocols.krpc.messages import GET, PUT, Response

ValueFound = Callable[[bytes | None, LookupOutcome], None]
ItemFound = Callable[[MutableItem | None, LookupOutcome], None]
Stored = Callable[[LookupOutcome], None]


class ValueSearch:
    """Finds an immutable item; the first copy ends the lookup, for all copies are the same."""

    method = GET

    def __init__(self, target: bytes, done: ValueFound) -> None:
        self.target = target
        self._done = done
        self._value: bytes | None = None

    @property
    def satisfied(self) -> bool:
        """Whether nobody else has to be asked."""
        return self._value is not None

    def args(self, candidate: Candidate) -> dict[bytes, Any]:
        """The question."""
        return {b"target": self.target}

    def take(self, candidate: Candidate, response: Response, now: float) -> None:
        """The value, if it is the one whose hash is looked for."""
        value = _value_of(response)
        if value is None:
            return
        if immutable_target(value) != self.target:
            raise FormatError("the value is another than the one asked for")
        self._value = value

    def finish(self, lookup: Lookup, now: float) -> None:
        """Tell what was found."""
        self._done(self._value, lookup.outcome(now))


class ItemSearch:
    """Finds the newest version of a mutable item; `found` hears of each that is newer, at once."""

    method = GET
    satisfied = False

    def __init__(
        self,
        public_key: bytes,
        salt: bytes,
        done: ItemFound,
        found: Callable[[MutableItem], None] | None = None,
        newer_than: int | None = None,
    ) -> None:
        self.target = target_of(public_key, salt)
        self._key = public_key
        self._salt = salt
        self._done = done
        self._found = found
        self._args: dict[bytes, Any] = {b"target": self.target}
        self._newer_than = -1 if newer_than is None else newer_than
        if newer_than is not None:
            self._args[b"seq"] = newer_than
        self._newest: MutableItem | None = None

    def args(self, candidate: Candidate) -> dict[bytes, Any]:
        """The question; with a ``seq`` only what is newer is sent."""
        return self._args

    def take(self, candidate: Candidate, response: Response, now: float) -> None:
        """A version, if its owner signed it."""
        candidate.token = taken_bytes(response.values, b"token", MAX_TOKEN)
        seq = taken_number(response.values, b"seq")
        value = _value_of(response)
        if value is None or seq is None:
            return
        known = self._newer_than if self._newest is None else self._newest.seq
        if seq <= known:
            return  # what is not newer is not worth looking at its signature
        item = MutableItem(self._key, seq, value, _signature_of(response, self._key), self._salt)
        if not item.verify():
            raise FormatError("the item is not signed by its owner")
        self._newest = item
        if self._found is not None:
            self._found(item)

    def finish(self, lookup: Lookup, now: float) -> None:
        """Tell what was found."""
        self._done(self._newest, lookup.outcome(now))


class PutSearch:
    """Finds who is to store an item, and has them store it.

    With `cas` nodes that have another version than that refuse (301); it is told only to those that
    have one (BEP 44).
    """

    method = GET
    satisfied = False

    def __init__(
        self, node: AskingNode, item: MutableItem | bytes, done: Stored, cas: int | None = None
    ) -> None:
        self.target = item.target() if isinstance(item, MutableItem) else immutable_target(item)
        self._node = node
        self._item = item
        self._done = done
        self._cas = cas
        self._had_by: set[Candidate] = set()
        self._storing: Storing | None = None

    def args(self, candidate: Candidate) -> dict[bytes, Any]:
        """The question, of which only the token is needed."""
        return {b"target": self.target}

    def take(self, candidate: Candidate, response: Response, now: float) -> None:
        """The token, and whether the node has something."""
        candidate.token = taken_bytes(response.values, b"token", MAX_TOKEN)
        if b"seq" in response.values:
            self._had_by.add(candidate)

    def finish(self, lookup: Lookup, now: float) -> None:
        """Have it stored."""
        self._storing = Storing(PUT, self._put)
        self._storing.start(
            self._node,
            lookup.closest(with_token=True),
            lambda storing, then: self._done(
                lookup.outcome(
                    then, announced_to=storing.accepted, refusals=tuple(storing.refusals)
                )
            ),
            now,
        )

    def cancel(self) -> None:
        """Nobody waits any more."""
        if self._storing is not None:
            self._storing.cancel()

    def _put(self, candidate: Candidate) -> dict[bytes, Any]:
        item = self._item
        if not isinstance(item, MutableItem):
            return {b"token": candidate.token, b"v": decode(item)}
        args: dict[bytes, Any] = {
            b"k": item.public_key,
            b"seq": item.seq,
            b"sig": item.signature,
            b"token": candidate.token,
            b"v": decode(item.value),
        }
        if item.salt:
            args[b"salt"] = item.salt
        if self._cas is not None and candidate in self._had_by:
            args[b"cas"] = self._cas
        return args


def _value_of(response: Response) -> bytes | None:
    """The bencoded ``v`` of an answer; None when nobody could say how its bytes were."""
    if b"v" not in response.values or not response.canonical:
        return None
    value = encode(response.values[b"v"])
    if len(value) > MAX_VALUE_SIZE:
        raise FormatError(f"an item of {len(value)} bytes")
    return value


def _signature_of(response: Response, public_key: bytes) -> bytes:
    if taken_bytes(response.values, b"k", KEY_SIZE) != public_key:
        raise FormatError("the item is of another key")
    return taken_bytes(response.values, b"sig", SIGNATURE_SIZE) or b""
