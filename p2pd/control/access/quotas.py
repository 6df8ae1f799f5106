"""How much a user may have here: torrents, and bytes of the files that are wanted of them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from p2pd.control.access.caller import Identity, NotPermittedError, current_caller
from p2pd.session.api import FileView, SessionApi, TorrentView
from p2pd.session.torrents.torrent_requests import Candidate, TorrentChanges

Judge = Callable[[Candidate], None]


class Quotas:
    """Held against what there is, and what is being added at this moment."""

    def __init__(self, api: SessionApi) -> None:
        self._api = api
        self._torrents: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    @contextlib.contextmanager
    def reserved(self) -> Iterator[Judge]:
        """While a torrent of the caller's is added: what judges whether it may be.

        What it let pass counts from then on, until the torrent itself counts.
        """
        identity = current_caller().identity
        taken: list[int] = []

        def judge(candidate: Candidate) -> None:
            wanted = candidate.wanted or 0
            self._check_count(identity, 1)
            # Of a link it is not known: there has to be room at least.
            self._check_bytes(identity, max(wanted, 1))
            if not taken:
                taken.append(wanted)
                self._torrents[identity.user] += 1
                self._bytes[identity.user] += wanted

        try:
            yield judge
        finally:
            for wanted in taken:
                self._torrents[identity.user] -= 1
                self._bytes[identity.user] -= wanted

    def check_room(self) -> None:
        """Whether the caller may have one torrent more, of whatever size."""
        identity = current_caller().identity
        self._check_count(identity, 1)
        self._check_bytes(identity, 1)

    def check_running(self, torrent: TorrentView) -> None:
        """Whether the caller may run it: a link may have turned out bigger than there is room."""
        identity = current_caller().identity
        if torrent.owner == identity.user and torrent.left_until_done:
            self._check_bytes(identity, 0)

    def are_exceeded(self, identity: Identity) -> bool:
        """Whether somebody has more bytes than may be."""
        most = identity.most_bytes
        return most is not None and self._used(identity.user) > most

    def check_files(
        self, torrent: TorrentView, detailed: TorrentView, changes: TorrentChanges
    ) -> None:
        """Whether the caller may want these files of a torrent."""
        identity = current_caller().identity
        if torrent.owner != identity.user or identity.most_bytes is None:
            return
        wanted = _wanted_after(detailed.files(), changes)
        self._check_bytes(identity, wanted - torrent.size_when_done)

    def _check_count(self, identity: Identity, more: int) -> None:
        most = identity.most_torrents
        if most is not None and self._count(identity.user) + more > most:
            raise NotPermittedError(f"{identity.user} may have {_torrents(most)}, and has them")

    def _check_bytes(self, identity: Identity, more: int) -> None:
        most = identity.most_bytes
        if most is None:
            return
        used = self._used(identity.user)
        if more >= 0 and used + more > most:
            also = f"; this is {more} more" if more > 1 else ""
            raise NotPermittedError(f"{identity.user} may have {most} bytes, and has {used}{also}")

    def _count(self, user: str) -> int:
        return sum(1 for _ in self._of(user)) + self._torrents[user]

    def _used(self, user: str) -> int:
        return sum(torrent.size_when_done for torrent in self._of(user)) + self._bytes[user]

    def _of(self, user: str) -> Iterable[TorrentView]:
        return (torrent for torrent in self._api.torrents() if torrent.owner == user)


def _wanted_after(files: list[FileView], changes: TorrentChanges) -> int:
    """At most so many bytes are wanted then; an empty list of files stands for all."""
    everything = range(len(files))
    wanted = {file.index for file in files if file.wanted}
    if changes.files_unwanted is not None:
        wanted -= set(changes.files_unwanted or everything)
    if changes.files_wanted is not None:
        wanted |= set(changes.files_wanted or everything)
    return sum(file.length for file in files if file.index in wanted)


def _torrents(count: int) -> str:
    return f"{count} torrent{'' if count == 1 else 's'}"
