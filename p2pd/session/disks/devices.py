"""The devices that torrents are on, as the session sees them: threads, memory, and silence."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Sequence, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import DiskFaultError, StorageError
from p2pd.session.disks.disk_room import Answer, DiskRoom, RoomNeeded
from p2pd.session.disks.memory_budget import MemoryBudget, MemoryShare
from p2pd.storage.disk_queue import DiskQueue
from p2pd.storage.disks import Disks
from p2pd.storage.interfaces import Storage
from p2pd.storage.volumes import VolumeState

T = TypeVar("T")

UNKNOWN_DEVICE = -1
"""Where download folders cannot be looked at: they share one."""

SILENT_SECONDS = 10.0
"""A disk that has work and finished nothing for so long does not answer."""

FAULT_SECONDS = (1.0, 3.0, 9.0)
"""Before each further attempt at what a disk failed at."""

RETRY_SECONDS = 10.0
"""Between two attempts to write a piece to a full disk.

The attempt tells more than to ask for the room would: of quotas, and of blocks that a file has.
"""

LookAt = Callable[[str], VolumeState]
"""Asks about a folder, in a thread. Raises MissingError when it is not there."""

NO_ANSWER = "the disk does not answer"

Store = Callable[[int | None], None]
"""Stores so many of the pieces that wait for room, or all of them."""


class Device:
    """One device (`st_dev`): `silent` while it has work and does not answer, `full` if it was at a
    write.

    Who has pieces that did not fit keeps them, and is called when they may fit. Meanwhile no
    others are opened.
    """

    def __init__(
        self, number: int, queue: DiskQueue, memory: MemoryShare, room: DiskRoom, clock: Clock
    ) -> None:
        self._clock = clock
        self.number = number
        self.memory = memory
        self.room = room
        self.silent = False
        self.full = False
        self.pending = 0
        self._queue = queue
        self._moved = True
        self._moved_at = 0.0
        self._told = (False, False)
        self._impatient: dict[Deferred[Any], None] = {}
        self._without_room: dict[Store, None] = {}
        self._retry_at = 0.0

    def later(self, seconds: float, job: Callable[[], None]) -> DelayedCall:
        """Do something about it later, in the reactor's thread."""
        return self._clock.callLater(seconds, job)

    def run(self, kind: str, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run `job(*args)` in a thread of this device; see DiskQueue.run."""
        self.pending += 1
        return self._queue.run(kind, job, *args).addBoth(self._finished)

    def read(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Read in a thread; when the disk fails, again, a few times."""
        return self.run("read", job, *args).addErrback(self._read_again, FAULT_SECONDS, job, args)

    def _read_again(
        self,
        failure: Failure,
        pauses: tuple[float, ...],
        job: Callable[..., Any],
        args: tuple[Any, ...],
    ) -> Deferred[Any]:
        if not pauses or not failure.check(DiskFaultError):
            failure.raiseException()
        again: Deferred[Any] = Deferred()
        again.addCallback(lambda _: self.run("read", job, *args))
        again.addErrback(self._read_again, pauses[1:], job, args)
        self.later(pauses[0], lambda: again.callback(None))
        return again

    def while_answering(self, done: Deferred[T]) -> Deferred[T]:
        """The same, but a StorageError once the disk is silent: what was asked of it goes on."""
        answer: Deferred[T] = Deferred()

        def finished(result: Any) -> None:
            if answer in self._impatient:
                del self._impatient[answer]
                answer.callback(result)

        if self.silent:
            answer.errback(StorageError(NO_ANSWER))
        else:
            self._impatient[answer] = None
        done.addBoth(finished)
        return answer

    def look(self, now: float) -> bool:
        """See whether it gets on; whether that has changed."""
        if self._moved or not self.pending:
            self._moved, self._moved_at = False, now
        self.silent = now - self._moved_at >= SILENT_SECONDS
        if self.silent:
            waiting, self._impatient = self._impatient, {}
            for answer in waiting:
                answer.errback(StorageError(NO_ANSWER))
        self.memory.hold_up(self.silent or self.full)
        if self.full and now >= self._retry_at:
            self._retry(now)
        self.room.look(now)
        before, self._told = self._told, (self.silent, self.lacks_room)
        return self._told != before

    @property
    def lacks_room(self) -> bool:
        """Whether downloads wait for room."""
        return self.full or self.room.short

    def filled(self, store: Store) -> None:
        """A piece did not fit; `store` is to be called when it may."""
        self._without_room[store] = None
        self.full = True
        self.memory.hold_up(True)

    def has_room(self) -> None:
        """A piece was written: those that did not fit may fit now."""
        self.full = False
        self.memory.hold_up(self.silent)
        waiting, self._without_room = self._without_room, {}
        for store in waiting:
            store(None)

    def left(self, store: Store) -> None:
        """Whose pieces did not fit has gone elsewhere."""
        self._without_room.pop(store, None)
        if self.full and not self._without_room:
            self.has_room()  # nobody is left to find out

    def _retry(self, now: float) -> None:
        """One of those that wait tries one piece, each in its turn."""
        self._retry_at = now + RETRY_SECONDS
        store = next(iter(self._without_room))
        self._without_room[store] = self._without_room.pop(store)
        store(1)

    def _finished(self, result: T) -> T:
        self.pending -= 1
        self._moved = True
        return result


class Devices:
    """Devices by number, each made when the first torrent is found to be on it."""

    def __init__(
        self, disks: Disks, budget: MemoryBudget, clock: Clock, look_at: LookAt, keep_free: int
    ) -> None:
        """`keep_free` is in bytes, of each device."""
        self.keep_free = keep_free
        self._clock = clock
        self._look_at = look_at
        self._disks = disks
        self._budget = budget
        self._known: dict[int, Device] = {}

    def of(self, storage: Storage) -> Deferred[Device]:
        """The device of a torrent's files. Fires late, or never, if it does not answer."""
        found = self._disks.ask(("device", storage.root), storage.device)
        return found.addErrback(_unknown).addCallback(self._numbered)

    def __iter__(self) -> Iterator[Device]:
        return iter(list(self._known.values()))

    def tick(self, now: float) -> list[Device]:
        """Once a second: those that fell silent or full, or are well again."""
        self._budget.forget_wishes()
        return [device for device in self._known.values() if device.look(now)]

    def _numbered(self, number: int) -> Device:
        device = self._known.get(number)
        if device is None:
            queue, share = self._disks.on(number), self._budget.share()
            room = DiskRoom(share, self._ask, lambda: self.keep_free)
            device = Device(number, queue, share, room, self._clock)
            self._known[number] = device
        return device

    def _ask(
        self, folder: str, seekers: Sequence[tuple[RoomNeeded, Callable[[], bool]]]
    ) -> Deferred[Answer]:
        def look() -> Answer:
            return self._look_at(folder).free, {each: allocated() for each, allocated in seekers}

        return self._disks.ask(("space", folder), look)


def at_most(
    seconds: float, done: Deferred[T], clock: Clock
) -> tuple[Deferred[T | None], Deferred[Any]]:
    """What fires as `done`, or with None after so many seconds; and the rest of `done` then."""
    answer: Deferred[T | None] = Deferred()
    timer = clock.callLater(seconds, answer.callback, None)

    def finished(result: Any) -> Any:
        if not timer.active():
            return result
        timer.cancel()
        answer.callback(result)
        return None

    return answer, done.addBoth(finished)


def in_time(result: Deferred[T], seconds: float, clock: Clock) -> Deferred[T]:
    """The same, but a StorageError if the disk has not answered in so many seconds."""

    def too_late(_: object, after: float) -> T:
        raise StorageError(f"the disk did not answer within {after:.0f} seconds")

    return result.addTimeout(seconds, cast(Any, clock), too_late)


def _unknown(failure: Failure) -> int:
    failure.trap(StorageError)
    return UNKNOWN_DEVICE
