"""CAs, certificates and private keys of a backup, brought back into a running session.

What is here stays. Lists of what was revoked come first, and the newest of each CA is in force;
then the CAs, the certificates of this node, and those of torrents that are here and have none.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from p2pd.base.errors import P2pdError
from p2pd.session.session import Session
from p2pd.session.tls.tls_api import GivenCertificate, TlsState
from p2pd.state.key_backup import SavedKeys
from p2pd.state.key_files import CA_FOLDER, KeyFiles
from p2pd.state.swarm_ca.enrolled import MOST_ENROLLED, EnrolledStore
from p2pd.state.swarm_ca.restoring import restore_authority
from p2pd.state.swarm_ca.store import SwarmCaStore
from p2pd.state.torrent_keys import KeptCertificate

T = TypeVar("T")
Run = Callable[..., Awaitable[Any]]

LACKING = (TlsState.NO_CERTIFICATE, TlsState.EXPIRED, TlsState.UNFIT)


class KeyRestoring:
    """One restore. `run` does something in a thread; `problems` says in words what did not come."""

    def __init__(self, session: Session, state_dir: str, keys: KeyFiles, run: Run) -> None:
        self._session = session
        self._state_dir = state_dir
        self._keys = keys
        self._run = run
        self.added = 0
        self.problems: list[str] = []

    async def take_lists(self, saved: SavedKeys) -> None:
        """Whoever was revoked is so before any torrent comes."""
        self.problems += saved.problems
        for content in saved.lists:
            await self._attempt("a revocation list", self._lists.take_saved(content))

    async def take_rest(self, saved: SavedKeys) -> None:
        """All else; the torrents are there."""
        for name, files in saved.authorities.items():
            await self._attempt(f"the CA {name}", self._take_authority(name, files))
        await self._take_enrolled(saved)
        for info_hash, kept in saved.torrents.items():
            what = f"the certificate of {kept.name or info_hash}"
            await self._attempt(what, self._take_certificate(info_hash, kept))

    @property
    def _lists(self) -> Any:
        return self._session.tls.revoking.lists

    async def _attempt(self, what: str, work: Awaitable[None]) -> bool:
        """Whether it came."""
        try:
            await work
        except P2pdError as problem:
            self.problems.append(f"{what}: {problem}")
            return False
        return True

    async def _take_authority(self, name: str, files: dict[str, bytes]) -> None:
        store = SwarmCaStore(os.path.join(self._state_dir, CA_FOLDER), self._keys)
        now = datetime.fromtimestamp(self._session.wall(), UTC)
        found = await self._run(
            restore_authority, store, self._keys, name, files, self._lists.of, now
        )
        self.added += found.is_new
        if found.made is not None:
            self._lists.adopt(found.made, found.certificate, f"the CA {name!r} of a backup")
            await self._lists.saved()

    async def _take_enrolled(self, saved: SavedKeys) -> None:
        store = EnrolledStore(self._state_dir, self._keys)
        there = {each.id for each in (await self._run(store.load))[0]}
        for enrolled, key in saved.enrolled:
            if enrolled.id in there:
                continue
            if len(there) >= MOST_ENROLLED:
                self.problems.append(
                    f"certificates of this node: there are {MOST_ENROLLED}, and can be no more"
                )
                return
            what = "a certificate of this node"
            if await self._attempt(what, self._run(store.save, enrolled, key)):
                there.add(enrolled.id)
                self.added += 1

    async def _take_certificate(self, info_hash: str, kept: KeptCertificate) -> None:
        torrent = self._session.torrent_by_wire_id(bytes.fromhex(info_hash))
        if torrent is None or not kept.private_key:
            return
        report = self._session.tls.report(torrent)
        if report is not None and report.serial and report.state not in LACKING:
            return
        has_metadata = torrent.content is not None or torrent.resting
        given = GivenCertificate(
            kept.certificate, kept.private_key, "" if has_metadata else kept.ca
        )
        await self._session.tls.give(torrent, given)
        self.added += 1
