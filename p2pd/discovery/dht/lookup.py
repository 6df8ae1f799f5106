"""The iterative lookup (BEP 5): asks the nodes closest to a target for closer ones, to the end.

What is asked, and what else an answer has, is the search's (:class:`Search`). Some questions are
under way at a time; one that is slow does not hold up others. Of each subnet one node is asked, and
an id that does not fit its address (BEP 42) is asked but does not end the lookup by itself, so
nodes that somebody made up for this target do not keep the others out.
"""

from __future__ import annotations

from bisect import bisect_left
from enum import Enum, auto
from typing import Any, Iterable, Protocol

from p2pd.base.addresses import PeerAddress, is_local
from p2pd.base.errors import FormatError
from p2pd.discovery.dht.node_ids import as_number, fits_address
from p2pd.discovery.dht.options import DhtOptions
from p2pd.discovery.dht.outcomes import LookupOutcome
from p2pd.discovery.dht.table_entry import subnet_of
from p2pd.discovery.dht.transactions import Asked, Asker
from p2pd.protocols.krpc.arguments import taken_nodes
from p2pd.protocols.krpc.compact import Contact
from p2pd.protocols.krpc.messages import KrpcError, Response


class State(Enum):
    """How far a lookup is with a node."""

    FRESH = auto()
    ASKED = auto()
    SLOW = auto()
    ANSWERED = auto()
    LOST = auto()
    FAILED = auto()


_IDLE = (State.FRESH, State.LOST, State.FAILED)


class Candidate:
    """A node that a lookup heard of; `token` is what it wants back with what is to be stored."""

    __slots__ = (
        "address", "asked_again", "distance", "fits", "hops", "node_id", "state", "subnet", "token",
    )  # fmt: skip

    def __init__(
        self, node_id: bytes | None, address: PeerAddress, distance: int, hops: int
    ) -> None:
        self.node_id = node_id
        self.address = address
        self.distance = distance
        self.hops = hops
        self.subnet = subnet_of(address.host)
        self.fits = False
        self.asked_again = False
        self.state = State.FRESH
        self.token: bytes | None = None


class Search(Protocol):
    """What a lookup is for."""

    method: bytes
    target: bytes

    @property
    def satisfied(self) -> bool:
        """Whether nobody else has to be asked."""

    def args(self, candidate: Candidate) -> dict[bytes, Any]:
        """The arguments of the question, but for our id."""

    def take(self, candidate: Candidate, response: Response, now: float) -> None:
        """What an answer has besides nodes. Raises FormatError: then the node is of no use."""

    def finish(self, lookup: Lookup, now: float) -> None:
        """The lookup is over; its ``closest`` may be asked to store something."""


class AskingNode(Protocol):
    """What a lookup needs of the node that it is one of."""

    node_id: bytes
    ipv6: bool
    options: DhtOptions

    def ask(
        self,
        address: PeerAddress,
        method: bytes,
        args: dict[bytes, Any],
        asker: Asker,
        now: float,
        node_id: bytes | None = None,
        *,
        urgent: bool = False,
    ) -> Asked | None:
        """Send a question; None when too many are under way: ``resume`` is called when not.

        One that is urgent is always sent.
        """

    def told_of(self, contacts: list[Contact], teller: PeerAddress, now: float) -> None:
        """An answer told of nodes."""

    def lookup_ended(self, lookup: Lookup, now: float) -> None:
        """The lookup asks no more."""


