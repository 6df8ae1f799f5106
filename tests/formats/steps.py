"""Work counted in lines of Python that are run: the same on every machine, however busy it is."""

from __future__ import annotations

import sys
from typing import Any, Callable


def steps_of(work: Callable[[], object]) -> int:
    """How many lines `work` runs, each time round a loop counted."""
    count = 0

    def trace(frame: Any, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
