"""A landing for tests."""

from __future__ import annotations

from typing import Any, Sequence


class Places:
    """A landing, which takes what is read there; `then` is called each time."""

    def __init__(self, *sizes: int, times: int = 1000) -> None:
        self.shape = sizes
        self.times = times
        self.data: list[memoryview] = []
        self.sizes: list[int] = []
        self.landed = bytearray()
        self.then: Any = lambda: None

    def buffers(self) -> Sequence[memoryview]:
        if not self.times:
            return ()
        self.times -= 1
        self.data = [memoryview(bytearray(size)) for size in self.shape]
        return self.data

    def filled(self, size: int) -> None:
        self.sizes.append(size)
        self.landed += b"".join(self.data)[:size]
        assert not any(b"".join(self.data)[size:]), "no more than what was read is touched"
        self.then()
