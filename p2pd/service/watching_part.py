"""The watch folders as a part of the node."""

from __future__ import annotations

from typing import Any, Callable, Collection, Mapping

from twisted.internet.defer import Deferred

from p2pd.automation.private_addresses import PrivateAddresses
from p2pd.automation.watching.folder_scan import MAX_TORRENT
from p2pd.automation.watching.watch_folders import WatchFolders
from p2pd.automation.web import Web, WebRequest
from p2pd.base.errors import P2pdError
from p2pd.base.measures import Measure
from p2pd.service.automation_part import AutomationPart
from p2pd.service.config import Config
from p2pd.service.session_part import SessionPart


class WatchingPart:
    """Starts when the automation has; which folders there are is a setting of the session."""

    name = "watch folders"

    def __init__(
        self, config: Config, session: SessionPart, reactor: Any, automation: AutomationPart
    ) -> None:
        self._session = session
        self._automation = automation
        self._reactor = reactor
        private = PrivateAddresses(config.automation.private_addresses)
        self._web = Web(reactor, session.network.way, private)
        self._watching: WatchFolders | None = None

    def prepare(self) -> None:
        """There is nothing to take."""

    def describe(self) -> str:
        """Nothing to say."""
        return ""

    async def start(self) -> None:
        """Look from now on."""
        self._watching = WatchFolders(
            self._session.api,
            self._reactor,
            self._reactor,
            self._in_thread,
            self._fetch,
            self._automation.owners.add,
        )
        self._watching.start()

    def reconfigure(
        self, config: Config, changed: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], str]:
        """The session takes over what is a setting of its own."""
        self._web.private = PrivateAddresses(config.automation.private_addresses)
        return {}

    async def stop(self) -> None:
        """Begin nothing any more."""
        if self._watching is not None:
            self._watching.stop()

    def measures(self) -> list[Measure]:
        """In numbers."""
        return [] if self._watching is None else self._watching.measures()

    def _in_thread(self, question: Any, work: Callable[[], Any]) -> Deferred[Any]:
        return self._session.disks.ask(question, work)

    async def _fetch(self, url: str) -> bytes | str:
        answer = await self._web.ask(WebRequest(url, most=MAX_TORRENT))
        if answer.url.startswith("magnet:"):
            return answer.url
        if answer.code != 200:
            raise P2pdError(f"the server of {url[:200]} answered {answer.code}")
        return answer.body
