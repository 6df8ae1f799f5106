"""Letters to webhooks: sent in order, tried again for hours, kept over restarts.

What a server refuses for good (a status of 4xx), or did not take after all tries, is dead: it stays
to be seen, and may be sent again. A server that does not answer holds up its own hook alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from dataclasses import dataclass
from typing import Any, Callable, Coroutine, Iterable, Mapping

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from p2pd.automation.hooks.hook_rules import Hook
from p2pd.automation.web import Web, WebError, WebRequest
from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import P2pdError
from p2pd.base.measures import Labels
from p2pd.state.hooks import HookStore, LetterRow

AT_ONCE = 4
MOST_LETTERS = 5000
MOST_DEAD = 500
MOST_TRIES = 12
FIRST_RETRY = 10.0
"""Seconds until a second try; then twice as many each time."""

LONGEST_RETRY = 3600.0
LONGEST_NAP = 3600.0
PASSING = frozenset({408, 425, 429})
"""Statuses of 4xx that may be other ones later."""


@dataclass(slots=True)
class Letter:
    """What is to be told to a hook's server."""

    id: int
    hook: int
    event: str
    body: str
    at: float
    tries: int = 0
    next_at: float = 0.0
    problem: str = ""
    dead: bool = False

    def row(self) -> LetterRow:
        """For keeping it."""
        return LetterRow(
            self.id, self.hook, self.event, self.body, self.at,
            self.tries, self.next_at, self.problem, int(self.dead),
        )  # fmt: skip


