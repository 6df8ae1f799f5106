"""Warnings before something ends: certificates of torrents, those of their CAs, revocation lists.

There are three: some days before (`warn`), few days before (`urgent`), and at the end. Each is
logged once in a run and told to listeners once ever; what was told of is kept. Whose certificate
is renewed meanwhile is told of anew when the new one ends. What ends, and when, the sources know;
a wake-up is due when the next warning is, and not before.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any, Callable, Iterable, Mapping, Protocol, Sequence

from twisted.logger import Logger

from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.measures import Measure, gauges
from p2pd.session.session_events import EventKind
from p2pd.storage.disks import Disks

DAY = 86_400.0
LONGEST_WAIT = DAY
"""Seconds until it is looked again in any case: the wall clock may be set."""


class Subject(enum.StrEnum):
    """What ends; the words are the control API's."""

    CERTIFICATE = "certificate"
    CA = "ca"
    REVOCATION_LIST = "revocation_list"
    ISSUED = "issued"
    """A certificate that a CA which is here issued to somebody else, and that was not renewed."""


class Stage(enum.IntEnum):
    """How near the end is."""

    FAR = 0
    SOON = 1
    VERY_SOON = 2
    ENDED = 3

    @property
    def word(self) -> str:
        """The control API's."""
        return self.name.lower()


