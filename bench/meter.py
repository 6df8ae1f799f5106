"""What an engine spends between two moments."""

from __future__ import annotations

from bench.accounting import cpu_seconds, peak_resident, reset_peak
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
