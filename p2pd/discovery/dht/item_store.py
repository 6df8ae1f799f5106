"""Items that other nodes put here (BEP 44): bounded in number and bytes, and kept for two hours.

Items stand in the order in which they were last put, so that none is ever searched for. One network
(:mod:`hosts`) may put a bounded number of them. Who may write at all, tokens say.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice

from p2pd.base.errors import FormatError, P2pdError
from p2pd.base.networks import user_of
from p2pd.discovery.dht.mutable_items import (
    MAX_SALT_SIZE,
    MAX_SEQ,
    MAX_VALUE_SIZE,
    MutableItem,
    immutable_target,
)
from p2pd.formats.bencode import decode

ITEM_BYTES = 900
"""What an item takes of memory besides its value and salt, with its share of tables, at most."""

LOOKED_AT = 8
"""Of this many items that were put longest ago the one that fewest networks put gives way."""

MOST_PUTTERS = 4
"""Networks that are remembered of an item: more of them do not make it worth more."""

SERVER_ERROR = 202
PROTOCOL_ERROR = 203
VALUE_TOO_BIG = 205
INVALID_SIGNATURE = 206
SALT_TOO_BIG = 207
CAS_MISMATCH = 301
SEQ_TOO_LOW = 302


class PutRefused(P2pdError):  # noqa: N818 - an answer, and the seam's name for it
    """Why an item is not stored: KRPC's `code` (BEP 5, BEP 44) and words for the other node."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


@dataclass(frozen=True, slots=True)
class ImmutableItem:
    """A value that is its own name: `value` is bencoded."""

    value: bytes


StoredItem = ImmutableItem | MutableItem


@dataclass(frozen=True, slots=True)
class ItemLimits:
    """How much is kept, and for how many seconds after it was put."""

    items: int = 4_000
    memory: int = 6 * 1024 * 1024
    of_one_network: int = 40
    seconds: float = 2 * 3600.0


class _Kept:
    __slots__ = ("at", "item", "putters")

    def __init__(self, item: StoredItem, putter: str | bytes, at: float) -> None:
        self.item = item
        self.putters: tuple[str | bytes, ...] = (putter,)
        self.at = at

    @property
    def memory(self) -> int:
        salt = len(self.item.salt) if isinstance(self.item, MutableItem) else 0
        return ITEM_BYTES + len(self.item.value) + salt


class ItemStore:
    """Items by their 20-byte target. `by` is the host that puts; "" is we, without limit."""

    def __init__(self, limits: ItemLimits | None = None) -> None:
        self._limits = limits or ItemLimits()
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._of_network: dict[str | bytes, int] = {}
        self.memory = 0
        self.refused = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, target: bytes, now: float) -> StoredItem | None:
        """The item under `target`; None if there is none."""
        self.expire(now)
        kept = self._kept.get(target)
        return None if kept is None else kept.item

    def put_immutable(self, value: bytes, now: float, *, by: str = "") -> bytes:
        """Keep a bencoded value, and return its target. Raises PutRefused."""
        self.expire(now)
        target = immutable_target(value)
        kept = self._kept.get(target)
        if kept is None:
            self._check_value(value)
            self._keep(target, ImmutableItem(value), by, now)
        else:
            self._refresh(target, kept, by, now)
        return target

    def put_mutable(
        self, item: MutableItem, now: float, *, cas: int | None = None, by: str = ""
    ) -> bytes:
        """Keep an item if it is newer than what is there, and return its target.

        `cas` is the sequence number that must be there, if anything is. Raises PutRefused.
        """
        self.expire(now)
        self._check_item(item)
        target = item.target()
        kept = self._kept.get(target)
        if kept is not None:
            self._check_order(kept.item, item, cas)
            if kept.item == item:
                self._refresh(target, kept, by, now)
                return target
        if not item.verify():
            raise self._refusal(INVALID_SIGNATURE, "invalid signature")
        if kept is None:
            self._keep(target, item, by, now)
        else:
            self.memory -= kept.memory
            kept.item = item
            self.memory += kept.memory
            self._refresh(target, kept, by, now)
            self._make_room()
        return target

    def expire(self, now: float) -> None:
        """Forget what nobody put again for long."""
        oldest = now - self._limits.seconds
        while self._kept:
            target, kept = next(iter(self._kept.items()))
            if kept.at > oldest:
                return
            self._remove(target)

    def _check_value(self, value: bytes) -> None:
        if len(value) > MAX_VALUE_SIZE:
            raise self._refusal(VALUE_TOO_BIG, f"the value has more than {MAX_VALUE_SIZE} bytes")
        try:
            decode(value)
        except FormatError:
            raise self._refusal(PROTOCOL_ERROR, "the value is not canonical bencode") from None

    def _check_item(self, item: MutableItem) -> None:
        self._check_value(item.value)
        if len(item.salt) > MAX_SALT_SIZE:
            raise self._refusal(SALT_TOO_BIG, f"the salt has more than {MAX_SALT_SIZE} bytes")
        if not 0 <= item.seq <= MAX_SEQ:
            raise self._refusal(PROTOCOL_ERROR, f"the sequence number is not in 0..{MAX_SEQ}")

    def _check_order(self, known: StoredItem, item: MutableItem, cas: int | None) -> None:
        if not isinstance(known, MutableItem):
            raise self._refusal(PROTOCOL_ERROR, "an immutable item has this target")
        if cas is not None and cas != known.seq:
            raise self._refusal(CAS_MISMATCH, f"the sequence number here is {known.seq}, not {cas}")
        if item.seq < known.seq or (item.seq == known.seq and item.value != known.value):
            raise self._refusal(SEQ_TOO_LOW, f"the item here has sequence number {known.seq}")

    def _refusal(self, code: int, words: str) -> PutRefused:
        self.refused += 1
        return PutRefused(code, words)

    def _keep(self, target: bytes, item: StoredItem, by: str, now: float) -> None:
        network = user_of(by)
        has = self._of_network.get(network, 0)
        if by and has >= self._limits.of_one_network:
            raise self._refusal(SERVER_ERROR, "your address has as many items here as it may")
        self._of_network[network] = has + 1
        kept = self._kept[target] = _Kept(item, network, now)
        self.memory += kept.memory
        self._make_room()

    def _refresh(self, target: bytes, kept: _Kept, by: str, now: float) -> None:
        kept.at = now
        self._kept.move_to_end(target)
        network = user_of(by)
        if len(kept.putters) < MOST_PUTTERS and network not in kept.putters:
            kept.putters = (*kept.putters, network)

    def _make_room(self) -> None:
        limits = self._limits
        while len(self._kept) > 1 and (
            len(self._kept) > limits.items or self.memory > limits.memory
        ):
            old = islice(self._kept.items(), min(LOOKED_AT, len(self._kept) - 1))
            self._remove(min(old, key=lambda each: len(each[1].putters))[0])

    def _remove(self, target: bytes) -> None:
        kept = self._kept.pop(target)
        self.memory -= kept.memory
        network = kept.putters[0]
        left = self._of_network[network] - 1
        if left:
            self._of_network[network] = left
        else:
            del self._of_network[network]
