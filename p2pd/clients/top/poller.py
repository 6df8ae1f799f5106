"""Looks at the daemon again and again, in a thread of its own, and tells what it saw.

A daemon that does not answer is asked less and less often, and then for everything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from p2pd.base.errors import P2pdError
from p2pd.clients.top.feed import Feed, Interest, Look

FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0


class Trouble(NamedTuple):
    """The daemon could not be asked."""

    sentence: str
    seconds: float
    """Until it is asked again."""


class Poller:
    """`run` is the thread's; all else may be called by others."""

    def __init__(
        self, feed: Feed, publish: Callable[[Look | Trouble], None], interval: float
    ) -> None:
        self.interest = Interest()
        self._feed = feed
        self._publish = publish
        self._interval = interval
        self._wake = threading.Event()
        self._settings_changed = self._forgets = False
        self._ended = threading.Event()
        self._failures = 0

    def look_now(self, *, settings: bool = False, everything: bool = False) -> None:
        """Do not wait for the next look; ask for the settings as well, or for everything.

        A daemon that does not answer is asked sooner only for everything, which is by hand.
        """
        self._settings_changed = self._settings_changed or settings
        self._forgets = self._forgets or everything
        if everything or not self._failures:
            self._wake.set()

    def end(self) -> None:
        """Have `run` return."""
        self._ended.set()
        self._wake.set()

    def run(self) -> None:
        """Look until the end."""
        while not self._ended.is_set():
            seen = self.look()
            if self._ended.is_set():
                return
            self._publish(seen)
            seconds = seen.seconds if isinstance(seen, Trouble) else self._interval
            self._wake.wait(seconds)
            self._wake.clear()

    def look(self) -> Look | Trouble:
        """One look."""
        if self._forgets:
            self._forgets = False
            self._feed.forget()
        if self._settings_changed:
            self._settings_changed = False
            self._feed.settings_changed()
        try:
            look = self._feed.look(self.interest)
        except P2pdError as error:
            return self._trouble(str(error))
        except (KeyError, TypeError, ValueError, AttributeError):
            return self._trouble("what answered is not p2pd's control API")
        self._failures = 0
        return look

    def _trouble(self, sentence: str) -> Trouble:
        self._feed.forget()
        self._failures += 1
        return Trouble(sentence, min(LONGEST_WAIT, FIRST_WAIT * 2 ** (self._failures - 1)))
