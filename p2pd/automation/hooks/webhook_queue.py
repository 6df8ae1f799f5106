"""Letters to webhooks: sent in order, tried again for hours, kept over restarts.

What a server refuses for good (a status of 4xx), or did not take after all tries, is dead: it stays
to be seen, and may be sent again. A server that does not answer holds up its own hook alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter, OrderedDict
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
MOST_BYTES = 32 * 1024 * 1024
"""Of all bodies together."""

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
        self._lines: dict[int, OrderedDict[int, Letter]] = {}
        """Letters to be sent, of each hook by their ids, the oldest first."""
        self._dead: dict[int, Letter] = {}
        self.size = 0
        """Bytes of bodies."""
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
        return sum(map(len, self._lines.values()))

    @property
    def dead(self) -> int:
        """Letters that are not sent any more."""
        return len(self._dead)

    def letters(self) -> list[Letter]:
        """All of them, the oldest first."""
        lines = [letter for line in self._lines.values() for letter in line.values()]
        return sorted([*lines, *self._dead.values()], key=lambda letter: letter.id)

    def line_of(self, hook: int) -> int:
        """How many are to be sent to the server of a hook."""
        return len(self._lines.get(hook, ()))

    def problem_of(self, hook: int) -> str:
        """Why the first of these was not taken the last time; empty if it was not tried."""
        line = self._lines.get(hook)
        return next(iter(line.values())).problem if line else ""

    def recall(self, rows: Iterable[LetterRow]) -> None:
        """Those of an earlier run."""
        for row in rows:
            letter = Letter(*row[:-1], dead=bool(row.dead))
            self._put(letter)
            self._last_id = max(self._last_id, letter.id)
        self.go_on()

    def add(self, hook: int, event: str, body: str) -> None:
        """A letter more, unless there are too many."""
        if self.waiting >= MOST_LETTERS or self.size + len(body) > MOST_BYTES:
            self.ends["dropped",] += 1
            if self.ends["dropped",] == 1:
                self.log.error("webhooks: too many letters wait, so others are lost")
            return
        self._last_id += 1
        letter = Letter(self._last_id, hook, event, body, self._wall())
        self._put(letter)
        self._save([letter])
        self.go_on()

    def revive(self, ids: Iterable[int]) -> int:
        """Dead ones are sent again; how many."""
        found = [letter for id_ in ids if (letter := self._dead.get(id_)) is not None]
        for letter in found:
            self._take(letter)
            letter.dead, letter.tries, letter.next_at = False, 0, 0.0
            self._put(letter)
        self._save(found)
        self.go_on()
        return len(found)

    def forget(self, ids: Iterable[int]) -> int:
        """They are not sent any more, and not kept; how many."""
        wanted = set(ids)
        return self._drop([letter for letter in self.letters() if letter.id in wanted])

    def forget_hook(self, hook: int) -> None:
        """It is removed, and its letters with it."""
        self._drop([letter for letter in self.letters() if letter.hook == hook])

    def _drop(self, letters: list[Letter]) -> int:
        for letter in letters:
            self._take(letter)
        if letters:
            self._background(self._forgotten([letter.id for letter in letters]), "webhooks")
        return len(letters)

    def _put(self, letter: Letter) -> None:
        self.size += len(letter.body)
        if letter.dead:
            self._dead[letter.id] = letter
        else:
            self._lines.setdefault(letter.hook, OrderedDict())[letter.id] = letter

    def _take(self, letter: Letter) -> bool:
        """Whether it was there."""
        line = self._dead if letter.dead else self._lines.get(letter.hook, {})
        if line.pop(letter.id, None) is None:
            return False
        self.size -= len(letter.body)
        if not letter.dead and not line:
            del self._lines[letter.hook]
        return True

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
        for hook, letter in self._first_ones():
            if hook in self._busy:
                continue
            if letter.next_at > now:
                soonest = min(soonest, letter.next_at - now)
            elif len(self._busy) < AT_ONCE:
                self._begin(letter)
        if self._lines and not self._stopped:
            self._timer = self._clock.callLater(max(soonest, 0.1), self.go_on)

    def _first_ones(self) -> list[tuple[int, Letter]]:
        found = []
        for id_, line in self._lines.items():
            hook = self._hook_of(id_)
            if hook is not None and hook.enabled:
                found.append((id_, next(iter(line.values()))))
        return found

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
        if self._take(letter):
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
        if not self._take(letter):
            return  # it was forgotten meanwhile
        letter.tries += 1
        letter.problem = str(problem)[:300]
        code = problem.code if isinstance(problem, WebError) else 0
        if (400 <= code < 500 and code not in PASSING) or letter.tries >= MOST_TRIES:
            letter.dead = True
            self.log.warn("a webhook is given up: {problem}", problem=letter.problem)
            self._put(letter)
        else:
            retry = min(FIRST_RETRY * 2.0 ** (letter.tries - 1), LONGEST_RETRY)
            letter.next_at = self._wall() + retry
            self._put(letter)
            self._lines[letter.hook].move_to_end(letter.id, last=False)
        self._save([letter])
        self._drop(list(self._dead.values())[: max(0, len(self._dead) - MOST_DEAD)])

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
