"""GET /metrics: the daemon in numbers, in the text format of Prometheus.

The measures come from whoever counts; here they only get the prefix, and are written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from p2pd.base.measures import Histogram, Measure
from p2pd.control.answers import Pacer
from p2pd.control.gate import say
from p2pd.control.request import ControlRequest
from p2pd.session.api import SessionApi

PREFIX = "p2pd_"

Source = Callable[[], Iterable[Measure]]


class MetricsPage(Resource):
    """The page. `sources` are asked besides the session."""

    isLeaf = True
    log = Logger()

    def __init__(self, api: SessionApi, sources: Sequence[Source], reactor: Any) -> None:
        super().__init__()
        self._api = api
        self._sources = sources
        self._reactor = reactor

    def render(self, request: ControlRequest) -> bytes | int:
        """Answer GET and HEAD."""
        if request.method not in (b"GET", b"HEAD"):
            return say(request, 405, "metrics are read with GET", [("Allow", "GET, HEAD")])
        answering = Deferred.fromCoroutine(self._answer(request))
        request.notifyFinish().addErrback(lambda _: answering.cancel())
        answering.addErrback(self._broken, request)
        return NOT_DONE_YET

    async def measures(self) -> list[Measure]:
        """All there are."""
        found = list(await self._api.measures(Pacer(self._reactor).pause))
        for source in self._sources:
            found += source()
        return found

    async def _answer(self, request: ControlRequest) -> None:
        measures = await self.measures()
        # Only now: it takes longer to import than a start can spare, and few ever ask.
        from prometheus_client.exposition import choose_encoder

        encode, kind = choose_encoder(request.getHeader("accept") or "")
        page = encode(_Written(measures))
        request.setHeader(b"content-type", kind.encode())
        request.setHeader(b"content-length", b"%d" % len(page))
        request.write(page)
        request.finish()

    def _broken(self, failure: Any, request: ControlRequest) -> None:
        if request._disconnected or request.finished:
            return
        self.log.failure("the metrics could not be told", failure)
        request.write(say(request, 500, "the metrics could not be told: see the daemon's log"))
        request.finish()


class _Written:
    """Measures as the library takes them: it calls `collect` on a registry."""

    def __init__(self, measures: Sequence[Measure]) -> None:
        self._measures = measures

    def collect(self) -> Iterator[Any]:
        """One family for each."""
        from prometheus_client.metrics_core import Metric

        for measure in self._measures:
            name = PREFIX + measure.name
            family = Metric(name.removesuffix("_total"), measure.meaning, measure.kind.value)
            for labels, value in measure.values.items():
                family.add_sample(name, dict(zip(measure.labels, labels, strict=True)), value)
            for labels, seen in measure.histograms.items():
                _add(family, name, dict(zip(measure.labels, labels, strict=True)), seen)
            yield family


def _add(family: Any, name: str, labels: dict[str, str], seen: Histogram) -> None:
    *below, count = seen.cumulative()
    for bound, so_many in zip(seen.bounds, below, strict=True):
        family.add_sample(f"{name}_bucket", {**labels, "le": repr(bound)}, so_many)
    family.add_sample(f"{name}_bucket", {**labels, "le": "+Inf"}, count)
    family.add_sample(f"{name}_count", labels, count)
    family.add_sample(f"{name}_sum", labels, seen.sum)
