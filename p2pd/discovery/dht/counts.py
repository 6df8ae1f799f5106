"""What a node of the DHT counts: the only thing that most of what comes from strangers changes."""

from __future__ import annotations

from p2pd.protocols.krpc import messages as krpc

METHODS = (
    krpc.PING,
    krpc.FIND_NODE,
    krpc.GET_PEERS,
    krpc.ANNOUNCE_PEER,
    krpc.GET,
    krpc.PUT,
    krpc.SAMPLE_INFOHASHES,
)
OTHER = b"other"


class DhtCounts:
    """Counts since the start; methods that are not known count as one."""

    __slots__ = (
        "answers_in", "errors_in", "errors_out", "malformed", "queries_in", "queries_out",
        "refused", "timeouts", "unasked",
    )  # fmt: skip

    def __init__(self) -> None:
        self.queries_in = dict.fromkeys((*METHODS, OTHER), 0)
        self.queries_out = dict.fromkeys(METHODS, 0)
        self.answers_in = 0
        self.errors_in = 0
        self.errors_out = 0
        self.malformed = 0
        self.refused = 0
        self.timeouts = 0
        self.unasked = 0

    def query_in(self, method: bytes) -> None:
        """Somebody asked."""
        self.queries_in[method if method in self.queries_in else OTHER] += 1


def by_name(counts: dict[bytes, int]) -> dict[str, int]:
    """The same, for people and metrics."""
    return {method.decode(): count for method, count in counts.items()}
