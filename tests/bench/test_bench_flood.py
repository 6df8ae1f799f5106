"""The strangers of the flood: their kinds, their pace, and what they tell of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bench.inside.flood import PROTOCOL, Flood, Plan


@pytest.fixture
def door() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def test_every_kind_of_stranger_knocks(
    door: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan("127.0.0.1", door.getsockname()[1], "aa" * 20, pace=1e6, most=10.0)
    accepted: list[socket.socket] = []

    def answer_and_see() -> bool:
        """Between two looks at the sockets: take who came."""
        while True:
            try:
                accepted.append(door.accept()[0])
            except BlockingIOError:
                return flood.attempts > 0 and len(flood._selector.get_map()) <= 4

    flood = Flood(plan, answer_and_see)
    five = lambda passed: [flood._knock() for _ in range(5 - flood.attempts)]  # noqa: E731
    monkeypatch.setattr(flood, "_knock_all", five)
    told = flood.run()
    assert told["attempts"] == 5
    assert told["open"] == 4, "one hangs up at once"
    while len(accepted) < 5:
        answer_and_see()
    said = []
    for each in accepted:
        each.setblocking(False)
        try:
            said.append(each.recv(1000))
        except BlockingIOError:
            said.append(b"silent")
        each.close()
    kinds = sorted(words[:1] for words in said)
    assert kinds == [b"", b"\x13", b"\x13", b"G", b"s"]
    assert sum(bytes.fromhex("aa" * 20) in words for words in said) == 1
    assert all(words.startswith(PROTOCOL) for words in said if words[:1] == b"\x13")
