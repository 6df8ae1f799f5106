"""How each peer is dialled: encrypted or in the clear, as is preferred and as it answered before.

A peer that does not answer one approach is dialled again at once with the next. What worked is
remembered, for peers that come and go, in bounds.
"""

from __future__ import annotations

from collections import OrderedDict

from p2pd.base.addresses import PeerAddress
from p2pd.protocols.mse.policy import EncryptionPolicy

REMEMBERED = 4096
"""Addresses."""


class Approaches:
    """Which approach is next, address by address."""

    def __init__(self) -> None:
        self._next: OrderedDict[PeerAddress, bool] = OrderedDict()

    def is_encrypted(self, address: PeerAddress, policy: EncryptionPolicy) -> bool:
        """Whether the peer is to be dialled encrypted now."""
        known = self._next.get(address)
        return known if known in policy.approaches else policy.approaches[0]

    def worked(self, address: PeerAddress, policy: EncryptionPolicy, *, encrypted: bool) -> None:
        """It answered, and will be dialled so again."""
        if encrypted is policy.approaches[0]:
            self._next.pop(address, None)
        else:
            self._remember(address, encrypted)

    def failed(self, address: PeerAddress, policy: EncryptionPolicy, *, encrypted: bool) -> bool:
        """It did not answer; whether it is to be dialled again at once, in another way."""
        left = (
            policy.approaches[policy.approaches.index(encrypted) + 1 :]
            if (encrypted in policy.approaches)
            else ()
        )
        if not left:
            self._next.pop(address, None)
            return False
        self._remember(address, left[0])
        return True

    def _remember(self, address: PeerAddress, encrypted: bool) -> None:
        self._next[address] = encrypted
        self._next.move_to_end(address)
        if len(self._next) > REMEMBERED:
            self._next.popitem(last=False)
