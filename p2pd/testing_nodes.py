"""Whole nodes on the network of testing.py: sessions, and peers that do as they are told."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Callable, Mapping, Sequence, TypeVar, cast

from twisted.internet.defer import Deferred, succeed

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.formats.creator import CreationOptions, CreationPlan, SourceFile, TorrentDraft
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import Version
from p2pd.protocols.peerwire.connection import Event, PeerWire
from p2pd.protocols.peerwire.handshake import Handshake, our_reserved
from p2pd.protocols.peerwire.messages import Block, Message
from p2pd.session.api import AddTorrent, SessionSettings, SessionStatistics
from p2pd.session.session import Session, SessionLimits, SessionParts
from p2pd.session.session_control import SessionControl
from p2pd.session.torrent import Torrent
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.testing import InlineDisk, MemoryNetwork, MemoryStore
from p2pd.transports.interfaces import PeerStream

T = TypeVar("T")

DISK_SECONDS = 0.001
"""How long a job takes on a simulated disk."""


class FakeAnnouncer:
    """An Announcer that talks to nobody: `events` is what it was told, `found` hands in peers."""

    def __init__(self, tiers: Sequence[Sequence[str]], found: Callable[..., None]) -> None:
        self.tiers = [tuple(tier) for tier in tiers]
        self.found = found
        self.events: list[str] = []
        self.tracker_states: list[TrackerState] = []

    def start(self) -> None:
        """Noted."""
        self.events.append("started")

    def complete(self) -> None:
        """Noted."""
        self.events.append("completed")

    def reannounce(self) -> None:
        """Noted."""
        self.events.append("reannounced")

    def stop(self) -> Deferred[None]:
        """Noted."""
        self.events.append("stopped")
        return succeed(None)

    def set_tiers(self, tiers: Sequence[Sequence[str]]) -> None:
        """Noted."""
        self.tiers = [tuple(tier) for tier in tiers]

    def states(self) -> list[TrackerState]:
        """What the test put there."""
        return self.tracker_states


class SimNode:
    """A whole session at an IP address of a MemoryNetwork, on memory storage.

    Another node made with the `store` and `disk` of this one is this one restarted.
    """

    def __init__(
        self,
        network: MemoryNetwork,
        host: str,
        *,
        limits: SessionLimits | None = None,
        store: MemoryStore | None = None,
        disk: dict[tuple[str, str], MemoryStorage] | None = None,
        seed: int | None = None,
        **settings: Any,
    ) -> None:
        self.network = network
        self.address = PeerAddress(host, 6881)
        self.store = store or MemoryStore()
        self.disk = {} if disk is None else disk
        self.announcers: list[FakeAnnouncer] = []
        limits = limits or SessionLimits(check_workers=1)
        defaults = {"peer_limit_global": 100, "peer_limit_per_torrent": 50}
        chosen = SessionSettings(download_dir="/downloads", **{**defaults, **settings})
        self.session = Session(self._parts(host if seed is None else str(seed)), chosen, limits)
        self.saved_settings: dict[str, Any] = {}
        self.control = SessionControl(
            self.session,
            save_setting=self._save_setting,
            earlier=SessionStatistics(),
            shut_down=lambda: None,
        )
        self.session.connections.listen(self.address.port)
        network.result(self.session.start())

    def add(self, torrent: bytes | str, **options: Any) -> Torrent:
        """Add a .torrent's bytes or a magnet link, and wait until it is opened."""
        request = AddTorrent(**options)
        if isinstance(torrent, str):
            request = replace(request, magnet=torrent)
        else:
            request = replace(request, torrent=torrent)
        added = self.network.result(self.control.add(request))
        found = self.session.torrents.by_id(added.torrent.id)
        assert found is not None
        self.network.run_until(lambda: not found.opening.busy)
        self.network.run(2 * DISK_SECONDS)
        return found

    def put(self, torrent: bytes, contents: Mapping[str, bytes], **options: Any) -> Torrent:
        """Add a torrent whose data is on this node's disk already."""
        added = self.add(torrent, paused=True, **options)
        self.fill(added, contents)
        self.network.result(added.verify())
        if not options.get("paused"):
            self.network.result(added.start())
        return added

    def fill(self, torrent: Torrent, contents: Mapping[str, bytes]) -> None:
        """Put a torrent's data on this node's disk."""
        layout = torrent.content.layout if torrent.content else None
        assert layout is not None
        storage = self.storage(torrent)
        for piece in range(layout.piece_count):
            storage.pieces[piece] = piece_bytes(layout, contents, piece)

    def storage(self, torrent: Torrent) -> MemoryStorage:
        """What the node has on disk of a torrent."""
        assert torrent.content is not None
        return cast(MemoryStorage, torrent.content.storage)

    def connect(self, torrent: Torrent, *addresses: PeerAddress) -> None:
        """Dial these."""
        torrent.add_peers(addresses, "manual")

    def stop(self) -> None:
        """Stop the session as the daemon does."""
        self.network.result(self.session.stop())

    def _parts(self, seed: str) -> SessionParts:
        return SessionParts(
            clock=self.network.clock,
            wall=lambda: 1_700_000_000.0 + self.network.clock.seconds(),
            rng=random.Random(seed),
            transport=self.network.transport(self.address.host),
            disk=cast(Any, InlineDisk(self.network.clock, seconds=DISK_SECONDS)),
            store=cast(Any, self.store),
            make_storage=self._make_storage,
            make_announcer=cast(Any, self._make_announcer),
        )

    def _make_storage(self, layout: FileLayout, folder: str) -> MemoryStorage:
        kept = self.disk.setdefault((folder, layout.files[0].path[0]), MemoryStorage(layout))
        kept.layout = layout
        return kept

    def _make_announcer(self, _torrent: Any, tiers: Any, found: Any, *_: Any) -> FakeAnnouncer:
        self.announcers.append(FakeAnnouncer(tiers, found))
        return self.announcers[-1]

    async def _save_setting(self, name: str, value: Any) -> None:
        self.saved_settings[name] = value


