"""A swarm with a CA of its own: its torrent, what its CA issues, and nodes that are peers of it."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from p2pd.clients.free_port import free_port
from p2pd.formats.creator import CreationOptions
from p2pd.formats.x509 import swarm_ca
from p2pd.formats.x509.pem import certificate_pem, private_key_pem
from p2pd.storage.torrent_creator import create_torrent
from peers.payload import Content, content_of, make_file

HOST = "127.0.0.1"


class Identity(NamedTuple):
    """PEM."""

    certificate: str
    key: str


class TlsSwarm:
    """A CA and a torrent that is private to it."""

    def __init__(
        self,
        work: Path,
        version: str,
        *,
        size: int,
        name: str = "a film.bin",
        tracker: str = "",
        web_seed: str = "",
    ) -> None:
        self.now = datetime.now(UTC)
        self.ca, self._key = swarm_ca.new_ca("films", 100, self.now - timedelta(days=50))
        self.ca_pem = certificate_pem(self.ca)
        self.trackers = ((tracker,),) if tracker else ()
        self.web_seeds = (web_seed,) if web_seed else ()
        self.content: Content = self.torrent(make_file(work / "original", size, name=name), version)

    def torrent(self, path: Path, version: str) -> Content:
        """A torrent of the same CA."""
        options = CreationOptions(
            version=version, authority=self.ca_pem, trackers=self.trackers, web_seeds=self.web_seeds
        )
        return content_of(path, create_torrent(str(path), options))

    def issue(
        self, names: Sequence[str] = ("*",), *, days: float = 1, after: float = 0.0
    ) -> Identity:
        """A certificate for these torrents, which begins `after` so many days."""
        key, begin = swarm_ca.new_key(), self.now + timedelta(days=after)
        made = swarm_ca.issue(self.ca, self._key, key.public_key(), names, days, begin)
        return Identity(certificate_pem(made), private_key_pem(key))


def tls_p2pd(new_p2pd: Callable[..., Any], name: str = "p2pd", **settings: str) -> Any:
    """A daemon that listens for TLS, too; `tls` is where."""
    port = free_port(HOST)
    node = new_p2pd(name, settings={"peers.tls_port": str(port), **settings})
    node.tls = types.SimpleNamespace(host=HOST, port=port)
    return node


def tls_libtorrent(new_libtorrent: Callable[..., Any], name: str = "libtorrent") -> Any:
    """A libtorrent that listens for TLS alone."""
    port = free_port(HOST)
    return new_libtorrent(name, port=port, listen_interfaces=f"{HOST}:{port}s")


def certify(node: Any, identity: Identity, **more: str) -> dict[str, Any]:
    """Have the torrent of a p2pd use it."""
    answer = node.call(
        "torrent_set_certificate", ids=[node.hash_string],
        certificate=identity.certificate, private_key=identity.key, **more,
    )  # fmt: skip
    tls: dict[str, Any] = answer["torrents"][0]["tls"]
    return tls
