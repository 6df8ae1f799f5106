"""The last rates, and graphs of them in letters. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

LEVELS = " ▁▂▃▄▅▆▇█"
LENGTH = 600


class History:
    """Downloads and uploads in bytes per second, one pair a look, the oldest first."""

    def __init__(self, length: int = LENGTH) -> None:
        self.down: deque[float] = deque(maxlen=length)
        self.up: deque[float] = deque(maxlen=length)

    def add(self, down: float, up: float) -> None:
        """A look more."""
        self.down.append(down)
        self.up.append(up)


def graph(values: Sequence[float], width: int, height: int = 1) -> list[str]:
    """The last values as columns of eighths, the largest one as high as the graph; from above."""
    shown = list(values)[-width:] if width > 0 else []
    most = max(shown, default=0.0)
    levels = [_level(value, most, height * 8) for value in shown]
    levels = [0] * (width - len(levels)) + levels
    return [
        "".join(LEVELS[min(8, max(0, level - 8 * floor))] for level in levels)
        for floor in reversed(range(height))
    ]


def _level(value: float, most: float, levels: int) -> int:
    """What moves at all is seen."""
    return max(1, round(value / most * levels)) if most > 0 and value > 0 else 0