class WebhookQueue:
    """All letters. `hook_of` gives the hook of an id, or None when it is not there any more."""

    log = Logger()

    def __init__(
        self,
        web: Web,
        store: HookStore,
        clock: Clock,
        wall: Callable[[], float],
        hook_of: Callable[[int], Hook | None],
        background: Callable[[Coroutine[Any, Any, Any], str], None],
    ) -> None:
        self._web = web
        self._store = store
        self._clock = clock
        self._wall = wall
        self._hook_of = hook_of
        self._background = background
        self.letters: dict[int, Letter] = {}
        self._last_id = 0
        self._busy: dict[int, Deferred[None]] = {}
        self._timer: DelayedCall | None = None
        self._stopped = False
        self.ends: Counter[Labels] = Counter({("ok",): 0, ("failed",): 0, ("dropped",): 0})
        """Tries that went well or not, and letters there was no room for."""

    # -- what is in it -------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Letters to be sent."""
        return sum(not letter.dead for letter in self.letters.values())

    @property
    def dead(self) -> int:
        """Letters that are not sent any more."""
        return len(self.letters) - self.waiting

    def recall(self, rows: Iterable[LetterRow]) -> None:
        """Those of an earlier run."""
        for row in rows:
            letter = Letter(*row[:-1], dead=bool(row.dead))
            self.letters[letter.id] = letter
            self._last_id = max(self._last_id, letter.id)
        self.go_on()

    def add(self, hook: int, event: str, body: str) -> None:
        """A letter more, unless there are too many."""
        if self.waiting >= MOST_LETTERS:
            self.ends["dropped",] += 1
            if self.ends["dropped",] == 1:
                self.log.error("webhooks: {most} letters wait; others are lost", most=MOST_LETTERS)
            return
        self._last_id += 1
        letter = Letter(self._last_id, hook, event, body, self._wall())
        self.letters[letter.id] = letter
        self._save([letter])
        self.go_on()

    def revive(self, ids: Iterable[int]) -> int:
        """Dead ones are sent again; how many."""
        found = [letter for id_ in ids if (letter := self.letters.get(id_)) and letter.dead]
        for letter in found:
            letter.dead, letter.tries, letter.next_at = False, 0, 0.0
        self._save(found)
        self.go_on()
        return len(found)

    def forget(self, ids: Iterable[int]) -> int:
        """They are not sent any more, and not kept; how many."""
        gone = [id_ for id_ in ids if self.letters.pop(id_, None) is not None]
        if gone:
            self._background(self._forgotten(gone), "webhooks")
        return len(gone)

    def stop(self) -> None:
        """What is under way is tried again after the next start."""
        self._stopped = True
        self._cancel_timer()
        for sending in list(self._busy.values()):
            sending.cancel()

    # -- sending -------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Send what is due: of each hook the oldest, which holds up the others of it."""
        self._cancel_timer()
        if self._stopped:
            return
        now, soonest = self._wall(), LONGEST_NAP
        for hook, letter in self._first_ones().items():
            if hook in self._busy:
                continue
            if letter.next_at > now:
                soonest = min(soonest, letter.next_at - now)
            elif len(self._busy) < AT_ONCE:
                self._begin(letter)
        if self.letters and not self._stopped:
            self._timer = self._clock.callLater(max(soonest, 0.1), self.go_on)

    def _first_ones(self) -> dict[int, Letter]:
        first: dict[int, Letter] = {}
        for letter in self.letters.values():
            hook = self._hook_of(letter.hook)
            if not letter.dead and hook is not None and hook.enabled:
                first.setdefault(letter.hook, letter)
        return first

    def _begin(self, letter: Letter) -> None:
        sending = Deferred.fromCoroutine(self._send(letter))
        if not sending.called:
            self._busy[letter.hook] = sending
        sending.addErrback(lambda failure: None if failure.check(CancelledError) else failure)
        sending.addErrback(lambda failure: self.log.failure("webhooks: internal error", failure))
        sending.addBoth(lambda _: self._sent(letter))

    def _sent(self, letter: Letter) -> None:
        self._busy.pop(letter.hook, None)
        if not self._stopped and self._timer is None:
            self._timer = self._clock.callLater(0, self.go_on)
        elif not self._stopped:
            self._cancel_timer()
            self._timer = self._clock.callLater(0, self.go_on)

    async def _send(self, letter: Letter) -> None:
        hook = self._hook_of(letter.hook)
        if hook is None:
            return
        try:
            await self.post(hook, letter.event, letter.body, str(letter.id), letter.tries + 1)
        except P2pdError as problem:
            self._failed(letter, problem)
            return
        self.ends["ok",] += 1
        if self.letters.pop(letter.id, None) is not None:
            await self._store.forget_letters([letter.id])

    async def post(self, hook: Hook, event: str, body: str, delivery: str, attempt: int) -> int:
        """Tell it, and answer the status. Raises WebError for any that is no success."""
        data = body.encode("ascii")
        headers = {
            "Content-Type": "application/json",
            "X-P2pd-Event": event,
            "X-P2pd-Delivery": delivery,
            "X-P2pd-Attempt": str(attempt),
            **signature(hook.secret, data, self._wall()),
        }
        answer = await self._web.ask(
            WebRequest(hook.url, b"POST", secret_headers=headers, body=data, most=0)
        )
        if not 200 <= answer.code < 300:
            raise WebError(f"its server answered {answer.code}", answer.code)
        return answer.code

    def _failed(self, letter: Letter, problem: P2pdError) -> None:
        self.ends["failed",] += 1
        letter.tries += 1
        letter.problem = str(problem)[:300]
        code = problem.code if isinstance(problem, WebError) else 0
        if (400 <= code < 500 and code not in PASSING) or letter.tries >= MOST_TRIES:
            letter.dead = True
            self.log.warn("a webhook is given up: {problem}", problem=letter.problem)
            self._bury()
        else:
            retry = min(FIRST_RETRY * 2.0 ** (letter.tries - 1), LONGEST_RETRY)
            letter.next_at = self._wall() + retry
        if letter.id in self.letters:
            self._save([letter])

    def _bury(self) -> None:
        dead = [letter.id for letter in self.letters.values() if letter.dead]
        self.forget(dead[: max(0, len(dead) - MOST_DEAD)])

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _save(self, letters: list[Letter]) -> None:
        rows = [letter.row() for letter in letters]
        if rows:
            self._background(self._saved(rows), "webhooks")

    async def _saved(self, rows: list[LetterRow]) -> None:
        await self._store.save_letters(rows)

    async def _forgotten(self, gone: list[int]) -> None:
        await self._store.forget_letters(gone)


def signature(secret: str, body: bytes, now: float) -> Mapping[str, str]:
    """Headers by which a server knows that we wrote this, and when; none without a secret."""
    if not secret:
        return {}
    stamp = str(int(now))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-P2pd-Timestamp": stamp, "X-P2pd-Signature": f"sha256={digest}"}
