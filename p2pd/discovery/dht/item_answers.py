"""The server's side of stored items (BEP 44): reads what is put, writes what is had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from p2pd.discovery.dht.item_store import ImmutableItem, ItemStore, PutRefused
from p2pd.discovery.dht.mutable_items import (
    KEY_SIZE,
    SIGNATURE_SIZE,
    MutableItem,
    immutable_target,
)
from p2pd.discovery.dht.stores import DhtStores
from p2pd.formats.bencode import encode
from p2pd.protocols.krpc.arguments import Values, taken_bytes, taken_number
from p2pd.protocols.krpc.messages import MAX_SIZE, KrpcFormatError


@dataclass(frozen=True, slots=True)
class Put:
    """What somebody wants stored under `target`."""

    items: ItemStore
    target: bytes
    item: ImmutableItem | MutableItem
    cas: int | None

    def store(self, host: str, now: float) -> tuple[int, str] | None:
        """Keep it; or why not: an error's number and words."""
        try:
            if isinstance(self.item, MutableItem):
                self.items.put_mutable(self.item, now, cas=self.cas, by=host)
            else:
                self.items.put_immutable(self.item.value, now, by=host)
        except PutRefused as refused:
            return refused.code, refused.words
        return None


class ItemAnswers:
    """Reads and writes the parts of ``get`` and ``put`` that are of an item."""

    def __init__(self, stores: DhtStores) -> None:
        self._items = stores.items

    def get(self, args: Values, target: bytes, now: float) -> tuple[bytes, tuple[bytes, bytes]]:
        """The parts before ``nodes``, and before and after ``token``, in the order of keys."""
        item = self._items.get(target, now)
        if item is None:
            return b"", (b"", b"")
        if isinstance(item, ImmutableItem):
            return b"", (b"", b"1:v" + item.value)
        known = taken_number(args, b"seq")
        seq = b"3:seqi%de" % item.seq
        if known is not None and item.seq <= known:
            return b"", (seq, b"")
        key = b"1:k%d:%b" % (KEY_SIZE, item.public_key)
        signature = b"3:sig%d:%b" % (SIGNATURE_SIZE, item.signature)
        return key, (seq + signature, b"1:v" + item.value)

    def read_put(self, args: dict[bytes, Any]) -> Put:
        """What is to be stored. Raises KrpcFormatError; whether it is allowed the store says."""
        if b"v" not in args:
            raise KrpcFormatError("v is what is to be stored: there has to be one")
        value = encode(args[b"v"])
        key = taken_bytes(args, b"k", KEY_SIZE)
        if key is None:
            return Put(self._items, immutable_target(value), ImmutableItem(value), None)
        item = MutableItem(
            public_key=_whole(key, b"k", KEY_SIZE),
            seq=_number(args, b"seq"),
            value=value,
            signature=_whole(taken_bytes(args, b"sig", SIGNATURE_SIZE), b"sig", SIGNATURE_SIZE),
            salt=taken_bytes(args, b"salt", MAX_SIZE) or b"",
        )
        return Put(self._items, item.target(), item, taken_number(args, b"cas"))


def _whole(value: bytes | None, key: bytes, size: int) -> bytes:
    if value is None or len(value) != size:
        raise KrpcFormatError(f"{key.decode()} has to be {size} bytes")
    return value


def _number(args: Values, key: bytes) -> int:
    value = taken_number(args, key)
    if value is None:
        raise KrpcFormatError(f"{key.decode()} has to be there")
    return value
