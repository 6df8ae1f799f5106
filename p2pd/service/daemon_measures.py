"""What the daemon tells in numbers besides its session: files, database, trackers, the process."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Sequence

from p2pd import __version__
from p2pd.base.measures import (
    Histogram,
    Labels,
    Measure,
    bounded,
    counter,
    counters,
    gauge,
    gauges,
    histogram,
)
from p2pd.discovery.lsd.neighbours import Neighbours
from p2pd.discovery.tracker_client.transports import TrackerTransports
from p2pd.session.resource_reports import DescriptorReport
from p2pd.state.database import Database
from p2pd.storage.block_cache import BlockCache
from p2pd.transports.bounded_connections import BoundedConnections
from p2pd.transports.tcp_counts import TcpCounts
from p2pd.transports.udp_port import KRPC, OTHER, UTP
from p2pd.transports.udp_socket import UdpCounts

PAGE = resource.getpagesize()


def process_measures(uptime: float) -> list[Measure]:
    """The version, and what the system says of the process."""
    spent = os.times()
    pages = Path("/proc/self/statm").read_text().split()[1]
    return [
        gauges("build_info", "The version, as a label.", ("version",), {(__version__,): 1}),
        gauge("uptime_seconds", "Since the session started.", uptime),
        counter("cpu_seconds_total", "Of all threads, user and system.", spent.user + spent.system),
        gauge("resident_memory_bytes", "Memory that the process has.", int(pages) * PAGE),
    ]


def lag_measure(seen: Histogram) -> Measure:
    """The event loop."""
    return histogram(
        "event_loop_lag_seconds",
        "By how much the event loop was late for a timer, twice a second.",
        seen,
    )


def file_measures(report: DescriptorReport, cache: BlockCache) -> list[Measure]:
    """File descriptors and the block cache."""
    blocks: dict[Labels, float] = {
        ("page_cache",): cache.at_once,
        ("block_cache",): cache.hits,
        ("disk",): cache.misses,
    }
    return [
        *bounded(
            "descriptors",
            "File descriptors of the process.",
            len(os.listdir("/proc/self/fd")),
            report.limit,
        ),
        *bounded("open_files", "Data files that are kept open.", report.files, report.files_limit),
        *bounded("block_cache_bytes", "Bytes in the block cache.", cache.used, cache.limit),
        counters(
            "blocks_read_total", "Blocks for peers, by where they came from.", ("source",), blocks
        ),
    ]


def database_measures(database: Database) -> list[Measure]:
    """The state database."""
    return [
        gauge("database_jobs", "Jobs that wait for the state database.", database.waiting),
        histogram(
            "database_transaction_seconds",
            "Transactions of the state database with their syncs; jobs that wait share one.",
            database.seconds,
        ),
    ]


def tracker_client_measures(trackers: TrackerTransports) -> list[Measure]:
    """Announces and scrapes."""
    under_way, waiting = trackers.counts()
    return [
        counters(
            "tracker_requests_total",
            "Announces and scrapes that are through, by what came of them.",
            ("kind", "result"),
            trackers.outcomes,
        ),
        gauge("tracker_requests", "Announces and scrapes under way.", under_way),
        gauge(
            "tracker_requests_waiting",
            "Announces and scrapes that wait for others at the same tracker.",
            waiting,
        ),
    ]


def tcp_measures(counts: TcpCounts) -> list[Measure]:
    """What went over all connections with peers."""
    return [
        counter(
            "tcp_received_bytes_total",
            "Bytes from peers: blocks, messages and handshakes.",
            counts.received,
        ),
        counter("tcp_sent_bytes_total", "Bytes to peers.", counts.sent),
        counter(
            "connections_accepted_total",
            "Connections taken from the ports that peers dial, also those refused then.",
            counts.accepted,
        ),
        counter(
            "accept_pauses_total",
            "How often such a port was left alone for a moment: connections came too fast.",
            counts.pauses,
        ),
    ]


def udp_measures(counts: UdpCounts) -> list[Measure]:
    """What went over the UDP sockets of the port that peers dial."""
    kinds: dict[Labels, float] = {(kind,): counts.received[kind] for kind in (KRPC, UTP, OTHER)}
    return [
        counters(
            "udp_received_total",
            "Datagrams that came, by what they looked like.",
            ("kind",),
            kinds,
        ),
        counter("udp_received_bytes_total", "Bytes of datagrams that came.", counts.received_bytes),
        counter("udp_sent_total", "Datagrams that were sent.", counts.sent),
        counter("udp_sent_bytes_total", "Bytes of datagrams that were sent.", counts.sent_bytes),
        counter(
            "udp_dropped_total",
            "Datagrams that were not sent, since too many waited for room in the system's buffer.",
            counts.dropped,
        ),
        counter(
            "udp_refused_total",
            "Datagrams that the system would not send: there is no route, or a firewall forbids.",
            counts.refused,
        ),
    ]


def lsd_measures(neighbours: Neighbours) -> list[Measure]:
    """What neighbours told, and were told (BEP 14)."""
    counts = neighbours.counts
    dropped: dict[Labels, float] = {
        ("own",): counts.own,
        ("too_many",): counts.too_many,
        ("stranger",): counts.strangers,
        ("malformed",): counts.malformed,
    }
    return [
        gauge(
            "lsd_networks",
            "Networks in which torrents are announced to neighbours (BEP 14).",
            neighbours.networks,
        ),
        counter("lsd_sent_total", "Datagrams that told neighbours of torrents.", counts.sent),
        counter("lsd_received_total", "Datagrams of neighbours, and our own.", counts.received),
        counters(
            "lsd_dropped_total",
            "Of these those that were not believed, by why.",
            ("reason",),
            dropped,
        ),
        counter("lsd_peers_total", "Neighbours that torrents were told of.", counts.peers),
    ]


def server_measures(name: str, what: str, connections: BoundedConnections) -> Sequence[Measure]:
    """The connections of one of our own HTTP servers."""
    return [
        *bounded(
            f"{name}_connections", f"Connections with {what}.", len(connections), connections.most
        ),
        counter(
            f"{name}_connections_refused_total",
            f"Connections with {what} that were refused.",
            connections.refused,
        ),
    ]
