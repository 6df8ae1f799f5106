"""What the daemon is made of: every room is put together here, and nowhere else.

The parts take their own keys of the configuration; no room below this one knows of it.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Callable

from p2pd.base.errors import ConfigError
from p2pd.base.measures import Labels, Measure
from p2pd.control.access.accounts import Accounts
from p2pd.control.access.proxies import Proxies
from p2pd.control.access.quota_keeper import QuotaKeeper
from p2pd.control.events.events_load import EventsLoad
from p2pd.control.site import ControlSite
from p2pd.control.site_making import SiteParts, in_threads_of, make_control_site
from p2pd.service.automation_part import AutomationPart
from p2pd.service.config import Config, ControlSection, TrackerSection
from p2pd.service.control_part import ControlPart, socket_users
from p2pd.service.daemon_measures import server_measures
from p2pd.service.folders import Place
from p2pd.service.handed_sockets import HandedSockets
from p2pd.service.http_port import HttpPort
from p2pd.service.network import PeerSockets
from p2pd.service.node import NodePart
from p2pd.service.session_part import SessionPart
from p2pd.service.site_part import SitePart
from p2pd.service.swarm_ca_part import SwarmCaPart
from p2pd.service.watching_part import WatchingPart
from p2pd.state.answering import Answering
from p2pd.tracker.http import make_tracker_site
from p2pd.tracker.stores.memory import MemorySwarmStore
from p2pd.tracker.tracker_measures import tracker_measures
from p2pd.transports.bounded_connections import BoundedConnections


def compose(config: Config, place: Place, reactor: Any) -> list[NodePart]:
    """The parts of the daemon, in the order in which they start."""
    handed = HandedSockets.from_systemd()
    session = SessionPart(config, place, reactor, _peer_sockets(config, handed))
    accounts = _accounts(place, session, reactor)
    automation = AutomationPart(config, session, reactor, accounts)
    watching = WatchingPart(config, session, reactor, automation)
    port = _http_port("control", config.control, handed)
    swarm_ca = SwarmCaPart(config, place, session, port, reactor)
    parts: list[NodePart] = [session, automation, watching, swarm_ca]
    tracker = OwnTracker(config.tracker, reactor) if config.tracker.enabled else None
    if tracker is not None:
        parts.append(_tracker_part(config, tracker, handed, reactor))
    parts.append(
        _control_part(
            config, place, session, automation, watching, swarm_ca, tracker, port, reactor, accounts
        )
    )
    handed.refuse_rest()
    return parts


def _peer_sockets(config: Config, handed: HandedSockets) -> PeerSockets:
    port, wanted = config.peers.port, config.peers.interface
    tcp, udp = handed.take("peers", port), handed.take_datagrams("peers", port)
    tls_port = config.peers.tls_port
    tls = handed.take("peers-tls", tls_port) if tls_port else None
    for each in (*udp, *(one for one in (tcp, tls) if one is not None)):
        host = each.getsockname()[0]
        if wanted and host != wanted:
            # Whoever binds peers to one way out does not want them at another.
            raise ConfigError(
                f"peers.interface is {wanted}, and systemd hands a socket of {host}: "
                "let ListenStream= and ListenDatagram= name the address, or leave it out"
            )
    return PeerSockets(tcp, tls, udp)


def _http_port(
    what: str, section: ControlSection | TrackerSection, handed: HandedSockets
) -> HttpPort:
    port = section.port
    return HttpPort(f"{what}.port", section.interface, port, handed.take(what, port))


def _accounts(place: Place, session: SessionPart, reactor: Any) -> Accounts:
    accounts = Accounts(
        place.token, in_thread=in_threads_of(reactor), wall=time.time, memory=session.accounts
    )
    session.take_accounts = accounts.restore
    return accounts


def _control_part(
    config: Config,
    place: Place,
    session: SessionPart,
    automation: AutomationPart,
    watching: WatchingPart,
    swarm_ca: SwarmCaPart,
    tracker: OwnTracker | None,
    port: HttpPort,
    reactor: Any,
    accounts: Accounts,
) -> ControlPart:
    control = config.control
    known = socket_users(control.socket_users)
    Proxies(control.trusted_proxies)  # refused now, and not when the parts start

    def make_site(connections: Callable[[], BoundedConnections]) -> ControlSite:
        QuotaKeeper(session.api, accounts)
        measured = [
            session.measures,
            automation.measures,
            watching.measures,
            *([] if tracker is None else [tracker.measures]),
        ]
        parts = SiteParts(
            allowed_hosts=control.allowed_hosts,
            measured=[*measured, lambda: server_measures("rpc", "the control API", connections())],
            open_metrics=control.open_metrics,
            socket_users=known,
            trusted_proxies=control.trusted_proxies,
            audit_memory=session.audit,
            answering=Answering(session.database, reactor),
            qbittorrent=control.qbittorrent,
            rss=automation.rss,
            events=EventsLoad(clients=control.events_clients),
            hooks=automation.hooks,
            mutable=automation.mutable,
            quotas=automation.quotas,
            swarm_ca=swarm_ca.parts,
            way=session.network.way,
        )
        return make_control_site(session.api, accounts, reactor, parts)

    login = "no login" if place.token is None else f"token in {place.token_file}"
    return ControlPart(control, port, make_site, reactor, login)


class OwnTracker:
    """The tracker of one's own, and its numbers."""

    def __init__(self, section: TrackerSection, reactor: Any) -> None:
        self._store = MemorySwarmStore(
            max_torrents=section.max_torrents, max_all_peers=section.max_peers
        )
        self._outcomes: Counter[Labels] = Counter()
        self.site = make_tracker_site(
            self._store,
            reactor,
            announce_interval=section.announce_interval,
            outcomes=self._outcomes,
        )

    def measures(self) -> list[Measure]:
        """What it keeps, what it answered, and its connections."""
        return [
            *tracker_measures(self._store, self._outcomes),
            *server_measures("own_tracker", "our own tracker", self.site),
        ]


def _tracker_part(
    config: Config, tracker: OwnTracker, handed: HandedSockets, reactor: Any
) -> SitePart:
    return SitePart(
        "tracker",
        _http_port("tracker", config.tracker, handed),
        lambda: tracker.site,
        reactor,
        lambda address: f"tracker at http://{address}/announce",
    )
