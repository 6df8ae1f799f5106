"""A tracker that answers everybody alike and counts: ``tracker.py HOST INTERVAL PORT...``.

Announces and scrapes over HTTP (BEP 3, BEP 48), connections are kept. There are no peers. A line on
stdin asks for the counts since the last one: ``announces``, ``started``, ``stopped``, ``scrapes``,
``connections``, and ``busiest``, the most requests within one second to one port.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter


class Counts:
    """What was asked since the last line."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._seconds: Counter[tuple[int, int]] = Counter()

    def request(self, port: int, target: str) -> None:
        """One came."""
        self._seconds[port, int(time.monotonic())] += 1
        if not target.startswith("/announce"):
            self.asked["scrapes"] += 1
            return
        self.asked["announces"] += 1
        for event in ("started", "stopped"):
            self.asked[event] += f"event={event}" in target

    def line(self) -> str:
        """The counts, which begin anew."""
        told = {name: self.asked[name] for name in ("announces", "started", "stopped", "scrapes")}
        told["connections"] = self.asked["connections"]
        told["busiest"] = max(self._seconds.values(), default=0)
        self.__init__()  # type: ignore[misc]
        return json.dumps(told)


async def serve(counts: Counts, host: str, port: int, body: bytes) -> None:
    """Answer at one port, for ever."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counts.asked["connections"] += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                counts.request(port, head.split(b" ", 2)[1].decode("ascii", "replace"))
                writer.write(answer)
                if b"connection: close" in head.lower():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, host, port, backlog=1000)
    await server.serve_forever()


async def main() -> None:
    """Serve until stdin ends."""
    host, interval, ports = sys.argv[1], int(sys.argv[2]), [int(port) for port in sys.argv[3:]]
    counts = Counts()
    body = b"d8:completei1e10:incompletei0e8:intervali%de5:peers0:e" % interval
    tasks = [asyncio.create_task(serve(counts, host, port, body)) for port in ports]
    print(json.dumps({"ready": True}), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(counts.line(), flush=True)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
