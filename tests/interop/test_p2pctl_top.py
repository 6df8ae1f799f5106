"""`p2pctl top` in a terminal against a real daemon: it shows a torrent and leaves no mess."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

import pytest
from peers.p2pd_node import daemon_environment
from peers.payload import make_folder

from p2pd.formats.creator import CreationOptions
from p2pd.storage.torrent_creator import create_torrent

pytest.importorskip("textual")

SECONDS = 30
ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[]P][^\x07\x1b]*(?:\x07|\x1b\\)|.)")
LAST_WINS = {
    b"1049": b"l", b"25": b"h", b"1000": b"l", b"1003": b"l", b"1006": b"l", b"2004": b"l"
}  # fmt: skip
"""Modes of a terminal, and how each is left: the other screen off, a cursor, no mouse."""


class Terminal:
    """A program in a terminal of 100 by 30."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.modes = termios.tcgetattr(self.fd)[:4]
        self.raw = b""

    @property
    def text(self) -> str:
        return ESCAPES.sub(b" ", self.raw).decode("utf-8", "replace")

    def read_until(self, words: str) -> None:
        deadline = time.monotonic() + SECONDS
        while words not in self.text:
            assert time.monotonic() < deadline, self.text[-2000:]
            assert self.read(), f"it ended: {self.text[-2000:]}"

    def read(self) -> bool:
        """Take what is there; False at the end."""
        if select.select([self.fd], [], [], 0.5)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return False
            self.raw += data
            return bool(data)
        return True

    def press(self, keys: bytes) -> None:
        os.write(self.fd, keys)

    def press_until(self, key: bytes, words: str) -> None:
        """Keys that come while a box closes go to the box."""
        deadline = time.monotonic() + SECONDS
        while words not in self.text:
            assert time.monotonic() < deadline, self.text[-2000:]
            self.press(key)
            self.read()

    def wait(self) -> int:
        """The exit status, when it ends."""
        deadline = time.monotonic() + SECONDS
        while self.read():
            assert time.monotonic() < deadline, self.text[-2000:]
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def stop(self) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


def test_top_shows_a_torrent_and_leaves_the_terminal_clean(work, new_p2pd, ended_after):
    node = new_p2pd()
    folder = make_folder(work / "original")
    torrent = work / "made.torrent"
    torrent.write_bytes(create_torrent(str(folder), CreationOptions(version="hybrid")))
    node.add(torrent, save=folder.parent)
    program = [sys.executable, "-c", "from p2pd.clients.cli.main import main; main()"]
    where = [f"--url=http://127.0.0.1:{node.control_port}", f"--state-dir={node.state_folder}"]
    environment = {**os.environ, **daemon_environment(), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    terminal = ended_after(Terminal([*program, *where, "top", "--interval", "0.2"], environment))

    terminal.read_until(folder.name)
    terminal.read_until("seeding")
    terminal.press(b"2")
    terminal.read_until("deeper")
    terminal.press(b"?")
    terminal.read_until("ask trackers for peers")
    terminal.press(b"q")
    terminal.press_until(b"x", "stopped")
    terminal.press(b"q")
    assert terminal.wait() == 0
    assert "Traceback" not in terminal.text
    for mode, wanted in LAST_WINS.items():
        found = re.findall(rb"\x1b\[\?" + mode + rb"([hl])", terminal.raw)
        assert not found or found[-1] == wanted, mode
    assert b"\x1b[?1049h" in terminal.raw
    node.check_healthy()


def test_without_a_terminal_top_says_so(new_p2pd, work):
    import subprocess

    program = [sys.executable, "-c", "from p2pd.clients.cli.main import main; main()"]
    result = subprocess.run(
        [*program, "top"],
        env={**os.environ, **daemon_environment()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert result.stderr == ("Error: p2pctl top needs a terminal; p2pctl list and watch do not\n")