_WHAT = {
    Subject.CERTIFICATE: "the certificate of {name}",
    Subject.CA: "the certificate of the CA {name}",
    Subject.REVOCATION_LIST: "the revocation list of the CA {name}",
    Subject.ISSUED: "the certificate of {name}",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that ends at `ends_at` (Unix seconds), and the torrents that this is about.

    `key` is by what it is known again, whatever it was renewed to; `name` is for people. With more
    than `notice` seconds left nobody is warned: it is to be renewed by then.
    """

    subject: Subject
    key: str
    name: str
    ends_at: float
    torrents: tuple[Any, ...] = ()
    notice: float = math.inf


class EndingMemory(Protocol):
    """Where it is kept what was told (state.revocation_files); it blocks."""

    def told(self) -> dict[str, tuple[int, int]]:
        """By key: which end, and which stage of it."""

    def save_told(self, told: Mapping[str, tuple[int, int]]) -> None: ...


class EndingHost(Protocol):
    """What is needed of the session."""

    disks: Disks
    events: Any
    activity: Any

    def wall(self) -> float: ...
    def background(self, work: Any, what: str) -> None: ...


class Endings:
    """One for a session. `sources` say what ends; `changed` is for whenever they say otherwise."""

    log = Logger()

    def __init__(
        self,
        host: EndingHost,
        sources: Callable[[], Iterable[Ending]],
        memory: EndingMemory | None,
        timers: Clock,
        *,
        warn: float,
        urgent: float,
    ) -> None:
        """`warn` and `urgent` are seconds before an end."""
        self._host = host
        self._sources = sources
        self._memory = memory
        self._timers = timers
        self._warn, self._urgent = warn, urgent
        self._told: dict[str, tuple[int, int]] = {}
        self._logged: dict[str, tuple[int, int]] = {}
        self._call: DelayedCall | None = None
        self._began = False

    # -- life ----------------------------------------------------------------------------------

    async def begin(self) -> None:
        """The torrents are there: warn of what is due."""
        if self._memory is not None:
            self._told = await self._host.disks.aside.run("read", self._memory.told)
        self._began = True
        self._look()

    def close(self) -> None:
        """The session ends."""
        self._began = False
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def limit(self, *, warn: float, urgent: float) -> None:
        """Warn so many seconds before an end from now on."""
        self._warn, self._urgent = warn, urgent
        self.changed()

    def changed(self) -> None:
        """Something ends at another time, or is new: it is looked at in a turn of its own."""
        if self._began:
            self._wake(0.0)

    # -- how near ------------------------------------------------------------------------------

    def stage(self, ending: Ending) -> Stage:
        """How near an end is."""
        left = ending.ends_at - self._host.wall()
        if left <= 0:
            return Stage.ENDED
        if left > min(self._warn, ending.notice):
            return Stage.FAR
        return Stage.VERY_SOON if left <= self._urgent else Stage.SOON

    def warnings(self, endings: Iterable[Ending]) -> list[str]:
        """What is to be said of these, the nearest first."""
        near = sorted(endings, key=lambda ending: ending.ends_at)
        return [self._sentence(one) for one in near if self.stage(one) is not Stage.FAR]

    def _sentence(self, ending: Ending) -> str:
        what = _WHAT[ending.subject].format(name=ending.name)
        left = ending.ends_at - self._host.wall()
        if left <= 0:
            due = ending.subject is Subject.REVOCATION_LIST
            return f"{what} is overdue: a new one was to be made" if due else f"{what} has ended"
        return f"{what} ends in {_duration(left)}"

    # -- looking -------------------------------------------------------------------------------

    def _look(self) -> None:
        self._call = None
        endings = {ending.key: ending for ending in self._sources()}
        told = {key: value for key, value in self._told.items() if key in endings}
        self._logged = {key: value for key, value in self._logged.items() if key in endings}
        for key, ending in endings.items():
            stage = self.stage(ending)
            now = (int(ending.ends_at), int(stage))
            if stage is Stage.FAR:
                told.pop(key, None)
                self._logged.pop(key, None)
                continue
            if self._logged.get(key) != now:
                self._logged[key] = now
                self.log.warn("{warning}", warning=self._sentence(ending))
            if told.get(key) != now:
                told[key] = now
                self._tell(ending, stage)
        if told != self._told:
            self._told = told
            if self._memory is not None:
                saved = self._host.disks.aside.run("write", self._memory.save_told, dict(told))
                self._host.background(saved, "which ends were told of")
        self._wake(self._wait(endings.values()))

    def _tell(self, ending: Ending, stage: Stage) -> None:
        detail = {
            "what": ending.subject.value,
            "stage": stage.word,
            "ends_at": int(ending.ends_at),
            "seconds_left": int(ending.ends_at - self._host.wall()),
            "warning": self._sentence(ending),
        }
        for torrent in ending.torrents:
            torrent.telling.tell(EventKind.CERTIFICATE, **detail)
            self._host.activity.changed(torrent)

    def _wait(self, endings: Iterable[Ending]) -> float:
        now = self._host.wall()
        moments = (
            ending.ends_at - before - now
            for ending in endings
            for before in (self._warn, self._urgent, ending.notice, 0.0)
        )
        return min((moment for moment in moments if moment > 0), default=LONGEST_WAIT)

    def _wake(self, seconds: float) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        # A moment late, so that what was to come has come.
        self._call = self._timers.callLater(min(seconds + 1.0, LONGEST_WAIT), self._look)

    # -- for readers ---------------------------------------------------------------------------

    def measures(self) -> Sequence[Measure]:
        """How far the nearest end of each kind is, and how many ends are near."""
        endings = list({ending.key: ending for ending in self._sources()}.values())
        now = self._host.wall()
        nearest: dict[tuple[str, ...], float] = {}
        stages: dict[tuple[str, ...], float] = {
            (subject.value, stage.word): 0.0
            for subject in Subject
            for stage in Stage
            if stage is not Stage.FAR
        }
        for ending in endings:
            key, left = (ending.subject.value,), ending.ends_at - now
            nearest[key] = min(left, nearest.get(key, left))
            stage = self.stage(ending)
            if stage is not Stage.FAR:
                stages[ending.subject.value, stage.word] += 1
        return [
            gauges(
                "certificate_expiry_seconds",
                "Seconds until the first of them ends; below 0 when it has.",
                ("what",),
                nearest,
            ),
            gauges(
                "certificates_ending",
                "How many of them end soon, very soon, or have ended.",
                ("what", "stage"),
                stages,
            ),
        ]


def _duration(seconds: float) -> str:
    """Whole days, or hours, or minutes."""
    for size, word in ((DAY, "day"), (3600.0, "hour"), (60.0, "minute")):
        count = int(seconds // size)
        if count:
            return f"{count} {word}{'' if count == 1 else 's'}"
    return "less than a minute"
