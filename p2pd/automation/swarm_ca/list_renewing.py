"""Revocation lists of authorities that are here: in force from the start, and never overdue.

At the start those that lie in the authorities' folders are handed to the session: one may have been
made while no daemon ran. While the daemon runs each is made anew before half of its time is over.
Lists of CAs that neither torrents, nor certificates here, nor the CAs here need any more are noted,
and go after long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from cryptography import x509
from twisted.logger import Logger

from p2pd.automation.swarm_ca.authorities import Authorities
from p2pd.automation.swarm_ca.revoking import SwarmCaRevoking
from p2pd.automation.swarm_ca.rounds import Rounds
from p2pd.base.errors import P2pdError
from p2pd.formats.x509.revocation import RevocationList
from p2pd.session.revoking.revocations import name_of
from p2pd.state.swarm_ca.folder import SwarmCaFolder
from p2pd.state.swarm_ca.revoking import current_list, renew_list

LOOK_SECONDS = 6 * 3600.0
"""How often it is looked whether one is to be made anew."""


class ListRenewing:
    """Of all authorities that are here."""

    log = Logger()

    def __init__(
        self,
        authorities: Authorities,
        revoking: SwarmCaRevoking,
        clock: Any,
        own_cas: Callable[[], Iterable[x509.Certificate]] = tuple,
    ) -> None:
        """`own_cas` are those of this node's certificates."""
        self._own_cas = own_cas
        self._authorities = authorities
        self._revoking = revoking
        what = "revocation lists of the CAs here"
        self._rounds = Rounds(self._look_at_all, LOOK_SECONDS, what, clock)

    def start(self) -> None:
        """Look now, and every few hours."""
        self._rounds.start()

    def stop(self) -> None:
        """Look no more."""
        self._rounds.stop()

    async def _look_at_all(self) -> None:
        try:
            folders = await self._authorities.run(self._authorities.folders)
        except P2pdError as problem:
            self.log.error("the CAs here cannot be read: {problem}", problem=problem)
            return
        for folder in folders:
            try:
                await self._look_at(folder)
            except P2pdError as problem:
                self.log.error(
                    "no new revocation list of {folder}: {problem}",
                    folder=folder.path,
                    problem=problem,
                )
        await self._tidy(folders)

    async def _tidy(self, folders: Sequence[SwarmCaFolder]) -> None:
        try:
            cas = [await self._authorities.run(each.certificate) for each in folders]
            await self._revoking.lists.tidy((*cas, *self._own_cas()))
        except P2pdError as problem:  # of a CA that cannot be read the list may be needed
            self.log.warn("no revocation list is looked through: {problem}", problem=problem)

    async def _look_at(self, folder: SwarmCaFolder) -> None:
        now = self._authorities.now()
        ca = await self._authorities.run(folder.certificate)
        in_force = self._revoking.lists.of(ca)
        ours = await self._authorities.run(current_list, folder)
        if ours is None and in_force is None:
            return  # nobody was ever revoked
        newest = ours if ours is not None and ours.newer_than(in_force) else in_force
        assert newest is not None
        # What is newer elsewhere names certificates that the book here may not know to be revoked.
        if _half_over(newest, now) or newest.newer_than(ours):

            def work() -> RevocationList:
                return renew_list(folder, now, known=in_force)

            newest = await self._authorities.run(work)
        await self._revoking.lists.publish(newest, ca, f"the CA {name_of(ca)} here")


def _half_over(found: RevocationList, now: datetime) -> bool:
    return now >= found.made_at + (found.next_update - found.made_at) / 2
