"""How torrents of this daemon reach their trackers, put together from the configuration."""

from __future__ import annotations

import random
import time
from typing import Any, Callable, Sequence

from p2pd.base.schedule import Schedule
from p2pd.discovery.tracker_client.announcer import Announcer, AnnounceTorrent, PeersFound
from p2pd.discovery.tracker_client.transports import TrackerTransports
from p2pd.service.config import Config
from p2pd.transports.udp_port import UdpPort
from p2pd.transports.way_out import WayOut


class Announcing:
    """Makes the announcers of all torrents over one set of transports."""

    def __init__(self, config: Config, reactor: Any, way: str | WayOut, udp: UdpPort) -> None:
        self._timers = Schedule(reactor)
        self._rng = random.SystemRandom()
        self._numwant = config.announce.numwant
        self.transports = TrackerTransports(
            reactor,
            self._rng,
            udp,
            interface=way,
            timeout=config.announce.timeout,
        )

    def announcer(
        self,
        torrent: AnnounceTorrent,
        tiers: Sequence[Sequence[str]],
        found: PeersFound,
        peer_id: bytes,
        port: Callable[[], int],
    ) -> Announcer:
        """The announcer of one torrent."""
        return Announcer(
            torrent,
            tiers,
            found,
            clock=self._timers,
            wall=time.time,
            rng=self._rng,
            transports=self.transports.of(torrent.credentials),
            peer_id=peer_id,
            port=port,
            numwant=self._numwant,
        )

    async def stop(self) -> None:
        """Ask no more."""
        await self.transports.close()
