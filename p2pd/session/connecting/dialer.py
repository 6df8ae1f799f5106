"""Dialling: few attempts at once, shared fairly among the torrents that want peers."""

from __future__ import annotations

from collections import OrderedDict
from typing import Callable, Protocol, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.transports.interfaces import (
    Dialling,
    PeerStream,
    StreamReceiver,
    StreamTransport,
)

CONNECT_SECONDS = 15.0


class DialTorrent(Protocol):
    """What the dialler needs of a torrent."""

    @property
    def wants_peers(self) -> bool:
        """Whether it runs and is below its connection limit."""

    def candidates(self, count: int) -> Sequence[PeerAddress]: ...
    def dial_started(self, address: PeerAddress) -> None: ...
    def dial_failed(self, address: PeerAddress, reason: str) -> None: ...


class Dialer:
    """Starts connection attempts, as far as `may_connect` says that there is room for one more."""

    def __init__(
        self,
        transport: StreamTransport,
        *,
        half_open_limit: int,
        may_connect: Callable[[], bool],
        connected: Callable[[DialTorrent, PeerAddress, PeerStream], StreamReceiver],
        begins: Callable[[], None] = lambda: None,
    ) -> None:
        """`begins` is called before each attempt."""
        self._transport = transport
        self.half_open_limit = half_open_limit
        self._may_connect = may_connect
        self._connected = connected
        self._begins = begins
        self._attempts: dict[tuple[int, PeerAddress], tuple[DialTorrent, Dialling]] = {}
        self._waiting: OrderedDict[DialTorrent, None] = OrderedDict()

    @property
    def half_open(self) -> int:
        """Connection attempts under way."""
        return len(self._attempts)

    def limit(self, half_open: int) -> None:
        """So many attempts at a time from now on."""
        self.half_open_limit = half_open
        self.resume()

    def wake(self, torrent: DialTorrent) -> None:
        """The torrent may have candidates: dial now, as far as the limits allow."""
        self._waiting[torrent] = None
        self.resume()

    def waits(self, torrent: DialTorrent) -> bool:
        """Whether the torrent will be asked for candidates as soon as the limits allow."""
        return torrent in self._waiting

    def resume(self) -> None:
        """Dial as far as the limits allow; to be called now and then, since they may have moved."""
        while self._waiting and self.half_open < self.half_open_limit and self._may_connect():
            torrent, _ = self._waiting.popitem(last=False)
            if not torrent.wants_peers:
                continue
            found = torrent.candidates(1)
            if found:
                self._waiting[torrent] = None
                self._dial(torrent, found[0])

    def forget(self, torrent: DialTorrent) -> None:
        """The torrent stopped: its attempts are given up."""
        self._waiting.pop(torrent, None)
        for key in [key for key in self._attempts if key[0] == id(torrent)]:
            self._give_up(key, "the torrent stopped")

    def again(self, torrent: DialTorrent, address: PeerAddress, reason: str) -> None:
        """Somebody who was reached did not answer: dial him anew if that may be, else he failed."""
        if torrent.wants_peers and self.half_open < self.half_open_limit and self._may_connect():
            self._dial(torrent, address)
        else:
            torrent.dial_failed(address, reason)

    def keep_away(self, unwanted: Callable[[str], bool]) -> None:
        """Give up attempts with hosts that are kept away from now on."""
        for key in [key for key in self._attempts if unwanted(key[1].host)]:
            self._give_up(key, "it is kept away")

    def close(self) -> None:
        """Give up everything."""
        self._waiting.clear()
        attempts, self._attempts = self._attempts, {}
        for _, attempt in attempts.values():
            attempt.cancel()

    def _give_up(self, key: tuple[int, PeerAddress], reason: str) -> None:
        torrent, attempt = self._attempts.pop(key)
        attempt.cancel()
        torrent.dial_failed(key[1], reason)

    def _dial(self, torrent: DialTorrent, address: PeerAddress) -> None:
        key = (id(torrent), address)
        self._begins()
        torrent.dial_started(address)

        def connected(stream: PeerStream) -> StreamReceiver:
            self._attempts.pop(key, None)
            receiver = self._connected(torrent, address, stream)
            self.resume()
            return receiver

        def failed(reason: str) -> None:
            self._attempts.pop(key, None)
            torrent.dial_failed(address, reason)
            self.resume()

        attempt = self._transport.dial(address, connected, failed, CONNECT_SECONDS)
        self._attempts[key] = torrent, attempt
