"""The one clock: whoever needs time is handed one of these, so tests can hand in their own."""

from __future__ import annotations

from typing import Any, Callable, Protocol


class DelayedCall(Protocol):
    """A call scheduled for later, as :class:`Clock` returns it."""

    def cancel(self) -> None: ...

    def active(self) -> int: ...


class Clock(Protocol):
    """Monotonic seconds and timers: the reactor is one, Twisted's ``task.Clock`` another."""

    def seconds(self) -> float: ...

    def callLater(  # noqa: N802 - Twisted's name
        self, delay: float, callable: Callable[..., object], *args: Any, **kwargs: Any
    ) -> DelayedCall: ...
