"""What those who follow may cost, and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from p2pd.base.measures import Labels, Measure, bounded, counter, counters, gauge

CLIENTS = 64
FEEDS = 32
"""Different wishes at one time; each has the values of its torrents in memory."""

SUBSCRIPTIONS = 16
"""Of one client."""


class EventsLoad:
    """The numbers of one hub."""

    def __init__(
        self, *, clients: int = CLIENTS, feeds: int = FEEDS, subscriptions: int = SUBSCRIPTIONS
    ) -> None:
        self.clients_limit = clients
        self.feeds_limit = feeds
        self.subscriptions_limit = subscriptions
        self.clients = 0
        self.feeds = 0
        self.behind = 0
        self.messages = 0
        self.bytes = 0
        self.refused: Counter[str] = Counter(clients=0, feeds=0, subscriptions=0)
        self.resyncs: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()

    def told(self, size: int) -> None:
        """A message of so many bytes went to a client."""
        self.messages += 1
        self.bytes += size

    def measures(self) -> Sequence[Measure]:
        """All of it."""
        return [
            *bounded(
                "events_clients",
                "Clients at /rpc/events.",
                self.clients,
                self.clients_limit,
            ),
            *bounded(
                "events_feeds",
                "Different subscriptions that are kept up to date, or kept for who comes back.",
                self.feeds,
                self.feeds_limit,
            ),
            gauge(
                "events_behind",
                "Clients that have not read yet what they were told before.",
                self.behind,
            ),
            counter("events_messages_total", "Messages to clients at /rpc/events.", self.messages),
            counter("events_sent_bytes_total", "Bytes of these, without frames.", self.bytes),
            counters(
                "events_resyncs_total",
                "Times that a client was told everything, by the reason.",
                ("reason",),
                _by(self.resyncs),
            ),
            counters(
                "events_ended_total",
                "Connections that were ended from here, by the reason.",
                ("reason",),
                _by(self.ended),
            ),
            counters(
                "events_refused_total",
                "Clients and subscriptions that were refused, by the bound that was reached.",
                ("bound",),
                _by(self.refused),
            ),
        ]


def _by(counted: Counter[str]) -> dict[Labels, float]:
    return {(name,): count for name, count in counted.items()}
