"""What any program that is a peer can be asked for, however it is driven."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from peers.payload import Content, assert_same
from peers.processes import wait_until


class Peer(ABC):
    """A program with one torrent, on an address of loopback."""

    name: str
    host: str
    port: int
    downloads: Path
    """The folder that it downloads to."""
    makes_empty_files = True

    @abstractmethod
    def add(self, torrent: Path, *, save: Path | None = None) -> object:
        """Add a torrent file; data that is in `save` already is checked."""

    @abstractmethod
    def is_seed(self) -> bool:
        """Whether every wanted piece is verified and it seeds."""

    @abstractmethod
    def state(self) -> str:
        """What it says of itself, for the message of a failed test."""

    def share(self, content: Content) -> None:
        """Add what is all there already; returns when it seeds."""
        self.add(content.torrent, save=content.folder)
        self.wait_seeding()

    def wait_seeding(self, seconds: float = 60) -> None:
        wait_until(self.is_seed, seconds, f"complete {self.name}", details=self.state)

    def wait_copy_of(self, content: Content, seconds: float = 60) -> None:
        """Until it has downloaded all of it; every file has the bytes of the original."""
        self.wait_seeding(seconds)
        copy = self.downloads / content.name
        assert_same(content.path, copy, empty_files=self.makes_empty_files)
