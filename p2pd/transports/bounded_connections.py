"""A factory of servers that takes so many connections, and so many of one host, and no more."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.protocols.policies import ProtocolWrapper

from p2pd.base.addresses import canonical_host
from p2pd.base.clock import Clock
from p2pd.base.errors import FormatError
from p2pd.base.networks import user_of
from p2pd.transports.old_age import AgeingConnection


class _Refusal(Protocol):
    """Says why and hangs up."""

    def __init__(self, words: bytes) -> None:
        self._words = words

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        assert self.transport is not None
        self.transport.write(self._words)
        self.transport.loseConnection()


class BoundedConnections(ServerFactory[Any]):
    """`inside` makes the protocols; `oldest` is in seconds, None: a connection may last for ever.

    Who comes in vain is hung up on, with the bytes of `refusal` if there are any.
    """

    noisy = False

    def __init__(
        self,
        inside: ServerFactory[Any],
        clock: Clock,
        *,
        most: int,
        most_of_host: int,
        oldest: float | None = None,
        refusal: bytes = b"",
    ) -> None:
        self.clock = clock
        self.oldest = oldest
        self.most = most
        self.refused = 0
        self._inside = inside
        self._most_of_host = most_of_host
        self._refusal = refusal
        self._hosts: dict[ProtocolWrapper, str | bytes] = {}
        self._of_host: Counter[str | bytes] = Counter()

    def __len__(self) -> int:
        return len(self._hosts)

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802 - Twisted's name
        """None closes the connection at once."""
        if len(self) >= self.most or self._of_host[_whose(addr)] >= self._most_of_host:
            self.refused += 1
            return _Refusal(self._refusal) if self._refusal else None
        # ProtocolWrapper asks for a WrappingFactory, and uses these two methods of it.
        return AgeingConnection(self, self._inside.buildProtocol(addr))  # type: ignore[arg-type]

    def registerProtocol(self, protocol: ProtocolWrapper) -> None:  # noqa: N802
        """One more."""
        host = self._hosts[protocol] = _whose(protocol.getPeer())
        self._of_host[host] += 1

    def unregisterProtocol(self, protocol: ProtocolWrapper) -> None:  # noqa: N802
        """One less."""
        host = self._hosts.pop(protocol)
        self._of_host[host] -= 1
        if not self._of_host[host]:
            del self._of_host[host]

    def doStart(self) -> None:  # noqa: N802 - Twisted's name
        """Begin with what is inside."""
        super().doStart()
        self._inside.doStart()

    def doStop(self) -> None:  # noqa: N802 - Twisted's name
        """End with what is inside."""
        super().doStop()
        self._inside.doStop()


def _whose(address: IAddress | None) -> str | bytes:
    """Whoever has an IPv6 address has its whole /64."""
    host = str(getattr(address, "host", ""))
    try:
        return user_of(canonical_host(host))
    except FormatError:  # a unix socket has none
        return host
