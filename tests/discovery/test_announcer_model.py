"""The announcer under any order of events: what holds whatever trackers and users do, and when."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.base.ids import InfoHashes
from p2pd.protocols.tracker.announce import (
    AnnounceAnswer,
    AnnounceRequest,
    TrackerError,
    TrackerTimeoutError,
)
from tests.discovery.fake_trackers import V1, V2, World

URLS = [f"http://{name}.test/announce" for name in "abcdef"]
TIERS = st.lists(st.lists(st.sampled_from(URLS), max_size=3), max_size=3)
PROBLEMS = [
    TrackerError("no"),
    TrackerError("later", retry_in=600),
    TrackerTimeoutError("no answer"),
]
ANSWERS = [AnnounceAnswer(interval=60), AnnounceAnswer(interval=900, min_interval=300)]


class Question:
    """One announce that waits for its answer."""

    def __init__(self, url: str, request: AnnounceRequest) -> None:
        self.url = url
        self.request = request
        self.answer: Deferred[AnnounceAnswer] = Deferred()


class Trackers:
    """A TrackerTransport that keeps every question until a rule answers it."""

    def __init__(self) -> None:
        self.open: list[Question] = []
        self.knows: set[tuple[str, bytes]] = set()
        self.completed: Counter[tuple[str, bytes]] = Counter()

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        doubled = [q for q in self.open if (q.url, q.request.info_hash) == (url, request.info_hash)]
        assert not doubled, f"{url} is asked twice at a time"
        question = Question(url, request)
        self.open.append(question)
        try:
            return await question.answer
        finally:
            self.open.remove(question)

    async def scrape(self, url: str, info_hashes: list[bytes]) -> dict[bytes, Any]:
        raise TrackerError("not here")

    def settle(self, question: Question, outcome: Any) -> None:
        key = question.url, question.request.info_hash
        if isinstance(outcome, Exception):
            question.answer.errback(Failure(outcome))
            return
        if question.request.event == "stopped":
            self.knows.discard(key)
        else:
            assert question.request.event == "started" or key in self.knows, "owes started"
            self.knows.add(key)
            self.completed[key] += question.request.event == "completed"
        question.answer.callback(outcome)


class AnnouncerModel(RuleBasedStateMachine):
    """One info-hash or two; tiers, answers and time as Hypothesis wants them."""

    info_hashes = InfoHashes(v1=V1)

    def __init__(self) -> None:
        super().__init__()
        self.world = World([URLS[0], URLS[1]], [URLS[2]], info_hashes=self.info_hashes)
        self.trackers = Trackers()
        self.announcer = self.world.announcer
        self.announcer._transports = self.trackers
        self.running = False
        self.completions = 0
        self.farewells: list[Any] = []

    @rule()
    def start(self) -> None:
        self.announcer.start()
        self.running = True

    @rule()
    def stop(self) -> None:
        self.running = False
        said: list[Any] = []
        self.announcer.stop().addBoth(said.append)
        began = self.world.clock.seconds()
        self.farewells.append((began, said))

    @rule()
    def complete(self) -> None:
        self.announcer.complete()
        self.completions += 1

    @rule()
    def reannounce(self) -> None:
        self.announcer.reannounce()

    @rule(tiers=TIERS)
    def set_tiers(self, tiers: list[list[str]]) -> None:
        self.announcer.set_tiers(tiers)
        wanted = {url for urls in tiers for url in urls}
        assert sorted(state.url for state in self.announcer.states()) == sorted(wanted)

    @rule(seconds=st.sampled_from([0, 1, 4, 6, 11, 40, 700, 4000]))
    def advance(self, seconds: int) -> None:
        for _ in range(min(seconds, 20)):
            self.world.clock.advance(seconds / min(seconds, 20))
        self.world.clock.advance(0)

    @precondition(lambda self: self.running)
    @rule()
    def every_tier_is_announced_when_all_answer(self) -> None:
        """Whatever happened before, no tier is stuck."""
        asked_at = self.announcer.wall()
        self.announcer.reannounce()
        for _ in range(40):
            for question in list(self.trackers.open):
                self.trackers.settle(question, ANSWERS[0])
            self.world.clock.advance(10)
        in_use = [state for state in self.announcer.states() if not state.is_backup]
        assert all(state.last_announce_succeeded for state in in_use)
        assert all(state.last_announce_at >= asked_at for state in in_use)

    @precondition(lambda self: self.trackers.open)
    @rule(data=st.data(), outcome=st.sampled_from([*ANSWERS, *PROBLEMS]))
    def settle(self, data: Any, outcome: Any) -> None:
        place = data.draw(st.integers(0, len(self.trackers.open) - 1))
        self.trackers.settle(self.trackers.open[place], outcome)

    @invariant()
    def announcing_is_what_is_under_way(self) -> None:
        under_way = {question.url for question in self.trackers.open}
        for state in self.announcer.states():
            assert state.announcing == (state.url in under_way), state.url

    @invariant()
    def one_of_each_tier_is_no_backup(self) -> None:
        tiers: dict[int, list[bool]] = {}
        for state in self.announcer.states():
            tiers.setdefault(state.tier, []).append(state.is_backup)
        assert all(backups.count(False) == 1 for backups in tiers.values())

    @invariant()
    def farewells_end_in_five_seconds(self) -> None:
        now = self.world.clock.seconds()
        assert all(said or now - began <= 5 for began, said in self.farewells)
        assert all(result is None for _, said in self.farewells for result in said)

    @invariant()
    def completed_is_said_no_more_often_than_it_happened(self) -> None:
        assert all(count <= self.completions for count in self.trackers.completed.values())

    def teardown(self) -> None:
        """After the end nothing is under way and nothing is planned."""
        self.stop()
        self.world.clock.advance(5)
        self.world.clock.advance(5)
        assert self.trackers.open == []
        assert self.world.timers() == []
        assert not any(state.announcing for state in self.announcer.states())
        assert not any(state.next_announce_at for state in self.announcer.states())


class HybridModel(AnnouncerModel):
    """Two info-hashes."""

    info_hashes = InfoHashes(v1=V1, v2=V2)


TestOneInfoHash = AnnouncerModel.TestCase
TestHybrid = HybridModel.TestCase
TestOneInfoHash.settings = TestHybrid.settings = settings(max_examples=40, stateful_step_count=30)
