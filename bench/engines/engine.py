"""What the works ask of an engine. Each one is a process of its own, driven over its own API."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.content import Torrent
from bench.errors import BenchError, CannotMeasureError
from bench.library import Library
from bench.processes import HOST, Child
from p2pd.clients.free_port import free_port


class Status(NamedTuple):
    """How far a torrent is. `progress` 0 to 1; `done`: every piece is there and was verified."""

    progress: float
    done: bool
    checking: bool
    peers: int


class Engine(ABC):
    """An engine in a folder of its own, which keeps its state between `stop` and `start`."""

    name: str
    host = HOST
    """Where it listens, at `port`."""

    share = 1
    """It is given torrents of this fraction of the size: so that slow ones come to an end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.tls_port = free_port()
        """Where it listens for peers of SSL torrents, if it does."""
        self._child: Child | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    @abstractmethod
    def missing(cls) -> str | None:
        """What has to be installed before it can be measured; None if nothing."""

    @abstractmethod
    def start(self) -> None:
        """Start the process; returns when its API answers. Raises BenchError."""

    @abstractmethod
    def add(self, torrent: Torrent, folder: Path) -> None:
        """Add and start a torrent; data that is in `folder` is checked."""

    @abstractmethod
    def status(self, torrent: Torrent) -> Status:
        """How far it is; asked often, so this is cheap."""

    def address(self, torrent: Torrent) -> tuple[str, int]:
        """Where peers of a torrent are dialled."""
        return self.host, self.tls_port if torrent.swarm else self.port

    def connect(self, torrent: Torrent, others: Sequence[Engine]) -> None:
        """Dial these now."""
        raise CannotMeasureError(f"{self.name} cannot be told to dial")

    def uploaded(self, torrent: Torrent) -> int:
        """Bytes of blocks that it has sent, as it counts them."""
        raise CannotMeasureError(f"{self.name} is not asked what it uploaded")

    def fill(self, torrents: Sequence[Torrent], folder: Path) -> None:
        """Have all these, their data in `folder`, complete after the next `start`."""
        raise CannotMeasureError(f"{self.name} is not measured with many torrents")

    def furnish(self, library: Library) -> None:
        """Write its state by hand: these are all complete and verified after the next `start`."""
        raise CannotMeasureError(f"{self.name} is not measured with a library")

    def seeding(self) -> int:
        """How many torrents are complete and seeding, by an answer that tells of all of them."""
        raise CannotMeasureError(f"{self.name} is not measured with many torrents")

    def add_magnet(self, torrent: Torrent, folder: Path) -> None:
        """Add and start a torrent by its info-hash alone."""
        raise CannotMeasureError(f"{self.name} is not measured with links")

    def has_metadata(self, torrent: Torrent) -> bool:
        """Whether it knows what is in the torrent; asked often, so this is cheap."""
        raise CannotMeasureError(f"{self.name} is not measured with links")

    def add_dht_nodes(self, nodes: Sequence[tuple[str, int]]) -> None:
        """Tell it of nodes of the DHT; by itself it hears of those that ask."""
        return

    @property
    def child(self) -> Child:
        """Its process. Raises BenchError when it was not started."""
        if self._child is None:
            raise BenchError(f"{self.name} is not running")
        return self._child

    @property
    def pid(self) -> int:
        """The process that is accounted."""
        return self.child.pid

    def stop(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.end()
            self._child = None
