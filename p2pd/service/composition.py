"""What the daemon is made of: every room is put together here, and nowhere else.

The parts take their own keys of the configuration; no room below this one knows of it.
"""

from __future__ import annotations

import socket
from typing import Any

from p2pd.base.errors import ConfigError
from p2pd.control.site import make_control_site
from p2pd.service.config import Config, ControlSection, TrackerSection
from p2pd.service.folders import Place
from p2pd.service.handed_sockets import HandedSockets
from p2pd.service.http_port import HttpPort
from p2pd.service.node import NodePart
from p2pd.service.session_part import SessionPart
from p2pd.service.site_part import SitePart
from p2pd.tracker.http import make_tracker_site
from p2pd.tracker.stores.memory import MemorySwarmStore


def compose(config: Config, place: Place, reactor: Any) -> list[NodePart]:
    """The parts of the daemon, in the order in which they start."""
    handed = HandedSockets.from_systemd()
    session = SessionPart(config, place, reactor, _peer_socket(config, handed))
    parts: list[NodePart] = [session]
    if config.tracker.enabled:
        parts.append(_tracker_part(config, handed, reactor))
    parts.append(_control_part(config, place, session, handed, reactor))
    handed.refuse_rest()
    return parts


def _peer_socket(config: Config, handed: HandedSockets) -> socket.socket | None:
    found = handed.take("peers", config.peers.port)
    wanted = config.peers.interface
    if found is not None and wanted and found.getsockname()[0] != wanted:
        # Whoever binds peers to one way out does not want them at another.
        raise ConfigError(
            f"peers.interface is {wanted}, and systemd hands a socket of "
            f"{found.getsockname()[0]}: let ListenStream= name the address, or leave it out"
        )
    return found


def _http_port(
    what: str, section: ControlSection | TrackerSection, handed: HandedSockets
) -> HttpPort:
    port = section.port
    return HttpPort(f"{what}.port", section.interface, port, handed.take(what, port))


def _control_part(
    config: Config, place: Place, session: SessionPart, handed: HandedSockets, reactor: Any
) -> SitePart:
    control = config.control
    login = "no login" if place.token is None else f"token in {place.token_file}"
    return SitePart(
        "control API",
        _http_port("control", control, handed),
        lambda: make_control_site(
            session.api,
            token=place.token,
            reactor=reactor,
            allowed_hosts=control.allowed_hosts,
        ),
        reactor,
        lambda address: f"control API at http://{address}/rpc, {login}",
    )


def _tracker_part(config: Config, handed: HandedSockets, reactor: Any) -> SitePart:
    tracker = config.tracker
    return SitePart(
        "tracker",
        _http_port("tracker", tracker, handed),
        lambda: make_tracker_site(
            MemorySwarmStore(max_torrents=tracker.max_torrents, max_all_peers=tracker.max_peers),
            reactor,
            announce_interval=tracker.announce_interval,
        ),
        reactor,
        lambda address: f"tracker at http://{address}/announce",
    )
