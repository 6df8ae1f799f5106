"""How it stands with TLS torrents: whether one can have peers, and why not, in words."""

from __future__ import annotations

from typing import Any

from p2pd.session.connecting.admission import Way
from p2pd.session.revoking.prospects import Prospects
from p2pd.session.revoking.swarm_revoking import SwarmRevoking
from p2pd.session.tls.swarm_identities import SwarmIdentities
from p2pd.session.tls.tls_api import TlsReport, TlsState
from p2pd.session.tls.tls_parts import TlsHost

IS_OFF = "its peers are reached by TLS alone, and there is no port for that (peers.tls_port)"
NO_CERTIFICATE = (
    "its peers are reached by TLS alone: it waits for its certificate (p2pctl certificate)"
)
UNREADABLE_CA = (
    "its peers are reached by TLS alone, and the certificate of their CA, which is part of the "
    "torrent (ssl-cert), cannot be read: it can never have any"
)
IS_CHECKED = "its certificate is looked at"


class Standing:
    """Of the torrents of a session; those in `being_made` (info-hashes in hex) are looked at."""

    def __init__(self, host: TlsHost, identities: SwarmIdentities, revoking: SwarmRevoking) -> None:
        self.being_made: set[str] = set()
        self._host = host
        self._identities = identities
        self._revoking = revoking

    def of(self, torrent: Any) -> tuple[TlsState, str]:
        """Whether it can have peers now."""
        return self.certified(torrent) if self._host.tls_port else (TlsState.OFF, IS_OFF)

    def certified(self, torrent: Any) -> tuple[TlsState, str]:
        """The same of its certificate alone: when it says goodbye the port may be closed."""
        if torrent.has_unreadable_ca:
            return TlsState.UNFIT, UNREADABLE_CA
        found = self._identities.of(torrent)
        if torrent.info_hashes.hash_string in self.being_made:
            return TlsState.CHECKING, IS_CHECKED
        if found is None or not (found.kept.certificate or found.trouble):
            return TlsState.NO_CERTIFICATE, NO_CERTIFICATE
        return found.stand(self._host.wall(), self._revoking.own_refusal)

    def report(self, torrent: Any) -> TlsReport | None:
        """All of it; None for a torrent whose peers are reached in another way."""
        if torrent.way is not Way.TLS:
            return None
        state, why = self.of(torrent)
        found = self._identities.of(torrent)
        own = None if found is None else found.own
        ca_name = "" if found is None else found.ca_name
        key = torrent.info_hashes.hash_string
        prospects = None if found is None else self._revoking.prospects(found.swarm(torrent, key))
        if own is None:
            return TlsReport(state, why, ca_name, prospects=prospects or Prospects())
        return TlsReport(
            state,
            why,
            ca_name,
            own.name,
            own.issuer,
            own.serial,
            own.not_before.timestamp(),
            own.not_after.timestamp(),
            prospects or Prospects(),
        )
