"""Certificates that this node is given for tokens, and the torrents that come with them.

What was asked with a token and not answered is asked again for the same key: who lost the answer,
and not the token's use, gets it the second time.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from p2pd.automation.swarm_ca.asking import Ask, Post, ask, checked, enrolled_by, with_token
from p2pd.automation.swarm_ca.own_certificates import InThread, OwnCertificates
from p2pd.automation.web import WebError
from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.protocols.enrolment.token import Token, read_token
from p2pd.session.api import AddedTorrent, TorrentView
from p2pd.session.torrents.torrent_requests import AddTorrent
from p2pd.state.swarm_ca.enrolled import Enrolled

MOST_PENDING = 100

Add = Callable[[AddTorrent], Awaitable[AddedTorrent]]
Meet = Callable[[TorrentView, Sequence[PeerAddress]], object]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What else is wanted of a token: which torrents of here are given the certificate, and
    whether those that come with it are added, and how.
    """

    torrents: tuple[TorrentView, ...] = ()
    add: bool = True
    paused: bool | None = None
    download_dir: str | None = None
    labels: tuple[str, ...] = ()
    label: str = ""
    """What this node calls itself."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What came of a token. `problems` has in words what could not be done besides."""

    enrolled: Enrolled
    given_to: tuple[TorrentView, ...]
    added: tuple[TorrentView, ...]
    problems: tuple[str, ...]


class Enrolments:
    """Asks with tokens."""

    def __init__(
        self, own: OwnCertificates, post: Post, in_thread: InThread, wall: Callable[[], float]
    ) -> None:
        self._own = own
        self._post = post
        self._in_thread = in_thread
        self._wall = wall
        self._unanswered: OrderedDict[bytes, Ask] = OrderedDict()

    async def enrol(self, text: str, wishes: Wishes, add: Add, meet: Meet) -> Enrolment:
        """Have a certificate with a token, and give it to torrents. Raises P2pdError.

        `add` adds those that come with it, `meet` has a torrent dial peers.
        """
        token = read_token(text)
        self._own.check_room()
        asked = await self._asked(token, wishes.label)
        answer, address = await ask(self._post, token.addresses, asked.asking)
        checked(answer, datetime.fromtimestamp(self._wall(), UTC))
        enrolled = enrolled_by(answer, secrets.token_hex(8), token.addresses)
        await self._own.keep(enrolled, asked.key_pem)
        self._unanswered.pop(token.secret, None)
        added, problems = await _added(answer.torrents if wishes.add else (), wishes, add)
        gift = await self._own.give(enrolled, (*added, *self._own.lacking()), wishes.torrents)
        await self._introduce(gift.torrents, address, answer.port, meet)
        return Enrolment(enrolled, gift.torrents, added, (*problems, *gift.problems))

    async def _introduce(
        self, torrents: Sequence[TorrentView], address: str, port: int, meet: Meet
    ) -> None:
        """The node with the CA is a peer of them: without trackers it may be the only one known."""
        if not port:
            return
        with contextlib.suppress(WebError):
            found = [PeerAddress(host, port) for host in await self._post.hosts(address)]
            for torrent in torrents:
                meet(torrent, found)

    async def _asked(self, token: Token, label: str) -> Ask:
        found = self._unanswered.get(token.secret)
        if found is None:
            made: Ask = await self._in_thread(lambda: with_token(token, label))
            found = self._unanswered.setdefault(token.secret, made)
            while len(self._unanswered) > MOST_PENDING:
                self._unanswered.popitem(last=False)
        return found


async def _added(
    torrents: Sequence[bytes], wishes: Wishes, add: Add
) -> tuple[tuple[TorrentView, ...], tuple[str, ...]]:
    added, problems = [], []
    for torrent in torrents:
        request = AddTorrent(
            torrent=torrent,
            paused=wishes.paused,
            download_dir=wishes.download_dir,
            labels=wishes.labels,
        )
        try:
            added.append((await add(request)).torrent)
        except P2pdError as problem:
            problems.append(f"a torrent that came with it cannot be added: {problem}")
    return tuple(added), tuple(problems)
