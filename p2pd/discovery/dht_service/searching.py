"""One search over all nodes of a host: each has a network of its own (BEP 32, 45)."""

from __future__ import annotations

from functools import partial
from typing import Callable, Iterable, Sequence

from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht.outcomes import LookupOutcome, Operation
from p2pd.discovery.dht_service.node_driver import NodeDriver

Begin = Callable[[DhtNode, float, Callable[[LookupOutcome], None]], Operation]
"""Has a node begin at a time; the callback is called once, when it is through."""


class HostSearch:
    """Begins with every driver; `over` hears once what came of all. `cancel` ends it silently.

    A driver that is closed meanwhile is to be given to `gone`.
    """

    def __init__(self, begin: Begin, over: Callable[[HostSearch, LookupOutcome], None]) -> None:
        self._begin = begin
        self._over = over
        self._running: dict[NodeDriver, Operation] = {}
        self._outcomes: list[LookupOutcome] = []

    def start(self, drivers: Iterable[NodeDriver]) -> None:
        """Begin; nodes tell nothing before they have begun."""
        for driver in drivers:
            driver.ask(partial(self._start, driver))

    def cancel(self) -> None:
        """End it without a word."""
        running, self._running = self._running, {}
        for driver, operation in running.items():
            # What was given up may make room for what waits: that is to be sent.
            driver.ask(partial(_cancel, operation))

    def gone(self, driver: NodeDriver) -> None:
        """A node is no more."""
        operation = self._running.get(driver)
        if operation is not None:
            operation.cancel()
            self._through(driver, LookupOutcome(error="the node of the DHT was stopped"))

    def _start(self, driver: NodeDriver, node: DhtNode, now: float) -> None:
        self._running[driver] = self._begin(node, now, partial(self._through, driver))

    def _through(self, driver: NodeDriver, outcome: LookupOutcome) -> None:
        if self._running.pop(driver, None) is None:
            return
        self._outcomes.append(outcome)
        if not self._running:
            self._over(self, merged(self._outcomes))


def _cancel(operation: Operation, node: DhtNode, now: float) -> None:
    operation.cancel()


def merged(outcomes: Sequence[LookupOutcome]) -> LookupOutcome:
    """What came of searches in several networks; an error only if there is one in each."""
    errors = [each.error for each in outcomes]
    return LookupOutcome(
        hops=max(each.hops for each in outcomes),
        queried=sum(each.queried for each in outcomes),
        answered=sum(each.answered for each in outcomes),
        peers=sum(each.peers for each in outcomes),
        announced_to=sum(each.announced_to for each in outcomes),
        seconds=max(each.seconds for each in outcomes),
        seeds_estimate=_most([each.seeds_estimate for each in outcomes]),
        peers_estimate=_most([each.peers_estimate for each in outcomes]),
        error=errors[0] if all(errors) else "",
        refusals=tuple(refusal for each in outcomes for refusal in each.refusals),
    )


def _most(estimates: Sequence[float | None]) -> float | None:
    """Of the two networks many are in both: to add them up would count these twice."""
    return max((each for each in estimates if each is not None), default=None)
