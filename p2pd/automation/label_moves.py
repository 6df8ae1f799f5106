"""Moves torrents to where their labels want them, when they get another label (rule_books.py)."""

from __future__ import annotations

from typing import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pd.automation.rule_books import wanted_folder
from p2pd.base.errors import P2pdError
from p2pd.session.api import SessionApi
from p2pd.session.session_events import EventKind, TorrentEvent
from p2pd.session.torrent_rules import first_with_folder


class LabelMoves:
    """Listens to one session."""

    log = Logger()

    def __init__(self, api: SessionApi) -> None:
        self._api = api
        self._deafen: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin."""
        self._deafen = self._api.events.listen(self._heard)

    def stop(self) -> None:
        """Begin no more moves; those that were begun go on."""
        self._deafen()

    def _heard(self, event: TorrentEvent) -> None:
        if event.kind != EventKind.LABELS:
            return
        rules, labels = self._api.settings.label_rules, event.detail["labels"]
        if first_with_folder(rules, labels) == first_with_folder(rules, event.detail["before"]):
            return  # wherever it is, another label is no reason to move it
        torrent = self._api.find(event.torrent_id)
        folder = None if torrent is None else wanted_folder(self._api, torrent)
        if torrent is None or folder is None:
            return
        moving = Deferred.fromCoroutine(self._api.set_location(torrent, folder, move=True))
        moving.addErrback(self._failed, torrent.name, folder)

    def _failed(self, failure: Failure, name: str, folder: str) -> None:
        if failure.check(P2pdError):
            self.log.error(
                "{name}: its label wants it in {folder}: {problem}",
                name=name, folder=folder, problem=failure.getErrorMessage(),
            )  # fmt: skip
        else:
            self.log.failure("the labels of {name}: internal error", failure, name=name)
