"""What clients do to the daemon of a run: one random act after the other, over the control API."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from typing import Any

from peers.http_calls import RpcError

from tests.torture.daemon import TorturedDaemon
from tests.torture.expected import Expected, ExpectedTorrent, Maybe
from tests.torture.figures import Figures
from tests.torture.swarm import Leechers, Seed

INTERNAL_ERROR = -32603
SETTINGS: dict[str, Callable[[random.Random], Any]] = {
    "peer_limit_global": lambda rng: rng.randint(200, 400),
    "speed_limit_up": lambda rng: rng.randint(1, 9999),
    "upload_slots": lambda rng: rng.randint(1, 9),
    "start_added_torrents": lambda rng: rng.random() < 0.5,
}
CHANGES: dict[str, Callable[[random.Random], Any]] = {
    "labels": lambda rng: sorted({f"label {rng.randint(1, 9)}" for _ in range(rng.randint(0, 3))}),
    "download_limit": lambda rng: rng.randint(1, 99_999),
    "upload_limit": lambda rng: rng.randint(1, 99_999),
    "peer_limit": lambda rng: rng.randint(1, 200),
    "sequential_download": lambda rng: rng.random() < 0.5,
}


class Workload:
    """Acts, and what they make of the expectations."""

    def __init__(
        self,
        daemon: TorturedDaemon,
        expected: Expected,
        seed: Seed,
        leechers: Leechers,
        figures: Figures,
        rng: random.Random,
    ) -> None:
        self._daemon = daemon
        self._expected = expected
        self._seed = seed
        self._leechers = leechers
        self._figures = figures
        self._rng = rng
        self._acts: list[tuple[int, Callable[[], None]]] = [
            (8, self._add),
            (8, self._feed),
            (4, self._leech),
            (2, self._start),
            (2, self._stop),
            (2, self._verify),
            (3, self._change),
            (2, self._select),
            (2, self._set),
            (3, self._move),
            (2, self._remove),
        ]

    def act(self) -> None:
        """One of them. Raises OSError when the daemon has ended; a refusal is no error."""
        weights = [weight for weight, _ in self._acts]
        _, act = self._rng.choices(self._acts, weights)[0]
        try:
            act()
            self._figures.count("acts answered")
        except RpcError as refusal:
            self._figures.count("acts refused")
            if refusal.code == INTERNAL_ERROR:
                self._figures.violation("bugs in the log", str(refusal))

    def feed_all(self) -> None:
        """Have every torrent dial the seed."""
        for torrent in self._expected.here():
            self._daemon.feed(torrent.content, self._seed)

    def complete_all(self) -> None:
        """Have every torrent fetch all of its files."""
        for torrent in self._expected.here():
            ids = [torrent.content.hash_string]
            count = sum(not file.pad for file in torrent.content.layout.files)
            self._daemon.call("torrent_set", ids=ids, files_wanted=[])
            self._daemon.call("torrent_start", ids=ids)
            torrent.chose(wanted=[True] * count, paused=False)
            self._daemon.feed(torrent.content, self._seed)

    # -- acts ----------------------------------------------------------------------------------

    def _any(self) -> ExpectedTorrent | None:
        here = self._expected.here()
        return self._rng.choice(here) if here else None

    def _add(self) -> None:
        gone = self._expected.gone()
        if not gone:
            return
        rng, torrent = self._rng, self._rng.choice(gone)
        folder = rng.choice(self._daemon.volumes)
        count = sum(not file.pad for file in torrent.content.layout.files)
        unwanted = sorted(rng.sample(range(count), rng.randint(0, count - 1)))
        if rng.random() < 0.6:
            unwanted = []
        labels, paused = CHANGES["labels"](rng), rng.random() < 0.15
        torrent.choices, torrent.moving_to = {}, None
        torrent.leftovers.add(folder)
        torrent.here = Maybe([False, True])
        torrent.observed = set()
        self._daemon.note(torrent.content.name, "torrent_add", folder, f"paused={paused}")
        self._daemon.call(
            "torrent_add",
            metainfo=base64.b64encode(torrent.content.torrent).decode(),
            download_dir=str(folder),
            labels=labels,
            paused=paused,
            files_unwanted=unwanted,
        )
        wanted = [index not in unwanted for index in range(count)]
        torrent.here = Maybe([True])
        torrent.leftovers.discard(folder)
        torrent.chose(download_dir=str(folder), labels=labels, paused=paused, wanted=wanted)
        self._daemon.feed(torrent.content, self._seed)

    def _feed(self) -> None:
        if torrent := self._any():
            self._daemon.feed(torrent.content, self._seed)

    def _leech(self) -> None:
        if torrent := self._any():
            self._leechers.leech(torrent.content, self._daemon)

    def _start(self) -> None:
        if torrent := self._any():
            with torrent.changing(paused=False):
                self._call("torrent_start", torrent)
            self._daemon.feed(torrent.content, self._seed)

    def _stop(self) -> None:
        if torrent := self._any():
            with torrent.changing(paused=True):
                self._call("torrent_stop", torrent)

    def _verify(self) -> None:
        if torrent := self._any():
            # A check believes nothing until it is over, and a kill cuts it off.
            self._call("torrent_verify", torrent)

    def _change(self) -> None:
        if torrent := self._any():
            name = self._rng.choice(sorted(CHANGES))
            value = CHANGES[name](self._rng)
            with torrent.changing(**{name: value}):
                self._call("torrent_set", torrent, **{name: value})

    def _select(self) -> None:
        if torrent := self._any():
            known = torrent.choices.get("wanted", Maybe([])).values
            if len(known) != 1 or not known[0]:
                return
            wanted = list(known[0])
            index = self._rng.randrange(len(wanted))
            wanted[index] = not wanted[index]
            name = "files_wanted" if wanted[index] else "files_unwanted"
            with torrent.changing(wanted=wanted):
                self._call("torrent_set", torrent, **{name: [index]})

    def _set(self) -> None:
        name = self._rng.choice(sorted(SETTINGS))
        value = SETTINGS[name](self._rng)
        known = self._expected.settings.setdefault(
            name, Maybe([self._daemon.call("session_get", fields=[name])[name]])
        )
        with known.changing(value):
            self._daemon.call("session_set", **{name: value})

    def _move(self) -> None:
        torrent = self._any()
        if torrent is None or "download_dir" not in torrent.choices:
            return
        folder = self._rng.choice(self._daemon.volumes)
        known, before = torrent.choices["download_dir"], torrent.moving_to
        if str(folder) in (*known.values, before):
            # To ask again is to have it end there: what cannot be removed now is left.
            torrent.leftovers |= torrent.folders - {folder}
        known.values = list({*known.values, str(folder)})
        torrent.moving_to = None
        try:
            self._call("torrent_set_location", torrent, location=str(folder), move=True)
        except RpcError:
            torrent.moving_to = before
            raise
        torrent.moving_to = str(folder)
        self._figures.count("moves begun")

    def _remove(self) -> None:
        torrent = self._any()
        if torrent is None or len(self._expected.here()) < 4:
            return
        delete = self._rng.random() < 0.75
        with torrent.removing(data=delete):
            self._call("torrent_remove", torrent, delete_local_data=delete)
        self._seed.forget(torrent.content)

    def _call(self, method: str, torrent: ExpectedTorrent, **params: Any) -> None:
        self._daemon.note(torrent.content.name, method, *params.items())
        self._daemon.call(method, ids=[torrent.content.hash_string], **params)
