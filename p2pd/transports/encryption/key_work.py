"""The long calculations of key exchanges, made where no reactor waits for them."""

from __future__ import annotations

import random
import time
from typing import Callable, NamedTuple

from twisted.internet.defer import Deferred

from p2pd.base.clock import Clock
from p2pd.protocols.mse.key_exchange import KeyPair, check_key
from p2pd.transports.encryption.cpu_share import CpuShare
from p2pd.transports.encryption.fair_line import Elsewhere, FairLine
from p2pd.transports.encryption.tries import Tries
from p2pd.transports.spare_cpu import all_of_it

IN_LINE = 128
"""Strangers whose keys are made, or who wait for that."""

SHARE = 0.1
"""Of the spare part of one core, for the keys of strangers: up to two hundred a second on a usual
machine. The interpreter is theirs meanwhile, so that our peers feel all of it.
"""

SAVED_SECONDS = 0.1
"""CPU that they may take at once after a quiet second."""


class Exchanged(NamedTuple):
    """Our keys, and the secret that they make with the other side's."""

    keys: KeyPair
    secret: bytes

    def __repr__(self) -> str:
        """Without either."""
        return "Exchanged()"


class KeyWork(FairLine):
    """Makes keys and secrets."""

    def __init__(
        self,
        elsewhere: Elsewhere,
        rng: random.Random,
        clock: Clock,
        *,
        limit: int = IN_LINE,
        timer: Callable[[], float] = time.thread_time,
        spare: Callable[[], float] = all_of_it,
    ) -> None:
        """`rng` has to be one that nobody can predict, and that other threads may use."""
        share = CpuShare(clock, SHARE, SAVED_SECONDS, spare)
        super().__init__(elsewhere, clock, limit=limit, share=share, timer=timer)
        self.rng = rng
        self.tries = Tries(clock)

    def keys(self) -> Deferred[KeyPair]:
        """A new pair, for somebody that we dialled."""
        return self.for_us(lambda: KeyPair.new(self.rng))

    def secret(self, keys: KeyPair, their_public: bytes) -> Deferred[bytes]:
        """What both know then; errs with MseError for a key that hides nothing."""
        return self.for_us(lambda: keys.secret(their_public))

    def exchange(self, their_public: bytes, host: str) -> Deferred[Exchanged]:
        """Both, for a stranger who has sent his key; to be asked for only while there is room.

        Errs with MseError for a key that hides nothing, and with DisplacedError.
        """

        def work() -> Exchanged:
            check_key(their_public)
            keys = KeyPair.new(self.rng)
            return Exchanged(keys, keys.secret(their_public))

        return self.for_stranger(work, host)

    def unpredictable(self, size: int) -> bytes:
        """So many bytes that nobody can predict: a key for one time, which is had at once."""
        return self.rng.randbytes(size)
