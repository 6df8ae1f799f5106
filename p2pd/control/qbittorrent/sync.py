"""sync/maindata and sync/torrentPeers: what changed since a client asked last.

Each answer has a number, `rid`, which the client sends with its next question. Numbers grow with
the clock, so that one of an earlier run of the daemon is never taken for one of this.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from p2pd.base.measures import Measure, bounded
from p2pd.control.access.caller import Identity, current_caller
from p2pd.control.methods.column import Getter
from p2pd.control.qbittorrent.call import Action, Answer, Call, one_torrent
from p2pd.control.qbittorrent.labels import Labels
from p2pd.control.qbittorrent.main_data import Given, MainData
from p2pd.control.qbittorrent.transfer import Transfer
from p2pd.control.qbittorrent.versioned_table import VersionedTable
from p2pd.session.api import SessionApi
from p2pd.session.peers.peer_view import PeerView

BEGINNING = 1_767_225_600
"""The year 2026 began, in Unix seconds."""

A_SECOND = 4
"""Numbers that there are for each second: with 31 bits they last until 2043."""

MAX_USERS = 8
MAX_PEER_LISTS = 64
IDLE_SECONDS = 300.0
"""Without a question for so long, nothing is kept for a user's clients any more."""


class Numbers:
    """The numbers of answers."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._last = 0

    def next(self) -> int:
        """A higher one than any before."""
        by_clock = int((self._wall_clock() - BEGINNING) * A_SECOND)
        self._last = max(self._last + 1, by_clock, 1)
        return self._last


class Sync:
    """The actions that clients follow the session with."""

    def __init__(
        self,
        api: SessionApi,
        labels: Labels,
        fields: Mapping[str, Getter],
        transfer: Transfer,
        *,
        reactor: Any,
        wall_clock: Callable[[], float],
    ) -> None:
        self._new = lambda: MainData(api, labels, fields, wall_clock)
        self._api = api
        self._transfer = transfer
        self._reactor = reactor
        self._numbers = Numbers(wall_clock)
        self._copies: OrderedDict[Identity, MainData] = OrderedDict()
        self._used: dict[Identity, float] = {}
        self._peers: OrderedDict[int, PeerList] = OrderedDict()
        self._looking = False

    def actions(self) -> dict[str, Action]:
        """By path."""
        return {
            "sync/maindata": Action(self.main_data, "torrent_get"),
            "sync/torrentPeers": Action(self.torrent_peers, "torrent_get"),
        }

    def measures(self) -> Sequence[Measure]:
        """How many users' clients have a copy that is kept up to date, of how many."""
        words = "Users whose clients of qBittorrent follow: for each what these know is kept."
        return bounded("qbittorrent_followers", words, len(self._copies), MAX_USERS)

    async def main_data(self, call: Call) -> Answer:
        """Everything, or what changed since the answer `rid`."""
        known = call.whole("rid", 0)
        data = self._of_caller()
        state = await self._transfer.server_state()
        await data.lock.acquire()
        try:
            return await data.answer(known, self._numbers.next(), state, call.pacer)
        finally:
            data.lock.release()

    async def torrent_peers(self, call: Call) -> Answer:
        """The peers of a torrent, or what changed of them since the answer `rid`."""
        torrent, known = one_torrent(self._api, call), call.whole("rid", 0)
        peers = self._peers.setdefault(torrent.id, PeerList())
        self._peers.move_to_end(torrent.id)
        while len(self._peers) > MAX_PEER_LISTS:
            self._peers.popitem(last=False)
        return peers.answer(known, self._numbers.next(), torrent.peers)

    def _of_caller(self) -> MainData:
        who = current_caller().identity
        data = self._copies.get(who)
        if data is None:
            data = self._copies[who] = self._new()
        self._copies.move_to_end(who)
        self._used[who] = self._reactor.seconds()
        while len(self._copies) > MAX_USERS:
            self._forget(next(iter(self._copies)))
        if not self._looking:
            self._looking = True
            self._reactor.callLater(IDLE_SECONDS, self._look)
        return data

    def _look(self) -> None:
        """Keep nothing for who does not ask any more."""
        now = self._reactor.seconds()
        for who, used in list(self._used.items()):
            if now - used >= IDLE_SECONDS:
                self._forget(who)
        self._peers.clear()
        self._looking = bool(self._copies)
        if self._looking:
            self._reactor.callLater(IDLE_SECONDS, self._look)

    def _forget(self, who: Identity) -> None:
        self._copies.pop(who).close()
        del self._used[who]


class PeerList:
    """The peers of one torrent, and the versions of them that clients have."""

    def __init__(self) -> None:
        self._table = VersionedTable(tuple(PEER_FIELDS))
        self._given = Given()

    def answer(self, known: int, number: int, peers: Any) -> dict[str, Any]:
        """What has changed for who got the answer `known`."""
        table = self._table
        rows = {str(peer.address): [get(peer) for get in PEER_FIELDS.values()] for peer in peers}
        for gone in set(table.keys()) - set(rows):
            table.drop(gone, number)
        for key, values in rows.items():
            table.put(key, values, number)
        behind = known not in self._given or known < table.forgotten
        self._given.add(number)
        answer: dict[str, Any] = {"rid": number, "show_flags": True}
        if behind:
            return {**answer, "full_update": True, "peers": dict(table.all_rows())}
        news = {
            "peers": dict(table.rows_since(known)),
            "peers_removed": table.removed_since(known),
        }
        return answer | {name: value for name, value in news.items() if value}


PEER_FIELDS: Mapping[str, Callable[[PeerView], Any]] = {
    "client": lambda peer: peer.client,
    "connection": lambda peer: "μTP" if peer.transport_name == "utp" else "BT",
    "country": lambda peer: peer.country,
    "country_code": lambda peer: peer.country.lower(),
    "dl_speed": lambda peer: int(peer.rate_to_client),
    "downloaded": lambda peer: peer.downloaded,
    "files": lambda peer: "",
    "flags": lambda peer: " ".join(peer.flag_string),
    "flags_desc": lambda peer: "",
    "ip": lambda peer: peer.address.host,
    "peer_id_client": lambda peer: peer.peer_id[:8].decode("latin-1"),
    "port": lambda peer: peer.address.port,
    "progress": lambda peer: round(peer.progress, 4),
    "relevance": lambda peer: 0,
    "up_speed": lambda peer: int(peer.rate_to_peer),
    "uploaded": lambda peer: peer.uploaded,
}
