"""The control API as a part of the node: a TCP port, with TLS or not, and perhaps a unix socket."""

from __future__ import annotations

import os
import pwd
from typing import Any, Callable, Collection, Mapping, Sequence

from p2pd.base.errors import ConfigError
from p2pd.control.access.caller import OWNER
from p2pd.control.access.roles import Role
from p2pd.control.events.web_socket import GOING_AWAY
from p2pd.control.gate import SocketUser
from p2pd.control.site import CONNECTIONS, OF_HOST, TOO_MANY, ControlSite
from p2pd.service.config import Config, ControlSection
from p2pd.service.http_port import HttpPort
from p2pd.service.tls_files import TlsFiles
from p2pd.service.unix_port import UnixPort
from p2pd.transports.bounded_connections import BoundedConnections

FOR_US, FOR_ALL = 0o600, 0o666
"""Modes of the socket: who may connect. Who needs a token is found out then."""


class ControlPart:
    """Serves what `make_site` makes of the connections that it is to count."""

    name = "control API"

    def __init__(
        self,
        section: ControlSection,
        port: HttpPort,
        make_site: Callable[[Callable[[], BoundedConnections]], ControlSite],
        reactor: Any,
        login: str,
    ) -> None:
        """`login` says how to log in, for people. Raises ConfigError."""
        if bool(section.tls_certificate) != bool(section.tls_key):
            raise ConfigError("control.tls_certificate and control.tls_key go together")
        self._port = port
        self._make_site = make_site
        self._reactor = reactor
        self._login = login
        self._connections: BoundedConnections | None = None
        self._site: ControlSite | None = None
        self._tls = TlsFiles(section.tls_certificate, section.tls_key) if section.tls_key else None
        mode = FOR_ALL if section.socket_users else FOR_US
        self._socket = UnixPort("control.socket", section.socket, mode) if section.socket else None

    def prepare(self) -> None:
        """Read the certificate and take the ports. Raises ConfigError."""
        self.reread()
        self._port.prepare()
        if self._socket is not None:
            self._socket.prepare()

    def reread(self) -> None:
        """Read the certificate, which may have been renewed; blocks. Raises ConfigError."""
        if self._tls is not None:
            self._tls.load()

    def describe(self) -> str:
        """Where it is."""
        scheme = "http" if self._tls is None else "https"
        also = "" if self._socket is None else f" and {self._socket.shown}"
        address = f"{scheme}://{self._port.url_host}:{self._port.port}/rpc"
        return f"control API at {address}{also}, {self._login}"

    async def start(self) -> None:
        """Answer from now on."""
        self._site = site = self._make_site(self._counted)
        self._connections = connections = BoundedConnections(
            site, self._reactor, most=CONNECTIONS, most_of_host=OF_HOST, refusal=TOO_MANY
        )
        over = connections if self._tls is None else self._tls.over(connections, self._reactor)
        self._port.serve(self._reactor, over)
        if self._socket is not None:
            self._socket.serve(self._reactor, connections)

    def reconfigure(
        self, config: Config, changed: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], str]:
        """Nothing but the certificate can change while it runs."""
        return {}

    async def stop(self) -> None:
        """Take no more calls; those under way end with the process."""
        if self._site is not None:
            self._site.events.close(GOING_AWAY, "the daemon stops")
        await self._port.close()
        if self._socket is not None:
            await self._socket.close()

    def _counted(self) -> BoundedConnections:
        assert self._connections is not None
        return self._connections


def socket_users(entries: Sequence[str]) -> dict[int, SocketUser]:
    """Who needs no token on the unix socket, by the system's numbers. Raises ConfigError.

    An entry is a user of the system, and behind a colon perhaps a role, or a user of the API.
    """
    found = dict.fromkeys((0, os.geteuid()), SocketUser(OWNER, Role.ADMIN))
    for entry in entries:
        name, _, known = entry.partition(":")
        try:
            number = pwd.getpwnam(name).pw_uid
        except KeyError:
            raise ConfigError(f"control.socket_users: there is no user {name[:60]!r}") from None
        as_user = known and known not in [*Role]
        found[number] = SocketUser(known, None) if as_user else SocketUser(name, _role(known))
    return found


def _role(word: str) -> Role:
    return Role(word) if word else Role.ADMIN