class Lookup:
    """One lookup; ``start`` it, ``resume`` it when there is room for questions again."""

    def __init__(self, node: AskingNode, search: Search, now: float) -> None:
        self.search = search
        self.started_at = now
        self.ended = False
        self.queried = 0
        self.answered_count = 0
        self._node = node
        self._target = as_number(search.target)
        self._candidates: list[Candidate] = []  # closest first
        self._addresses: set[PeerAddress] = set()
        self._subnets: set[bytes] = set()
        self._under_way = 0
        self._slow = 0

    # --- from the node --------------------------------------------------------------------------

    def start(self, seeds: Iterable[tuple[bytes | None, PeerAddress]], now: float) -> None:
        """Begin with these nodes; routers have no id that would be known."""
        for node_id, address in seeds:
            self._hear_of(node_id, address, 1)
        self.resume(now)

    def resume(self, now: float) -> None:
        """Ask whom there is to ask, or end."""
        if self.ended:
            return
        late = now - self.started_at >= self._node.options.lookup_seconds
        if late or self.search.satisfied or not self._ask_on(now):
            self._end(now)

    def cancel(self, now: float) -> None:
        """End without a word."""
        if not self.ended:
            self.ended = True
            self._node.lookup_ended(self, now)

    # --- from the questions ---------------------------------------------------------------------

    def answered(self, asked: Asked, response: Response, now: float) -> None:
        """A node answered."""
        candidate = self._no_longer_waited_for(asked)
        if self.ended:
            return
        try:
            self._take(candidate, response, now)
        except FormatError:
            self._fail(candidate)
        self.resume(now)

    def refused(self, asked: Asked, error: KrpcError, now: float) -> None:
        """A node does not answer this question."""
        self._fail(self._no_longer_waited_for(asked))
        self.resume(now)

    def slow(self, asked: Asked, now: float) -> None:
        """Somebody else is asked meanwhile."""
        asked.context.state = State.SLOW
        self._slow += 1
        self.resume(now)

    def lost(self, asked: Asked, now: float) -> None:
        """A node is not there, or a datagram was lost on the way."""
        candidate = self._no_longer_waited_for(asked)
        if candidate.asked_again:
            self._fail(candidate)
        else:
            candidate.state = State.LOST
        self.resume(now)

    # --- for the search -------------------------------------------------------------------------

    def closest(self, *, with_token: bool = False) -> list[Candidate]:
        """Where to store: the closest that answered, and the closest of those whose id fits."""
        count = self._node.options.closest
        able = [
            candidate
            for candidate in self._candidates
            if candidate.state is State.ANSWERED and (candidate.token or not with_token)
        ]
        fitting = [candidate for candidate in able if candidate.fits][:count]
        return able[:count] + [c for c in fitting if c not in able[:count]]

    def outcome(self, now: float, **more: Any) -> LookupOutcome:
        """How it went, with what the search adds."""
        closest = self.closest()
        return LookupOutcome(
            hops=max((candidate.hops for candidate in closest), default=0),
            queried=self.queried,
            answered=self.answered_count,
            seconds=now - self.started_at,
            error="" if closest else "no node of the DHT answered",
            **more,
        )

    # --- the inside -----------------------------------------------------------------------------

    def _ask_on(self, now: float) -> bool:
        """Ask the closest that were not asked yet; whether there is something to wait for."""
        options = self._node.options
        fitting = answers = 0
        waiting = False
        for candidate in self._candidates:
            state = candidate.state
            if state is State.ANSWERED:
                answers += 1
                fitting += candidate.fits
                if fitting >= options.closest or answers >= 2 * options.closest:
                    return waiting
            elif state is State.ASKED:
                waiting = True
            elif state is State.FRESH:
                waiting = True
                if self._under_way - self._slow >= options.concurrency:
                    return True
                if self.queried >= options.queries_of_a_lookup:
                    return self._under_way > 0
                if not self._ask(candidate, now):
                    return True
        return waiting or self._under_way > 0 or self._ask_again(now)

    def _ask_again(self, now: float) -> bool:
        """Nobody is left, and too few answered: perhaps the datagrams of some were lost."""
        lost = [candidate for candidate in self._candidates if candidate.state is State.LOST]
        for candidate in lost[: self._node.options.concurrency]:
            candidate.asked_again = True
            if not self._ask(candidate, now):
                break
        return bool(lost)

    def _ask(self, candidate: Candidate, now: float) -> bool:
        asked = self._node.ask(
            candidate.address,
            self.search.method,
            self.search.args(candidate),
            self,
            now,
            candidate.node_id,
        )
        if asked is None:
            return False
        asked.context = candidate
        candidate.state = State.ASKED
        self.queried += 1
        self._under_way += 1
        return True

    def _take(self, candidate: Candidate, response: Response, now: float) -> None:
        node_id: bytes = response.values[b"id"]
        if candidate.node_id is not None and candidate.node_id != node_id:
            raise FormatError("the node has another id than we were told")
        contacts = taken_nodes(response.values, ipv6=self._node.ipv6)
        self.search.take(candidate, response, now)
        if candidate.node_id is None:
            # A router was asked for others; it is none of those that are looked for.
            candidate.state = State.FAILED
        else:
            candidate.state = State.ANSWERED
            candidate.fits = fits_address(node_id, candidate.address.host)
        self.answered_count += 1
        self._node.told_of(contacts, candidate.address, now)
        teller_is_local = is_local(candidate.address.host)
        for told_id, address in contacts:
            # Nobody on the internet knows who is on our own network.
            if teller_is_local or not is_local(address.host):
                self._hear_of(told_id, address, candidate.hops + 1)

    def _hear_of(self, node_id: bytes | None, address: PeerAddress, hops: int) -> None:
        if node_id == self._node.node_id or address in self._addresses:
            return
        # Routers are asked first: the rest may know nobody near the target.
        distance = 0 if node_id is None else as_number(node_id) ^ self._target
        candidate = Candidate(node_id, address, distance, hops)
        if self._node.options.restrict_addresses and candidate.subnet is not None:
            if candidate.subnet in self._subnets:
                return
            self._subnets.add(candidate.subnet)
        self._addresses.add(address)
        at = bisect_left(self._candidates, distance, key=lambda known: known.distance)
        self._candidates.insert(at, candidate)
        if len(self._candidates) > self._node.options.candidates:
            self._forget_farthest()

    def _forget_farthest(self) -> None:
        for at in range(len(self._candidates) - 1, -1, -1):
            candidate = self._candidates[at]
            if candidate.state in _IDLE:
                del self._candidates[at]
                self._leave_subnet(candidate)
                if candidate.state is State.FRESH:
                    self._addresses.discard(candidate.address)
                return

    def _no_longer_waited_for(self, asked: Asked) -> Candidate:
        candidate: Candidate = asked.context
        self._under_way -= 1
        if candidate.state is State.SLOW:
            self._slow -= 1
        return candidate

    def _fail(self, candidate: Candidate) -> None:
        candidate.state = State.FAILED
        self._leave_subnet(candidate)

    def _leave_subnet(self, candidate: Candidate) -> None:
        """Another node of a subnet may be asked when the first was of no use."""
        if candidate.subnet is not None:
            self._subnets.discard(candidate.subnet)

    def _end(self, now: float) -> None:
        self.ended = True
        self._node.lookup_ended(self, now)
        self.search.finish(self, now)
