"""What the daemon does by itself as a part of the node: share limits, labels, feeds, hooks.

It starts after the session, over its facade, and before clients are let in.
"""

from __future__ import annotations

import random
import secrets
import time
from typing import Any, Collection, Mapping

from twisted.internet.threads import deferToThreadPool

from p2pd.automation.hooks.command_runner import CommandRunner
from p2pd.automation.hooks.hook_rules import COMMAND, Hook
from p2pd.automation.hooks.hooks import HookParts, Hooks
from p2pd.automation.label_moves import LabelMoves
from p2pd.automation.mutable.mutable_torrents import MutableTorrents
from p2pd.automation.private_addresses import PrivateAddresses
from p2pd.automation.rss.rss import Rss, RssParts
from p2pd.automation.share_limits import ShareLimiter
from p2pd.automation.web import Web
from p2pd.base.measures import Measure
from p2pd.control.access.accounts import Accounts
from p2pd.control.access.callers_session import CallersSession
from p2pd.control.access.for_owners import ForOwners
from p2pd.control.access.quotas import Quotas
from p2pd.service.automation_sections import AutomationSection
from p2pd.service.config import Config
from p2pd.service.session_part import SessionPart
from p2pd.session.api import SessionApi
from p2pd.state.hooks import HookStore
from p2pd.state.noted_rows import FOLLOWED, PUBLISHED, NotedStore
from p2pd.state.rss import RssStore

PRIVATE = ("automation", "private_addresses")
COMMANDS = (("automation", "command"), ("automation", "command_events"))


class AutomationPart:
    """All but its name is there once it has started; then it is known, too, who users are."""

    name = "automation"
    rss: Rss
    hooks: Hooks
    mutable: MutableTorrents
    quotas: Quotas
    owners: ForOwners

    def __init__(
        self, config: Config, session: SessionPart, reactor: Any, accounts: Accounts
    ) -> None:
        self._accounts = accounts
        self._config = config.automation
        self._session = session
        self._reactor = reactor
        private = PrivateAddresses(config.automation.private_addresses)
        self._web = Web(reactor, session.network.way, private)
        self._started = False

    def prepare(self) -> None:
        """There is nothing to take."""

    def describe(self) -> str:
        """Nothing to say."""
        return ""

    async def start(self) -> None:
        """Begin with what earlier runs left."""
        api = self._session.api
        await self._accounts.open()
        self.quotas = Quotas(api)
        self.owners = ForOwners(api, CallersSession(api, self.quotas), self._accounts)
        self._make(api)
        self._started = True
        await self.hooks.start()
        self._share_limiter = ShareLimiter(api, self._reactor, time.time)
        self._share_limiter.start()
        self._label_moves = LabelMoves(api)
        self._label_moves.start()
        await self.rss.start()
        await self.mutable.start()
        api.events.release()

    def _make(self, api: SessionApi) -> None:
        self.rss = Rss(
            RssParts(
                api=api,
                store=RssStore(self._session.database),
                web=self._web,
                clock=self._reactor,
                wall=time.time,
                rng=random.Random(secrets.randbits(128)),
                in_thread=self._in_thread,
                add_for=self.owners.add,
            )
        )
        self.hooks = Hooks(
            HookParts(
                api=api,
                store=HookStore(self._session.database),
                web=self._web,
                runner=CommandRunner(self._reactor, self._reactor),
                clock=self._reactor,
                wall=time.time,
                own=_own(self._config),
                commands_over_rpc=self._config.allow_commands_over_rpc,
            )
        )
        self.mutable = MutableTorrents(
            api,
            followed=NotedStore(self._session.database, FOLLOWED),
            published=NotedStore(self._session.database, PUBLISHED),
            clock=self._reactor,
            wall=time.time,
            rng=random.Random(secrets.randbits(128)),
            add_for=self.owners.add,
        )

    def reconfigure(
        self, config: Config, changed: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], str]:
        """Which addresses may be asked, and the command, hold at once."""
        if PRIVATE in changed:
            self._web.private = PrivateAddresses(config.automation.private_addresses)
        if self._started:
            self.hooks.own = _own(config.automation)
        return {key: "" for key in (PRIVATE, *COMMANDS) if key in changed}

    async def stop(self) -> None:
        """No more of it."""
        if self._started:
            self._label_moves.stop()
            self._share_limiter.stop()
            self.rss.stop()
            self.mutable.stop()
            await self.hooks.stop()

    def measures(self) -> list[Measure]:
        """In numbers."""
        return [*self.rss.measures(), *self.hooks.measures(), *self.mutable.measures()]

    def _in_thread(self, work: Any) -> Any:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)


def _own(section: AutomationSection) -> tuple[Hook, ...]:
    """The hook of the configuration, if there is one."""
    if not section.command:
        return ()
    events, command = section.command_events, section.command
    return (Hook("automation.command", COMMAND, events=events, command=command),)
