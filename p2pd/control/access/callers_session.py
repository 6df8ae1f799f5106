"""The session as the one who calls may see it: the one place where torrents are hidden.

Methods are handed this in the session's place. What it does not name is the session's own, and
takes torrents that were found here, or is for those who see all (`roles`); a test holds these two
kinds complete.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred

from p2pd.base.errors import P2pdError
from p2pd.control.access.caller import Caller, NotPermittedError, called_by, current_caller
from p2pd.control.access.callers_past import CallersEvents, CallersFollowing, CallersHistory
from p2pd.control.access.quotas import Quotas
from p2pd.session.api import (
    AddedTorrent,
    FreeSpace,
    SessionApi,
    SessionStatistics,
    SessionSummary,
    TorrentStatus,
    TorrentView,
)
from p2pd.session.creating.creation_api import CreateTorrent, CreatingApi, TaskView
from p2pd.session.follow_api import FollowApi
from p2pd.session.history_api import HistoryApi
from p2pd.session.importing.import_requests import ImportedTorrent, ImportTorrent
from p2pd.session.session_events import SessionEvents
from p2pd.session.settings.session_settings import OFF, SessionSettings
from p2pd.session.torrent_rules import first_with_folder
from p2pd.session.torrents.torrent_requests import AddTorrent, Candidate, TorrentChanges


class CallersSession:
    """A SessionApi for whoever `current_caller` is."""

    def __init__(self, api: SessionApi, quotas: Quotas | None = None) -> None:
        """`quotas` know what is just being added; one for all that add torrents."""
        self._api = api
        self._quotas = quotas or Quotas(api)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    # -- seeing --------------------------------------------------------------------------------

    @property
    def settings(self) -> SessionSettings:
        """The settings in force, with the caller's own folder."""
        settings, home = self._api.settings, self._home
        return replace(settings, download_dir=home) if home else settings

    @property
    def events(self) -> SessionEvents | CallersEvents:
        """What happens to torrents that the caller sees."""
        if current_caller().identity.sees_all:
            return self._api.events
        return CallersEvents(self._api, current_caller().identity)

    def follow(self, wake: Callable[[], object]) -> FollowApi:
        """What changes of them."""
        identity = current_caller().identity
        if identity.sees_all:
            return self._api.follow(wake)
        return CallersFollowing(self._api, identity, wake)

    @property
    def history(self) -> HistoryApi:
        """What happened to them in earlier times."""
        if current_caller().identity.sees_all:
            return self._api.history
        return CallersHistory(self._api, self.find)

    @property
    def creating(self) -> CreatingApi:
        """Torrents in the making, which are the caller's when they are added."""
        return CallersCreating(self._api.creating, current_caller(), self)

    def torrents(self) -> Iterable[TorrentView]:
        """Those that the caller sees."""
        return _seen(self._api.torrents())

    def find(self, key: int | str) -> TorrentView | None:
        """One of them."""
        found = self._api.find(key)
        return found if found is not None and _sees(found) else None

    def changed_since(self, wall_time: float) -> Iterable[TorrentView]:
        """Those of them that changed."""
        return _seen(self._api.changed_since(wall_time))

    def removed_since(
        self, wall_time: float, sees: Callable[[str, tuple[str, ...]], bool] | None = None
    ) -> list[int]:
        """Those that the caller saw."""
        identity = current_caller().identity
        if identity.sees_all:
            return self._api.removed_since(wall_time, sees)
        return self._api.removed_since(
            wall_time,
            lambda owner, labels: (
                identity.sees(owner, labels) and (sees is None or sees(owner, labels))
            ),
        )

    def summary(self) -> SessionSummary:
        """The session, or no more of it than what the caller's torrents do."""
        summary = self._api.summary()
        if current_caller().identity.sees_all:
            return summary
        torrents = list(self.torrents())
        active = sum(torrent.status is not TorrentStatus.STOPPED for torrent in torrents)
        totals = SessionStatistics(
            uploaded=sum(torrent.uploaded for torrent in torrents),
            downloaded=sum(torrent.downloaded for torrent in torrents),
            files_added=len(torrents),
            seconds_active=summary.this_run.seconds_active,
            session_count=1,
        )
        return replace(
            summary,
            torrents=len(torrents),
            active=active,
            paused=len(torrents) - active,
            rate_download=sum(torrent.rate_download for torrent in torrents),
            rate_upload=sum(torrent.rate_upload for torrent in torrents),
            this_run=totals,
            all_runs=totals,
        )

    async def free_space(self, path: str) -> FreeSpace:
        """Of the caller's folder, or any. Raises P2pdError."""
        self._check_folder(path)
        try:
            return await self._api.free_space(path)
        except P2pdError:
            if os.path.normpath(path) != self._home:
                raise
            # It is made when something is downloaded.
            return replace(await self._api.free_space(os.path.dirname(self._home)), path=path)

    # -- doing ---------------------------------------------------------------------------------

    async def add(self, request: AddTorrent) -> AddedTorrent:
        """Add it as the caller's. Raises as the session does, and NotPermittedError."""
        with self._quotas.reserved() as judge:
            return await self._api.add(self._as_callers(request, judge))

    async def import_torrent(self, request: ImportTorrent) -> ImportedTorrent:
        """The same of one that another program had."""
        if request.final_dir:
            self._check_folder(request.final_dir)
        with self._quotas.reserved() as judge:
            wanted = self._as_callers(request.add, judge)
            return await self._api.import_torrent(replace(request, add=wanted))

    async def start(self, torrent: TorrentView) -> None:
        """Run it, unless it has more than its user may have."""
        self._quotas.check_running(torrent)
        await self._api.start(torrent)

    async def start_now(self, torrent: TorrentView) -> None:
        """The same, whoever is before it."""
        self._quotas.check_running(torrent)
        await self._api.start_now(torrent)

    async def change(self, torrent: TorrentView, changes: TorrentChanges) -> None:
        """Change it; the labels that the caller's torrents have stay."""
        identity = current_caller().identity
        _check_shared(changes.queue_position, changes.bandwidth_group)
        if changes.labels is not None and identity.given_labels:
            stay = [label for label in torrent.labels if label in identity.given_labels]
            changes = replace(changes, labels=_united(changes.labels, stay))
        if changes.files_wanted is not None:
            self._quotas.check_files(torrent, await self._api.detailed(torrent), changes)
        await self._api.change(torrent, changes)

    async def set_location(self, torrent: TorrentView, folder: str, *, move: bool) -> None:
        """Have its files in a folder that is the caller's. Raises P2pdError."""
        self._check_folder(folder)
        await self._api.set_location(torrent, folder, move=move)

    @property
    def _home(self) -> str:
        """The caller's own folder; empty: the session's.

        Who does not see others' torrents gets no hold of their files by a torrent that has the same
        names: without a folder it is that of the user's label, for those who share it, or one below
        the session's, called as the user.
        """
        identity, settings = current_caller().identity, self._api.settings
        if identity.folder or not (identity.user and identity.is_restricted):
            return identity.folder
        label = first_with_folder(settings.label_rules, identity.shared_labels)
        if label is not None:
            return str(settings.label_rules[label]["download_dir"])
        return os.path.join(settings.download_dir, identity.user)

    def _as_callers(self, request: AddTorrent, judge: Callable[[Candidate], None]) -> AddTorrent:
        identity = current_caller().identity
        _check_shared(request.queue_position, request.bandwidth_group or None)
        if request.download_dir is not None:
            self._check_folder(request.download_dir)

        def judged(candidate: Candidate) -> None:
            # By any of its hashes: one that is made up beside another's says nothing.
            ids = candidate.info_hashes.wire_ids
            here = [found for found in map(self._api.find, map(bytes.hex, ids)) if found]
            if not all(map(_sees, here)):
                raise NotPermittedError("this torrent is here already, and another user's")
            if not here:
                judge(candidate)

        return replace(
            request,
            owner=identity.user,
            judge=judged,
            labels=_united(request.labels, identity.given_labels),
            # Where others' data is, nobody learns who does not see it.
            find_data=request.find_data if identity.sees_all and not identity.is_kept_in else OFF,
            download_dir=request.download_dir or self._home or None,
            apart=identity.user if self._home else "",
        )

    def _check_folder(self, folder: str) -> None:
        identity = current_caller().identity
        if not identity.is_kept_in:
            return
        root = os.path.normpath(self._home or self._api.settings.download_dir)
        if os.path.commonpath([root, os.path.normpath(folder)]) != root:
            raise NotPermittedError(f"{folder[:200]} is not in {root}, where your torrents belong")


