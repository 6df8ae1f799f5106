"""The DHT in numbers: our nodes, what they know and keep, and what they were asked."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

from p2pd.base.measures import Labels, Measure, counter, counters, gauge, gauges
from p2pd.discovery.dht.outcomes import DhtStatus
from p2pd.session.discovering.dht_api import DhtReport

_TABLE = ("good", "questionable", "bad", "replacements")
_FAILURES = ("timeouts", "errors_in", "errors_out", "malformed", "unasked", "refused")


def dht_measures(report: DhtReport) -> list[Measure]:
    """Nodes of one family are told together."""
    network = report.network
    nodes: Sequence[DhtStatus] = () if network is None else network.nodes
    return [
        gauge("dht_torrents", "Torrents that are in the DHT.", report.torrents),
        gauge("dht_torrents_looked_up", "Those that are just looked up.", report.looked_up),
        *_known(nodes),
        *_asked(nodes),
        *_kept(nodes[0] if nodes else None),
        *_traffic(network),
    ]


def _known(nodes: Sequence[DhtStatus]) -> list[Measure]:
    return [
        gauges(
            "dht_nodes",
            "Nodes of the DHT that we know, by family and state.",
            ("family", "state"),
            _sums(nodes, lambda node: {(state,): getattr(node, state) for state in _TABLE}),
        ),
        gauges(
            "dht_lookups",
            "Look-ups in the DHT, by family and whether they run.",
            ("family", "state"),
            _sums(
                nodes,
                lambda node: {
                    ("running",): node.lookups_running,
                    ("waiting",): node.lookups_waiting,
                },
            ),
        ),
    ]


def _asked(nodes: Sequence[DhtStatus]) -> list[Measure]:
    return [
        counters(
            "dht_queries_total",
            "Queries of the DHT, by family, direction and kind.",
            ("family", "direction", "kind"),
            _sums(nodes, _queries),
        ),
        counters(
            "dht_failures_total",
            "What went wrong with datagrams of the DHT, by family and what it was.",
            ("family", "what"),
            _sums(nodes, lambda node: {(what,): getattr(node, what) for what in _FAILURES}),
        ),
    ]


def _kept(node: DhtStatus | None) -> list[Measure]:
    """What is kept for others is shared by all nodes of the host: any of them tells it."""
    return [
        gauges(
            "dht_stored",
            "What we keep for others in the DHT, by what it is.",
            ("what",),
            {
                (what,): 0 if node is None else getattr(node, f"stored_{what}")
                for what in ("info_hashes", "peers", "items")
            },
        ),
        gauge(
            "dht_stored_bytes",
            "Memory that this takes, about.",
            0 if node is None else node.stored_bytes,
        ),
    ]


def _traffic(network: Any) -> list[Measure]:
    return [
        counter(
            "dht_sent_bytes_total",
            "Bytes that our nodes sent.",
            0 if network is None else network.sent_bytes,
        ),
        counter(
            "dht_dropped_total",
            "Datagrams of the DHT that were not sent for the limit on it.",
            0 if network is None else network.dropped,
        ),
        counter(
            "dht_unread_total",
            "Datagrams of the DHT that were thrown away as they came: too many did.",
            0 if network is None else network.unread,
        ),
    ]


def _queries(node: DhtStatus) -> dict[Labels, float]:
    both = {"in": node.queries_in, "out": node.queries_out}
    return {(way, kind): count for way, by in both.items() for kind, count in by.items()}


def _sums(
    nodes: Sequence[DhtStatus], values: Callable[[DhtStatus], Mapping[Labels, float]]
) -> dict[Labels, float]:
    """Values of all nodes, with the family before the other labels."""
    found: dict[Labels, float] = {}
    for node in nodes:
        for labels, value in values(node).items():
            key = ("ipv6" if node.ipv6 else "ipv4", *labels)
            found[key] = found.get(key, 0) + value
    return found
