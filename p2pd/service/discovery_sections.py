"""How peers are found, and how they reach us, in the configuration: a part of config.py."""

from __future__ import annotations

from dataclasses import dataclass

from p2pd.service.checks import address, contacts, flag, whole
from p2pd.service.config_key import key


@dataclass(frozen=True, slots=True)
class DiscoverySection:
    """Where peers are found, besides trackers."""

    dht: bool = key(
        True,
        flag,
        "The distributed hash table (BEP 5), by UDP at peers.port; never for private torrents.\n"
        "Clients may set it otherwise.",
    )
    dht_bootstrap: tuple[str, ...] = key(
        (
            "dht.libtorrent.org:25401",
            "dht.transmissionbt.com:6881",
            "router.bittorrent.com:6881",
            "router.utorrent.com:6881",
        ),
        contacts,
        'Its nodes to begin with, each as "host:port": they are asked while no others are known\n'
        "that answer. An empty list leaves it to nodes of earlier runs, of torrents and of peers.",
    )
    dht_read_only: bool = key(
        False, flag, "Whether it asks others, but answers nobody and stores nothing (BEP 43)."
    )
    dht_upload: int = key(
        100, whole(0, 2**31 - 1), "Limit of what it sends in kB/s, besides all others; 0 is none."
    )
    dht_queries: int = key(
        2000,
        whole(0, 1_000_000),
        "Queries of others that it answers in a second, of all together; 0 is no limit.",
    )
    lsd: bool = key(
        True, flag, "Local discovery (BEP 14): neighbours hear of torrents that are not private."
    )
    pex: bool = key(
        True, flag, "Peer exchange (BEP 11): peers of torrents that are not private tell of others."
    )
    host_catcher: bool = key(
        True,
        flag,
        "Keep addresses of peers that worked, and have torrents that find nobody try them, a few\n"
        "a minute; those of private torrents are neither kept nor tried.",
    )


@dataclass(frozen=True, slots=True)
class ReachabilitySection:
    """How peers outside reach this machine."""

    port_mapping: bool = key(
        True,
        flag,
        "Ask the router for a port outside that leads to peers.port, TCP and UDP, by PCP, NAT-PMP\n"
        "or UPnP. Nothing is asked where peers.interface is on this machine alone.",
    )
    gateway: str = key(
        "",
        address,
        "The router's IP address; empty is the gateway of the routing table, on the way that\n"
        "peers.interface names. Tunnels often have one that no route tells.",
    )
