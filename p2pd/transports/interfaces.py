"""What a byte stream between two peers is, whatever carries it.

TCP is one (tcp.py); a simulated link is another. A stream knows bytes and addresses, and refuses
to know the protocol spoken over it.
"""

from __future__ import annotations

from typing import Callable, Protocol, Sequence

from p2pd.base.addresses import PeerAddress

Buffer = bytes | bytearray | memoryview


class StreamReceiver(Protocol):
    """Who listens to a stream. None of these may raise."""

    def stream_received(self, data: memoryview) -> None:
        """Bytes arrived; `data` is valid only during this call."""

    def stream_writable(self) -> None:
        """What was queued has fallen below the low-water mark: more may be written."""

    def stream_lost(self, reason: str) -> None:
        """The stream is gone, said in words; called once, the last call."""


class Nobody:
    """Listens while nobody else does."""

    def stream_received(self, data: memoryview) -> None:
        """Not heard."""

    def stream_writable(self) -> None:
        """There is nothing to say."""

    def stream_lost(self, reason: str) -> None:
        """Nobody minds."""


class Landing(Protocol):
    """Places where the next bytes should go, for who knows what comes. None of these may raise."""

    def buffers(self) -> Sequence[memoryview]:
        """What to read into now, before anything else happens; empty: nothing is known."""

    def filled(self, size: int) -> None:
        """`size` bytes were read into those buffers, and count as received."""


class PeerStream(Protocol):
    """A connected byte stream.

    `landing`, if set, is asked before each read; a stream that cannot read into given places may
    leave it alone.
    """

    receiver: StreamReceiver
    landing: Landing | None

    @property
    def address(self) -> PeerAddress:
        """The other end."""

    @property
    def pending(self) -> int:
        """Bytes written and not yet taken by the network."""

    @property
    def binding(self) -> bytes | None:
        """32 bytes that both ends of this connection know and nobody else; None in the clear.

        Who puts himself between two ends has two connections, and two of these: what is said of one
        proves nothing on the other.
        """

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Send these in order. The buffers must not change until they are sent."""

    def call_when_writable(self) -> None:
        """Tell the receiver that it may write, in a later turn of the reactor."""

    def pause(self) -> None:
        """Read nothing until `resume`: the sender has to wait."""

    def resume(self) -> None:
        """Read again."""

    def close(self) -> None:
        """Send what is pending, then close."""

    def abort(self) -> None:
        """Close now and drop what is pending."""


class Dialling(Protocol):
    """A connection attempt under way."""

    def cancel(self) -> None:
        """Give up; neither callback is called afterwards."""


Connected = Callable[[PeerStream], StreamReceiver]
"""Called with a new stream; answers who will listen to it."""

Failed = Callable[[str], None]
"""Called with the reason in words when a connection attempt failed."""


Admits = Callable[[str], bool]
"""Called with the host of who comes, before anything is made for him: whether he is let in."""


def everybody(host: str) -> bool:
    """Admits whoever comes."""
    return True


class Listening(Protocol):
    """An open listening port."""

    @property
    def port(self) -> int:
        """The port number that others can dial."""

    async def close(self) -> None:
        """Stop listening."""


class StreamTransport(Protocol):
    """A way to reach peers and be reached."""

    @property
    def name(self) -> str:
        """For people: ``tcp``."""

    def dial(
        self, address: PeerAddress, connected: Connected, failed: Failed, timeout: float
    ) -> Dialling:
        """Connect; exactly one of the callbacks follows, within `timeout` seconds."""

    def listen(self, port: int, connected: Connected, admits: Admits = everybody) -> Listening:
        """Accept streams at a port (0: any); who is not admitted is hung up on at once.

        Raises OSError or Twisted's CannotListenError.
        """
