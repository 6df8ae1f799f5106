"""What the daemon is made of: every room is put together here, and nowhere else.

The parts take their own keys of the configuration; no room below this one knows of it.
"""

from __future__ import annotations

from typing import Any

from p2pd.control.site import make_control_site
from p2pd.service.config import Config
from p2pd.service.control_token import token_path
from p2pd.service.folders import Place
from p2pd.service.http_port import HttpPort
from p2pd.service.node import NodePart
from p2pd.service.session_part import SessionPart
from p2pd.service.site_part import SitePart
from p2pd.tracker.http import make_tracker_site
from p2pd.tracker.stores.memory import MemorySwarmStore


def compose(config: Config, place: Place, reactor: Any) -> list[NodePart]:
    """The parts of the daemon, in the order in which they start."""
    session = SessionPart(config, place, reactor)
    parts: list[NodePart] = [session]
    if config.tracker.enabled:
        parts.append(_tracker_part(config, reactor))
    parts.append(_control_part(config, place, session, reactor))
    return parts


def _control_part(config: Config, place: Place, session: SessionPart, reactor: Any) -> SitePart:
    control = config.control
    login = "no login" if place.token is None else f"token in {token_path(place.state_dir)}"
    return SitePart(
        "control API",
        HttpPort("control.port", control.interface, control.port),
        lambda: make_control_site(
            session.api,
            token=place.token,
            reactor=reactor,
            allowed_hosts=control.allowed_hosts,
        ),
        reactor,
        lambda address: f"control API at http://{address}/rpc, {login}",
    )


def _tracker_part(config: Config, reactor: Any) -> SitePart:
    tracker = config.tracker
    return SitePart(
        "tracker",
        HttpPort("tracker.port", tracker.interface, tracker.port),
        lambda: make_tracker_site(
            MemorySwarmStore(max_torrents=tracker.max_torrents, max_all_peers=tracker.max_peers),
            reactor,
            announce_interval=tracker.announce_interval,
        ),
        reactor,
        lambda address: f"tracker at http://{address}/announce",
    )
