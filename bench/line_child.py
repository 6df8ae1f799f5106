"""A child that is told things in lines of JSON, and answers in the same way."""

from __future__ import annotations

import json
import select
from typing import Any

from bench.errors import BenchError
from bench.processes import Child

ANSWER_SECONDS = 60.0


class LineChild(Child):
    """A child of which stdin and stdout are pipes."""

    def call(self, command: str, **arguments: Any) -> dict[str, Any]:
        """The answer to a command. Raises BenchError with what the child says is wrong."""
        self.tell({"command": command, **arguments})
        return self.listen(ANSWER_SECONDS)

    def tell(self, said: object) -> None:
        """Write one line."""
        self.check_running()
        self.stdin.write(json.dumps(said).encode() + b"\n")

    def listen(self, seconds: float) -> dict[str, Any]:
        """Read one line. Raises BenchError when there is none in time, or one with an error."""
        if not select.select([self.stdout], [], [], seconds)[0]:
            raise BenchError(f"{self.name} was silent for {seconds:.0f} s{self.last_words()}")
        line = self._line()
        if not line:
            raise BenchError(f"{self.name} closed its output{self.last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(f"{self.name}: {answer['error']}")
        return answer

    def _line(self) -> bytes:
        # The pipe is not buffered, so that select tells the truth; a line may come in parts.
        parts = []
        while part := self.stdout.read(1 << 20):
            parts.append(part)
            if part.endswith(b"\n"):
                break
        return b"".join(parts)
