"""What handshakes with peers need, put together: keys that are kept, and where they are made."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from twisted.internet.threads import deferToThreadPool

from p2pd.protocols.mse.keystream import available
from p2pd.service.certificate_watch import revoking_parts
from p2pd.service.config import Config
from p2pd.session.tls.tls_parts import TlsParts
from p2pd.state.key_files import KeyFiles
from p2pd.state.torrent_keys import TorrentKeys
from p2pd.transports.encryption.fair_line import Elsewhere
from p2pd.transports.encryption.key_work import KeyWork
from p2pd.transports.spare_cpu import SpareCpu
from p2pd.transports.tls.handshake_work import HandshakeWork


def tls_parts(config: Config, state_folder: str, keys: KeyFiles, reactor: Any) -> TlsParts:
    """Of a daemon with this state folder."""
    return TlsParts(
        TorrentKeys(state_folder, keys),
        HandshakeWork(_elsewhere(reactor), reactor, spare=SpareCpu(reactor).share),
        revoking_parts(config, state_folder),
    )


def key_work(reactor: Any) -> KeyWork | None:
    """Where keys of encrypted connections are made; None where nothing could use them."""
    if not available():
        return None
    return KeyWork(
        _elsewhere(reactor), random.SystemRandom(), reactor, spare=SpareCpu(reactor).share
    )


def _elsewhere(reactor: Any) -> Elsewhere:
    return partial(deferToThreadPool, reactor, reactor.getThreadPool())
