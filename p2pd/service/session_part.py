"""The session as a part of the node: its port, its state database, its disk threads, its torrents."""

from __future__ import annotations

import os
import random
import time
from typing import Any

from twisted.internet.error import CannotListenError

from p2pd.service.config import Config
from p2pd.service.folders import Place
from p2pd.service.http_port import cannot_listen
from p2pd.session.api import SessionApi, SessionSettings
from p2pd.session.session import Session, SessionLimits, SessionParts
from p2pd.session.session_control import SessionControl
from p2pd.transports.tcp import TcpTransport

DATABASE_NAME = "state.db"


class SessionPart:
    """Puts a session together and runs it. `api` is there once it has started."""

    name = "session"
    api: SessionApi

    def __init__(self, config: Config, place: Place, reactor: Any) -> None:
        self._config = config
        self._place = place
        self._reactor = reactor
        self._session = Session(self._parts(), self._settings(), self._limits())

    def take_ports(self) -> None:
        """Listen for peers. Raises ConfigError."""
        peers = self._config.peers
        try:
            self._session.connections.listen(peers.port)
        except CannotListenError as problem:
            raise cannot_listen(
                "peers.port", peers.interface, peers.port, problem.socketError
            ) from None

    def describe(self) -> str:
        """Where peers find it."""
        return f"peers at port {self._session.listen_port}, downloads in {self._place.download_dir}"

    async def start(self) -> None:
        """Open the database and bring the torrents back. Raises StateError."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Everything recorded, every file closed."""
        await self._session.stop()

    def _parts(self) -> SessionParts:
        raise NotImplementedError

    def _settings(self) -> SessionSettings:
        peers = self._config.peers
        return SessionSettings(
            download_dir=self._place.download_dir,
            peer_limit_global=peers.max_connections,
            peer_limit_per_torrent=peers.max_connections_per_torrent,
            upload_slots=peers.upload_slots,
        )

    def _limits(self) -> SessionLimits:
        storage, peers = self._config.storage, self._config.peers
        return SessionLimits(
            half_open=peers.max_half_open,
            memory_in_flight=storage.memory_in_flight_mib * 1024 * 1024,
            request_timeout=peers.request_timeout,
            check_workers=max(1, storage.threads // 2),
        )