class CallersCreating:
    """Torrents in the making, of who sees all torrents."""

    def __init__(self, creating: CreatingApi, caller: Caller, session: CallersSession) -> None:
        self._creating = creating
        self._caller = caller
        self._session = session

    async def create(self, request: CreateTorrent) -> int:
        """Begin one. What was made is added as the caller's, under the quotas."""
        if request.add:  # what will be refused then is not begun
            self._session._check_folder(os.path.dirname(request.path))
            self._session._quotas.check_room()
        return await self._creating.create(replace(request, take_in=self._take_in))

    async def _take_in(self, request: ImportTorrent) -> ImportedTorrent:
        adding = self._session.import_torrent(request)
        return await called_by(self._caller, Deferred.fromCoroutine, adding)

    def tasks(self) -> Sequence[TaskView]:
        """All of them."""
        return self._creating.tasks()

    def cancel(self, number: int) -> bool:
        """End one, whoever began it."""
        return self._creating.cancel(number)


def _check_shared(queue_position: int | None, group: str | None) -> None:
    """What one torrent is given of these, others go without. Raises NotPermittedError."""
    asked = queue_position is not None or group is not None
    if asked and not current_caller().identity.sees_all:
        raise NotPermittedError("the queue and groups are for who sees all torrents")


def _sees(torrent: TorrentView) -> bool:
    return current_caller().identity.sees(torrent.owner, torrent.labels)


def _seen(torrents: Iterable[TorrentView]) -> Iterable[TorrentView]:
    if current_caller().identity.sees_all:
        return torrents
    return [torrent for torrent in torrents if _sees(torrent)]


def _united(labels: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*labels, *more)))
