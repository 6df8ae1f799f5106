"""The strangers that never end a handshake: their kinds, and that they come again."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bench.inside import half_open
from bench.inside.half_open import KEY, KINDS, MOST_PADDING, PROTOCOL, HalfOpen, Plan, client_hello
from bench.options import STRANGERS

INFO_HASH = "aa" * 20
ANSWER = b"some answer"


class Door:
    """A port, and who came to it."""

    def __init__(self, listening: socket.socket) -> None:
        self.listening = listening
        self.port = listening.getsockname()[1]
        self.came: list[socket.socket] = []

    def take(self) -> None:
        while True:
            try:
                self.came.append(self.listening.accept()[0])
            except BlockingIOError:
                return

    def heard(self, number: int) -> bytes:
        self.came[number].setblocking(False)
        try:
            return self.came[number].recv(4096)
        except BlockingIOError:
            return b"silence"


@pytest.fixture
def door() -> Iterator[Door]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        found = Door(listening)
        yield found
        for each in found.came:
            each.close()


def plan_for(door: Door, kind: str, count: int) -> Plan:
    return Plan("127.0.0.1", door.port, 0, INFO_HASH, kind, count, hosts=10, again=0.0, most=10.0)


def test_the_options_name_all_kinds() -> None:
    assert set(STRANGERS) == {half_open.ALL, *KINDS}


def test_each_kind_says_its_own(door: Door) -> None:
    strangers = HalfOpen(plan_for(door, half_open.ALL, len(KINDS)), lambda: is_over())

    def is_over() -> bool:
        door.take()
        return strangers._open == len(KINDS) == len(door.came)

    told = strangers.run()
    assert told["open"] == told["most_open"] == told["attempts"] == len(KINDS)
    assert told["answered"] == told["turned_away"] == 0
    said = sorted(door.heard(number) for number in range(len(KINDS)))
    keys = [words for words in said if words[:1] == b"\x7f"]
    assert len(keys) == 2
    assert all(KEY <= len(words) <= KEY + MOST_PADDING for words in keys)
    hello = strangers.hello
    assert [words for words in said if words[:1] != b"\x7f"] == sorted(
        [b"silence", b"silence", hello[: len(hello) // 2], hello, hello]
    )


def test_who_is_hung_up_on_comes_again_from_another_address(door: Door) -> None:
    def is_over() -> bool:
        door.take()
        for each in door.came[:2]:
            each.close()
        return len(door.came) >= 3

    told = HalfOpen(plan_for(door, "silent", 1), is_over).run()
    assert told["attempts"] >= 3
    assert told["turned_away"] >= 2
    assert told["most_open"] == 1


def test_some_hang_up_and_come_again_when_they_are_answered(door: Door) -> None:
    def is_over() -> bool:
        door.take()
        if door.came and not answered:
            door.came[0].sendall(ANSWER)
            answered.append(True)
        return len(door.came) >= 2

    answered: list[bool] = []
    told = HalfOpen(plan_for(door, "mse-again", 1), is_over).run()
    assert told["answered"] == 1
    assert told["turned_away"] == 0
    assert told["attempts"] == 2


def test_others_stay_when_they_are_answered(door: Door) -> None:
    def is_over() -> bool:
        door.take()
        if door.came and not answered:
            door.came[0].sendall(ANSWER)
            answered.append(True)
        return strangers.answered == 1

    answered: list[bool] = []
    strangers = HalfOpen(plan_for(door, "tls-hello", 1), is_over)
    assert strangers.run()["open"] == 1


def test_one_drips(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(half_open, "DRIP_SECONDS", 0.0)
    heard = bytearray()

    def is_over() -> bool:
        door.take()
        if door.came:
            heard.extend(door.heard(0).replace(b"silence", b""))
        return len(heard) == 68

    strangers = HalfOpen(replace(plan_for(door, "drip", 1), hosts=1), is_over)
    assert strangers.run()["open"] == 1
    assert heard.startswith(PROTOCOL)
    assert bytes.fromhex(INFO_HASH) in heard


def test_the_hello_is_one_that_a_server_reads() -> None:
    came, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    names: list[str | None] = []
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.sni_callback = lambda _, name, __: names.append(name)
    came.write(client_hello(INFO_HASH))
    with pytest.raises(ssl.SSLError):
        server.wrap_bio(came, said, server_side=True).do_handshake()
    assert names == [INFO_HASH]
