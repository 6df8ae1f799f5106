"""What an engine spends between two moments."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from bench.accounting import cpu_seconds, machine_seconds, peak_resident, reset_peak
from bench.engines.engine import Engine
from bench.engines.p2pd import P2pd
from bench.figures import Sample
from bench.sizes import GIB, MIB


class Meter:
    """Counts from its making on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Asked of before the counting begins, and forgotten: the answer is the stall since then.
        if isinstance(engine, P2pd) and engine.watched:
            engine.figures()
        reset_peak(engine.pid)
        self._spent = cpu_seconds(engine.pid)

    def sample(self, moved: int) -> Sample:
        """CPU seconds per GiB of `moved` bytes, MiB of memory at the peak, ms of the worst stall.

        To be asked once.
        """
        engine = self._engine
        sample = {
            "cpu": (cpu_seconds(engine.pid) - self._spent) / (moved / GIB),
            "peak": peak_resident(engine.pid) / MIB,
        }
        if isinstance(engine, P2pd) and engine.watched:
            sample["stall"] = engine.figures()["worst_stall"]
        return sample


class Elsewhere:
    """What the rest of the machine spends while `engines` are measured, from its making on.

    `pids` are other processes that belong to the measurement.
    """

    def __init__(self, engines: Sequence[Engine], pids: Sequence[int] = ()) -> None:
        self._pids = [os.getpid(), *(engine.pid for engine in engines), *pids]
        self._began = time.monotonic()
        self._spent = self._by_others()

    def _by_others(self) -> float:
        return machine_seconds() - sum(map(cpu_seconds, self._pids))

    def share(self) -> float:
        """The share, 0 to 1, of all cores that went to programs that are not measured."""
        capacity = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        return max(0.0, self._by_others() - self._spent) / capacity
