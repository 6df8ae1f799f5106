"""state_backup, state_read, state_write, state_restore, state_forget over HTTP."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import pytest

from p2pd.base.errors import StateError
from p2pd.session.state_backups import Restored


class Made(NamedTuple):
    name: str = "p2pd-1.tar"
    size: int = 11
    sha256: str = "ab" * 32
    torrents: int = 3
    keys: int = 2
    without_keys: str = ""
    problems: tuple[str, ...] = ()


class FakeBackups:
    """Remembers what it was asked; one backup lies there."""

    def __init__(self) -> None:
        self.data = b"hello world"
        self.calls: list[tuple[Any, ...]] = []
        self.passphrases: list[str] = []

    async def make(self, passphrase: str = "") -> Made:
        self.passphrases.append(passphrase)
        return Made()

    async def read(self, name: str, offset: int) -> bytes:
        if name != "p2pd-1.tar":
            raise StateError(f"not the name of a backup: {name!r}")
        return self.data[offset : offset + 4]

    async def write(self, name: str, offset: int, data: bytes) -> int:
        self.calls.append((name, offset, data))
        return offset + len(data)

    async def forget(self, name: str) -> None:
        self.calls.append((name,))

    async def restore(self, name: str, passphrase: str = "", *, with_keys: bool = True) -> Restored:
        self.passphrases.append(passphrase)
        return Restored(2, 1, 4 * with_keys, ("the CA films: why",))


@pytest.fixture
def backups(session: Any) -> FakeBackups:
    session.backups = FakeBackups()
    made: FakeBackups = session.backups
    return made


def test_a_backup_is_made_and_read_in_parts(caller: Any, backups: FakeBackups) -> None:
    assert caller.call("state_backup").result == {
        "name": "p2pd-1.tar", "sha256": "ab" * 32, "size_bytes": 11, "torrent_count": 3,
        "key_count": 2, "without_keys": "", "problems": [],
    }  # fmt: skip
    parts = [
        base64.b64decode(caller.call("state_read", name="p2pd-1.tar", offset=at).result["data"])
        for at in (0, 4, 8, 11)
    ]
    assert parts == [b"hell", b"o wo", b"rld", b""]
    assert caller.call("state_forget", name="p2pd-1.tar").result == {}


def test_one_is_sent_in_parts_and_restored(caller: Any, backups: FakeBackups) -> None:
    for at, data in ((0, b"abc"), (3, b"\xff")):
        encoded = base64.b64encode(data).decode()
        answer = caller.call("state_write", name="x.tar", offset=at, data=encoded)
        assert answer.result == {"size_bytes": at + len(data)}
    answer = caller.call("state_restore", name="x.tar")
    counts = {"torrents_added": 2, "torrents_here": 1}
    problems = ["the CA films: why"]
    assert answer.result == {**counts, "keys_added": 4, "problems": problems}
    answer = caller.call("state_restore", name="x.tar", passphrase="words", with_keys=False)
    assert answer.result == {**counts, "keys_added": 0, "problems": problems}
    assert caller.call("state_backup", passphrase="other").result["key_count"] == 2
    assert backups.passphrases == ["", "words", "other"]
    assert backups.calls == [("x.tar", 0, b"abc"), ("x.tar", 3, b"\xff")]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("state_read", {"name": "p2pd-1.tar"}, -32602),
        ("state_read", {"name": "p2pd-1.tar", "offset": -1}, -32602),
        ("state_read", {"name": 5, "offset": 0}, -32602),
        ("state_write", {"name": "x.tar", "offset": 0, "data": "!"}, -32602),
        ("state_write", {"name": "x.tar", "offset": 0, "data": "\u00e4"}, -32602),
        ("state_restore", {}, -32602),
        ("state_restore", {"name": "x.tar", "passphrase": "x" * 1025}, -32602),
        ("state_backup", {"passphrase": 5}, -32602),
        ("state_read", {"name": "../x", "offset": 0}, 5),
    ],
)
def test_what_is_wrong_is_refused(
    caller: Any, backups: FakeBackups, method: str, params: dict[str, Any], code: int
) -> None:
    assert caller.call(method, **params).error[0] == code
    assert backups.calls == []
