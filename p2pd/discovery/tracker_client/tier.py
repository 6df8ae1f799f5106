"""One tier of trackers (BEP 12): tried in turn until one answers, and that one goes first.

A tracker that keeps us waiting does not hold up the next one: that is asked too after a few
seconds. Every tier has its own timer, so that a tier of dead trackers holds nothing up.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import DelayedCall
from p2pd.discovery.tracker_client.tracker import Tracker, TrackerOwner
from p2pd.protocols.tracker.announce import AnnounceAnswer, TrackerError

FIRST_RETRY = 10.0
LONGEST_RETRY = 3600.0
MOST_DOUBLINGS = 10
PATIENCE = 5.0
"""Seconds that a tracker has before the next one of the tier is asked as well."""

LEAST_GAP = 10.0
"""Seconds between two announces to a tier, however often somebody asks for one."""

BUSY_GAP = 1.0

PeersFound = Callable[[Sequence[PeerAddress], str], None]


class _Round:
    """One search for a tracker that answers."""

    __slots__ = ("asking", "freed", "next_call", "waiting")

    def __init__(self, trackers: list[Tracker]) -> None:
        self.waiting = trackers
        self.asking = 0
        self.freed = 0
        self.next_call: DelayedCall | None = None


class Tier:
    """The trackers of one tier, the one that worked last first."""

    __slots__ = (
        "_due", "_failures", "_last_at", "_least_gap", "_owes_completed", "_owner", "_round",
        "_timer", "_wanted_again", "trackers",
    )  # fmt: skip

    def __init__(self, owner: TrackerOwner) -> None:
        self.trackers: list[Tracker] = []
        self._owner = owner
        self._owes_completed = False
        self._wanted_again = False
        self._failures = 0
        self._timer: DelayedCall | None = None
        self._due = 0.0
        self._round: _Round | None = None
        self._last_at = float("-inf")
        self._least_gap = LEAST_GAP

    def assign(self, number: int, trackers: Sequence[Tracker]) -> None:
        """These are its trackers from now on; those it had keep their order and come first."""
        known = [tracker for tracker in self.trackers if tracker in trackers]
        new = [tracker for tracker in trackers if tracker not in known]
        if len(new) > 1:
            self._owner.rng.shuffle(new)
        lost_first = bool(self.trackers) and known[:1] != self.trackers[:1]
        self.trackers = known + new
        for tracker in self.trackers:
            tracker.state.tier = number
            tracker.state.is_backup = tracker is not self.trackers[0]
        if self._round is not None:
            self._round.waiting += new
            self._be_patient(self._round)
        elif lost_first and self._timer is not None:
            self._schedule(0.0)

    def start(self) -> None:
        """Announce now, unless that is planned or under way already."""
        if self._round is None and (self._timer is None or not self._timer.active()):
            self._schedule(0.0)

    def complete(self) -> None:
        """Announce `completed` now; if `started` is still owed that comes first."""
        self._owes_completed = True
        if self._round is None:
            self._schedule(0.0)

    def reannounce(self) -> None:
        """Announce as soon as the tracker allows it, and not later than was planned."""
        self._failures = 0
        for tracker in self.trackers:
            tracker.not_before = float("-inf")
        if self._round is not None:
            self._wanted_again = True
            return
        now = self._owner.clock.seconds()
        at = max(now, self._last_at + self._least_gap)
        if self._timer is None or not self._timer.active() or at < self._due:
            self._schedule(at - now)

    def cancel(self) -> None:
        """Plan nothing more; what is under way is left to its tracker."""
        self._wanted_again = self._owes_completed = False
        self._failures = 0
        over, self._round = self._round, None
        for call in (self._timer, over.next_call if over is not None else None):
            if call is not None and call.active():
                call.cancel()
        self._timer = None

    # -- rounds -------------------------------------------------------------------------------

    def _schedule(self, wait: float) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self._owner.clock.callLater(wait, self._begin)
        self._due = self._owner.clock.seconds() + wait
        free = [tracker for tracker in self.trackers if tracker.not_before <= self._due]
        for tracker in self.trackers:
            first = tracker is (free or self.trackers)[0]
            tracker.state.next_announce_at = self._owner.wall() + wait if first else 0.0

    def _begin(self) -> None:
        now = self._owner.clock.seconds()
        idle = [tracker for tracker in self.trackers if not tracker.busy]
        free = [tracker for tracker in idle if tracker.not_before <= now]
        if not free:
            self._schedule(max(BUSY_GAP, self._earliest() - now))
            return
        self._last_at = now
        self._round = _Round(free)
        self._ask_next(self._round)

    def _ask_next(self, round_: _Round) -> None:
        # One that left the tier meanwhile is not asked any more; nor is one that came to it from
        # another tier and is still asked from there.
        round_.waiting = [
            tracker for tracker in round_.waiting if tracker in self.trackers and not tracker.busy
        ]
        if round_ is not self._round or not round_.waiting:
            return
        tracker = round_.waiting.pop(0)
        round_.asking += 1
        self._be_patient(round_)
        event = self._event_for(tracker)
        asking: Deferred[Any] = tracker.announce(event)
        asking.addCallbacks(
            partial(self._answered, round_, tracker, event), partial(self._refused, round_, tracker)
        )

    def _be_patient(self, round_: _Round) -> None:
        """Give whoever is asked some time before the next one is asked too."""
        planned = round_.next_call is not None and round_.next_call.active()
        if round_.waiting and not planned:
            round_.next_call = self._owner.clock.callLater(PATIENCE, self._ask_next, round_)

    def _event_for(self, tracker: Tracker) -> str:
        if not tracker.started:
            return "started"
        return "completed" if self._owes_completed else ""

    def _answered(
        self, round_: _Round, tracker: Tracker, event: str, answer: AnnounceAnswer
    ) -> None:
        if round_ is not self._round:
            return
        if tracker not in self.trackers:
            self._without(round_)
            return
        self._end(round_)
        self._failures = 0
        self._least_gap = max(LEAST_GAP, answer.min_interval)
        if event == "completed":
            self._owes_completed = False
        self.trackers.remove(tracker)
        self.trackers.insert(0, tracker)
        for each in self.trackers:
            each.state.is_backup = each is not tracker
        self._schedule(self._next_after(answer))

    def _refused(self, round_: _Round, tracker: Tracker, failure: Failure) -> None:
        failure.trap(TrackerError)
        retry_in = getattr(failure.value, "retry_in", None)
        if retry_in:
            wait = max(retry_in, FIRST_RETRY)
            tracker.not_before = self._owner.clock.seconds() + wait
        if round_ is self._round:
            self._without(round_)

    def _without(self, round_: _Round) -> None:
        """One tracker of the round is of no use: on to the next, if there is one."""
        round_.asking -= 1
        _cancel(round_.next_call)
        round_.freed += 1
        if round_.freed > 1:
            return  # to the loop below: hundreds that refuse at once must not nest
        while round_.freed:
            self._ask_next(round_)
            round_.freed -= 1
        if not round_.asking and round_ is self._round:
            self._end(round_)
            self._failures += 1
            self._schedule(self._backed_off())

    def _end(self, round_: _Round) -> None:
        self._round = None
        _cancel(round_.next_call)

    def _next_after(self, answer: AnnounceAnswer) -> float:
        if self._owes_completed:
            return 0.0
        if self._wanted_again:
            self._wanted_again = False
            return self._least_gap
        # Spread out, so that those who started together do not announce together for ever; but in
        # whole seconds, so that those of thousands of torrents share wake-ups and connections.
        wait = max(answer.interval * self._owner.rng.uniform(0.95, 1.0), answer.min_interval)
        return wait + -(self._owner.clock.seconds() + wait) % 1.0

    def _backed_off(self) -> float:
        """Seconds until the next try; trackers' own words (BEP 31) count when all of them say."""
        self._wanted_again = False
        said = self._earliest() - self._owner.clock.seconds()
        if said > 0:
            return said
        wait = FIRST_RETRY * 2.0 ** min(self._failures - 1, MOST_DOUBLINGS)
        return min(LONGEST_RETRY, wait) * self._owner.rng.uniform(0.75, 1.25)

    def _earliest(self) -> float:
        """When the first of its trackers may be asked; the past when one may be now."""
        return min(tracker.not_before for tracker in self.trackers)


def _cancel(call: DelayedCall | None) -> None:
    if call is not None and call.active():
        call.cancel()
