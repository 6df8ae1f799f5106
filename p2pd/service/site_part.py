"""A site of the daemon as a part of the node: its ports, and what answers behind them."""

from __future__ import annotations

from typing import Any, Callable, Collection, Mapping

from twisted.internet.interfaces import IReactorSocket
from twisted.internet.protocol import ServerFactory

from p2pd.service.config import Config
from p2pd.service.http_port import HttpPort


class SitePart:
    """Serves what `make_site` makes; made at the start, when what it shows is there.

    `describe` is given the ``host:port`` that the site can be called at from this machine.
    """

    def __init__(
        self,
        name: str,
        port: HttpPort,
        make_site: Callable[[], ServerFactory[Any]],
        reactor: IReactorSocket,
        describe: Callable[[str], str],
    ) -> None:
        self.name = name
        self._port = port
        self._make_site = make_site
        self._reactor = reactor
        self._describe = describe

    def prepare(self) -> None:
        """Take the port. Raises ConfigError."""
        self._port.prepare()

    def describe(self) -> str:
        """Where it is."""
        return self._describe(f"{self._port.url_host}:{self._port.port}")

    async def start(self) -> None:
        """Answer from now on."""
        self._port.serve(self._reactor, self._make_site())

    def reconfigure(
        self, config: Config, changed: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], str]:
        """Nothing of it can change while it runs."""
        return {}

    async def stop(self) -> None:
        """Take no more calls; those under way end with the process."""
        await self._port.close()
