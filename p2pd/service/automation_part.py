"""What the daemon does by itself as a part of the node: feeds and their rules.

It starts after the session, over its facade, and before clients are let in.
"""

from __future__ import annotations

import random
import secrets
import time
from typing import Any, Collection, Mapping

from twisted.internet.threads import deferToThreadPool

from p2pd.automation.private_addresses import PrivateAddresses
from p2pd.automation.rss.rss import Rss, RssParts
from p2pd.automation.web import Web
from p2pd.base.measures import Measure
from p2pd.service.config import Config
from p2pd.service.session_part import SessionPart
from p2pd.state.rss import RssStore

PRIVATE = ("automation", "private_addresses")


class AutomationPart:
    """`rss` is there once it has started."""

    name = "automation"
    rss: Rss

    def __init__(self, config: Config, session: SessionPart, reactor: Any) -> None:
        self._session = session
        self._reactor = reactor
        private = PrivateAddresses(config.automation.private_addresses)
        self._web = Web(reactor, session.way, private)
        self._started = False

    def prepare(self) -> None:
        """There is nothing to take."""

    def describe(self) -> str:
        """Nothing to say."""
        return ""

    async def start(self) -> None:
        """Begin with what earlier runs left."""
        self.rss = Rss(
            RssParts(
                api=self._session.api,
                store=RssStore(self._session.database),
                web=self._web,
                clock=self._reactor,
                wall=time.time,
                rng=random.Random(secrets.randbits(128)),
                in_thread=self._in_thread,
            )
        )
        self._started = True
        await self.rss.start()

    def reconfigure(
        self, config: Config, changed: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], str]:
        """Which addresses may be asked holds at once."""
        if PRIVATE not in changed:
            return {}
        self._web.private = PrivateAddresses(config.automation.private_addresses)
        return {PRIVATE: ""}

    async def stop(self) -> None:
        """No more of it."""
        if self._started:
            self.rss.stop()

    def measures(self) -> list[Measure]:
        """In numbers."""
        return self.rss.measures()

    def _in_thread(self, work: Any) -> Any:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)