class ScriptedPeer:
    """A peer that says what a test tells it to; it shakes hands by itself unless it is `mute`.

    `received` is every event that came, blocks copied; `answer`, when set, is called with each.
    """

    def __init__(
        self,
        network: MemoryNetwork,
        host: str,
        info_hash: bytes,
        *,
        peer_id: bytes | None = None,
        fast: bool = True,
        mute: bool = False,
    ) -> None:
        self.network = network
        self.address = PeerAddress(host, 6881)
        self.peer_id = peer_id or f"-TS0001-{host}".encode().ljust(20, b".")
        self.received: list[Event] = []
        self.answer: Callable[[Event], None] | None = None
        self.closed: str | None = None
        self.connections = 0
        self.mute = mute
        self._info_hash = info_hash
        reserved = our_reserved()
        self._reserved = reserved if fast else reserved[:7] + bytes([reserved[7] & ~4])
        self._stream: PeerStream | None = None
        self._wire = PeerWire(initiator=True, now=0.0)

    def listen(self) -> PeerAddress:
        """Be there for others to dial."""
        self.network.transport(self.address.host).listen(self.address.port, self._connected)
        return self.address

    def dial(self, address: PeerAddress) -> None:
        """Connect to a node, and wait for its handshake."""
        self.network.transport(self.address.host).dial(
            address, self._connected, lambda reason: self.stream_lost(reason), 15.0
        )
        self.network.run(4 * self.network.latency)

    def send(self, *messages: Message) -> None:
        """Send messages in one go."""
        for message in messages:
            self._wire.send(message)
        self._flush()

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self._stream is not None:
            self._stream.write([data])

    def hang_up(self) -> None:
        """Close the connection."""
        if self._stream is not None:
            self._stream.abort()

    def of_kind(self, kind: type[T]) -> list[T]:
        """What came of one kind of message."""
        return [event for event in self.received if isinstance(event, kind)]

    def stream_received(self, data: memoryview) -> None:
        """Keep what came, and answer it."""
        for event in self._wire.receive_data(data, self.network.clock.seconds()):
            kept = event._replace(data=bytes(event.data)) if isinstance(event, Block) else event
            self.received.append(kept)
            if self.answer is not None:
                self.answer(kept)

    def stream_writable(self) -> None:
        """Nothing waits."""

    def stream_lost(self, reason: str) -> None:
        """Keep why."""
        self.closed = reason

    def _connected(self, stream: PeerStream) -> ScriptedPeer:
        self._stream = stream
        self.connections += 1
        self.closed = None
        self._wire = PeerWire(initiator=True, now=self.network.clock.seconds())
        if not self.mute:
            self._wire.send_handshake(Handshake(self._info_hash, self.peer_id, self._reserved))
            self._flush()
        return self

    def _flush(self) -> None:
        self.send_raw(self._wire.data_to_send())


def make_torrent(
    contents: Mapping[str, bytes],
    version: Version = "v1",
    *,
    name: str = "folder",
    piece_length: int = 32 * 1024,
    **options: Any,
) -> bytes:
    """A .torrent file of these files, whose paths are below the torrent's folder."""
    files = tuple(SourceFile(tuple(path.split("/")), len(data)) for path, data in contents.items())
    chosen = CreationOptions(version=version, piece_length=piece_length, **options)
    draft = TorrentDraft(CreationPlan(name, files, single_file=False, options=chosen))
    pieces = range(draft.layout.piece_count)
    return draft.assemble(
        [draft.hash_piece(piece, piece_bytes(draft.layout, contents, piece)) for piece in pieces]
    )


def piece_bytes(layout: FileLayout, contents: Mapping[str, bytes], piece: int) -> bytes:
    """A piece of these files; paths with and without the torrent's folder are understood."""
    data = b""
    for index, offset, length in layout.spans(piece, 0, layout.piece_size(piece)):
        path = "/".join(layout.files[index].path)
        if index < 0 or layout.files[index].pad:
            data += bytes(length)
            continue
        file = contents[path] if path in contents else contents[path.partition("/")[2]]
        data += file[offset : offset + length]
    return data
