"""The authorities that this node has, for the reactor's thread.

Their files are read and written in other threads, one thing after the other. Whoever asks here has
shown elsewhere that he may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock

from p2pd.base.errors import P2pdError
from p2pd.formats.x509.swarm_ca import fingerprint
from p2pd.state.swarm_ca.book import EnrolmentToken, Limits
from p2pd.state.swarm_ca.folder import SwarmCaFolder, Wanted
from p2pd.state.swarm_ca.issuing import Given, TokenWish, issue, make_token, remove_token, renew
from p2pd.state.swarm_ca.store import SwarmCaStore
from p2pd.state.swarm_ca.views import AuthorityView, seen

Result = TypeVar("Result")
InThread = Callable[[Callable[[], Any]], "Deferred[Any]"]


class Authorities:
    """All of them."""

    def __init__(self, store: SwarmCaStore, in_thread: InThread, wall: Callable[[], float]) -> None:
        self._store = store
        self._in_thread = in_thread
        self._wall = wall
        self._one_by_one = DeferredLock()

    async def run(self, work: Callable[..., Result], *args: Any) -> Result:
        """Do something with the folders, in a thread."""
        found: Result = await self._one_by_one.run(self._in_thread, partial(work, *args))
        return found

    def now(self) -> datetime:
        """For what is issued now."""
        return datetime.fromtimestamp(self._wall(), UTC)

    async def create(self, name: str, days: float, limits: Limits) -> AuthorityView:
        """A new one. Raises P2pdError."""
        await self.run(self._store.create, name, days, limits, self.now())
        return await self.show(name)

    async def list(self) -> Sequence[AuthorityView]:
        """All of them. Raises P2pdError."""
        return await self.run(lambda: [self._seen(name) for name in self._store.names()])

    async def show(self, name: str) -> AuthorityView:
        """One of them. Raises P2pdError: there is none of that name."""
        return await self.run(self._seen, name)

    async def issue(self, name: str, wanted: Wanted, csr: str | None) -> Given:
        """A certificate, for the key of a request or a new one. Raises P2pdError."""
        return await self.run(lambda: issue(self._store.authority(name), wanted, csr, self.now()))

    async def renew(self, name: str, serial: int) -> Given:
        """The same certificate anew, for the same key. Raises P2pdError."""
        return await self.run(lambda: renew(self._store.authority(name), serial, self.now()))

    async def make_token(self, name: str, wish: TokenWish) -> tuple[str, EnrolmentToken]:
        """A token and what is kept of it. Raises P2pdError."""
        return await self.run(lambda: make_token(self._store.authority(name), wish, self.now()))

    async def remove_token(self, name: str, id_: str) -> None:
        """It is good for nothing from now on. Raises P2pdError: there is none."""
        await self.run(lambda: remove_token(self._store.authority(name), id_))

    def with_fingerprint(self, wanted: bytes) -> SwarmCaFolder | None:
        """The one whose certificate has it. Blocks, for `run`. Raises P2pdError."""
        for folder in self._store.authorities():
            try:
                if fingerprint(folder.certificate()) == wanted:
                    return folder
            except P2pdError:
                continue  # of which `list` says what is wrong
        return None

    def folders(self) -> Sequence[SwarmCaFolder]:
        """All of them. Blocks, for `run`. Raises P2pdError."""
        return self._store.authorities()

    def authority(self, name: str) -> SwarmCaFolder:
        """One of them. Blocks, for `run`. Raises P2pdError."""
        return self._store.authority(name)

    def _seen(self, name: str) -> AuthorityView:
        return seen(name, self._store.authority(name))
