"""What is asked of web seeds, and who takes what they send."""

from __future__ import annotations

from typing import Any, Coroutine, NamedTuple, Protocol

from p2pd.discovery.tracker_client.torrent_https import AskCredentials
from p2pd.discovery.web_seed_client.permitted import KeepsAway
from p2pd.protocols.webseed.answers import Wanted


class Place(NamedTuple):
    """Where something is to be had. `from_outside`: a server that is not of our network says so."""

    url: str
    from_outside: bool = False


class Question(NamedTuple):
    """One request. `named` is the URL by the torrent, `place` where that led the last time."""

    named: str
    place: Place
    wanted: Wanted


class Flow(Protocol):
    """A body on its way."""

    def pause(self) -> None:
        """Read no more of it for now."""

    def resume(self) -> None:
        """Read on."""


class Receiver(Protocol):
    """Who takes the body."""

    def begins(self, host: str, flow: Flow) -> None:
        """It is about to come, from this IP address."""

    def received(self, data: bytes) -> None:
        """A part of it, the next one."""


class SeedLine(Protocol):
    """Asks one web seed, one question after the other, over a connection that is kept."""

    def get(self, question: Question, receiver: Receiver) -> Coroutine[Any, Any, Place]:
        """Have the receiver get all that is wanted; from where it came in the end.

        Raises SeedError. Cancelled, it hangs up.
        """

    def close(self) -> None:
        """Keep no connection."""


class SeedClient(Protocol):
    """Who makes them."""

    def line(
        self, credentials: AskCredentials, keeps_away: KeepsAway, *, https_only: bool
    ) -> SeedLine:
        """For one torrent; `https_only`: it must not be asked for in the clear."""
