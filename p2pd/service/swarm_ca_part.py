"""Certificates of private swarms as a part of the node: CAs, and what this node was issued."""

from __future__ import annotations

import os
import socket
import time
from typing import Any, Collection, Mapping, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from p2pd.automation.swarm_ca.authorities import Authorities
from p2pd.automation.swarm_ca.authority_endings import AuthorityEndings
from p2pd.automation.swarm_ca.enrolments import Enrolments
from p2pd.automation.swarm_ca.list_renewing import ListRenewing
from p2pd.automation.swarm_ca.node_post import NodePost
from p2pd.automation.swarm_ca.own_certificates import OwnCertificates
from p2pd.automation.swarm_ca.renewals import Renewals
from p2pd.automation.swarm_ca.revoking import SwarmCaRevoking
from p2pd.control.methods.swarm_ca_methods import SwarmCaParts
from p2pd.formats.x509.swarm_ca import LONGEST_LABEL
from p2pd.service.clearing import clear_authorities
from p2pd.service.config import Config, ControlSection
from p2pd.service.folders import Place
from p2pd.service.http_port import HttpPort
from p2pd.service.session_part import SessionPart
from p2pd.session.api import SessionApi
from p2pd.session.revoking.endings import DAY
from p2pd.state.key_files import CA_FOLDER
from p2pd.state.swarm_ca.enrolled import EnrolledStore
from p2pd.state.swarm_ca.store import SwarmCaStore
from p2pd.transports.local_networks import networks_by
from p2pd.transports.way_out import WILDCARDS, AddressWay

MOST_ADDRESSES = 4


class SwarmCaPart:
    """Starts after the session; what control works with is there then."""

    log = Logger()
    name = "private swarms"
    parts: SwarmCaParts

    def __init__(
        self, config: Config, place: Place, session: SessionPart, port: HttpPort, reactor: Any
    ) -> None:
        """`port` is that of the control API."""
        self._control = config.control
        self._keys = config.keys
        self._tls_port = config.peers.tls_port
        self._place = place
        self._session = session
        self._port = port
        self._reactor = reactor
        self._renewals: Renewals | None = None
        self._lists: ListRenewing | None = None
        self._endings: AuthorityEndings | None = None

    def prepare(self) -> None:
        """There is nothing to take."""

    def describe(self) -> str:
        """Nothing to say."""
        return ""

    async def start(self) -> None:
        """Go on with the certificates of earlier runs."""
        keys, api, state = self._session.keys, self._session.api, self._place.state_dir
        store = SwarmCaStore(os.path.join(state, CA_FOLDER), keys)
        clearing = Deferred.fromCoroutine(clear_authorities(store, self._in_thread))
        clearing.addErrback(lambda failure: self.log.failure("CAs are not cleared", failure))
        authorities = Authorities(store, self._in_thread, time.time)
        own = OwnCertificates(EnrolledStore(state, keys), self._in_thread, api)
        post, label = NodePost(self._reactor, self._session.network.way), own_name()
        self._renewals = Renewals(
            api,
            own,
            authorities,
            post,
            clock=self._reactor,
            wall=time.time,
            in_thread=self._in_thread,
            label=label,
        )
        self.parts = SwarmCaParts(
            authorities,
            own,
            self._renewals,
            Enrolments(own, post, self._in_thread, time.time),
            lambda: control_addresses(self._control, self._port, api),
            label,
            lambda: self._tls_port,
            lambda: self._keys.warn_days * DAY,
        )
        self._lists = ListRenewing(
            authorities,
            SwarmCaRevoking(authorities, api),
            self._reactor,
            lambda: [known.enrolled.ca for known in own.all.values()],
        )
        await self._renewals.start()
        api.backups.listen(own.load)
        self._lists.start()  # which has to know the certificates of this node
        self._endings = AuthorityEndings(authorities, api.certificates.revocations, self._reactor)
        self._endings.start()

    def reconfigure(
        self, config: Config, changed: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], str]:
        """It has no keys of its own."""
        self._keys = config.keys
        return {}

    async def stop(self) -> None:
        """Renew nothing any more."""
        for part in (self._lists, self._endings):
            if part is not None:
                part.stop()
        if self._renewals is not None:
            self._renewals.stop()

    def _in_thread(self, work: Any) -> Any:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)


def own_name() -> str:
    """What this machine calls itself, as far as it can be a label."""
    name = "".join(letter for letter in socket.gethostname() if letter.isprintable())
    return name[:LONGEST_LABEL]


def control_addresses(section: ControlSection, port: HttpPort, api: SessionApi) -> Sequence[str]:
    """Where other nodes may reach the control API: nowhere, if only this machine does."""
    scheme = "https" if section.tls_key else "http"
    if section.interface in WILDCARDS:
        hosts = [network.host for network in networks_by(AddressWay())]
        hosts += [address for address in api.reaching().addresses.values() if address]
    else:
        hosts = [section.interface]
    shown = (f"[{host}]" if ":" in host else host for host in dict.fromkeys(hosts))
    found = [f"{scheme}://{host}:{port.port}" for host in shown if not _is_loopback(host)]
    return found[:MOST_ADDRESSES]


def _is_loopback(host: str) -> bool:
    return host.startswith("127.") or host == "[::1]"
