"""What must hold after every kill: looked at on disk before the start, and then asked over RPC."""

from __future__ import annotations

import base64
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from peers.processes import wait_until

from tests.torture.contents import Content
from tests.torture.daemon import TorturedDaemon
from tests.torture.expected import CHOICES, Expected, ExpectedTorrent, Maybe, choices_of
from tests.torture.figures import Figures
from tests.torture.swarm import Seed

CHECKING = (1, 2)
CHECK_SECONDS = 40
REMOVAL_SECONDS = 5
DAMAGE = "malformed"
"""What SQLite says of a file that does not hold what was written."""

BUGS = ("Traceback", "Unhandled", "Segmentation fault")


class Checks:
    """Compares a daemon and its folders with what is expected of it."""

    def __init__(
        self, daemon: TorturedDaemon, expected: Expected, seed: Seed, figures: Figures
    ) -> None:
        self._daemon = daemon
        self._expected = expected
        self._seed = seed
        self._figures = figures
        self._recorded: dict[str, set[int]] = {}
        self._log_read = 0
        self._harmed = False

    def database_damaged(self) -> None:
        """It was harmed on purpose: what is not kept beside it may be lost, and it may say so."""
        self._harmed = True
        self._expected.settings.clear()
        for torrent in self._expected.torrents.values():
            if torrent.moving_to is not None or len(torrent.folders) > 1:
                torrent.leftovers.update(self._daemon.volumes)
                torrent.moving_to = None

    # -- before the start ----------------------------------------------------------------------

    def look_at_disk(self) -> None:
        """What the database says is had must be on disk, whatever was lost."""
        self._recorded = {}
        for hash_string, folder, pieces in self._rows():
            torrent = self._expected.torrents[hash_string]
            if pieces is None or not torrent.is_here:
                continue
            content = torrent.content
            recorded = _from_bits(pieces, content.piece_count)
            missing = recorded - content.right_pieces(Path(folder))
            self._figures.count("recorded pieces checked", len(recorded))
            if missing:
                self._figures.violation(
                    "recorded pieces not on disk",
                    f"{content.name}: {sorted(missing)} in {folder}",
                    len(missing),
                )
            self._recorded[hash_string] = recorded - missing

    def _rows(self) -> list[tuple[str, str, bytes | None]]:
        """Hash, folder and recorded pieces of each torrent, read from a copy."""
        copy = self._daemon.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for journal in ("", "-wal"):
            path = self._daemon.state_folder / f"state.db{journal}"
            if path.exists():
                shutil.copy(path, copy)
        try:
            with closing(sqlite3.connect(copy / "state.db")) as connection:
                rows = connection.execute(
                    "SELECT hash_v1, hash_v2, download_dir, pieces FROM torrents"
                ).fetchall()
        except sqlite3.Error:
            # It was harmed, or has no tables yet.
            self._figures.count("databases that could not be read between lives")
            return []
        return [((v1 or v2[:20]).hex(), folder, pieces) for v1, v2, folder, pieces in rows]

    # -- after the start -----------------------------------------------------------------------

    def look_at_daemon(self, *, power_cut: bool) -> None:
        """Everything that was answered is still so, and nothing wrong is believed."""
        self._settings()
        rows = self._checked_rows()
        for hash_string, torrent in self._expected.torrents.items():
            row = rows.get(hash_string)
            if not torrent.here.seen(row is not None):
                if row is None:
                    self._figures.violation("torrents forgotten", torrent.content.name)
                else:
                    self._figures.violation("torrents come back", torrent.content.name)
            if row is None:
                torrent.observed = set()
                self._seed.forget(torrent.content)
            else:
                self._choices(torrent, row)
                self._pieces(torrent, row, power_cut=power_cut)
            self._nowhere_else(torrent, row, power_cut=power_cut)
        self.look_at_log()

    def _checked_rows(self) -> dict[str, dict[str, Any]]:
        fields = ["status", "pieces", "error_string", "move", *(set(CHOICES) - {"paused"})]

        def settled() -> dict[str, dict[str, Any]] | None:
            rows = self._daemon.rows(*fields)
            moving = any(row["status"] in (*CHECKING, 3, 5) for row in rows.values())
            return None if moving else (rows or {"": {}})

        rows = wait_until(settled, CHECK_SECONDS, "end of checks", details=self._daemon.log_tail)
        rows.pop("", None)
        return rows

    def _settings(self) -> None:
        known = self._expected.settings
        found = self._daemon.call("session_get", fields=list(known))
        for name, maybe in known.items():
            before = list(maybe.values)
            if not maybe.seen(found[name]):
                sentence = f"{name} is {found[name]}, not {before}"
                self._figures.violation("choices forgotten", sentence)

    def _choices(self, torrent: ExpectedTorrent, row: dict[str, Any]) -> None:
        choices = choices_of(row)
        for name, value in choices.items():
            before = torrent.choices.get(name)
            if before is not None and value not in before.values:
                self._forgotten(torrent, row, f"{name} is {value}, not {before.values}")
        if row["move"] is not None:
            moving = {*torrent.folders, Path(row["move"]["location"])}
            torrent.choices["download_dir"] = Maybe([str(folder) for folder in moving])
            del choices["download_dir"]
        elif torrent.moving_to not in (None, choices["download_dir"]):
            self._forgotten(torrent, row, f"the move to {torrent.moving_to}")
        else:
            self._figures.count("moves ended", int(torrent.moving_to is not None))
            torrent.moving_to = None
        torrent.chose(**choices)

    def _forgotten(self, torrent: ExpectedTorrent, row: dict[str, Any], what: str) -> None:
        sentence = f"{torrent.content.name}: {what} ({row['error_string']})"
        self._figures.violation("choices forgotten", sentence)

    def _pieces(self, torrent: ExpectedTorrent, row: dict[str, Any], *, power_cut: bool) -> None:
        content = torrent.content
        folder, had, right = self._on_disk(content, row)
        while row["move"] is not None and had - right:
            # Its files may have been switched between the answer and the look.
            row = self._daemon.rows("pieces", "download_dir", "move", "error_string")[
                content.hash_string
            ]
            folder, had, right = self._on_disk(content, row)
        self._figures.count("pieces checked", len(had))
        if had - right:
            self._figures.violation(
                "pieces believed wrongly",
                f"{content.name}: {sorted(had - right)} in {folder}",
                len(had - right),
            )
            # Once is enough to tell of it.
            self._daemon.call("torrent_verify", ids=[content.hash_string])
            had = set()
            self._recorded.pop(content.hash_string, None)
            torrent.observed = set()
        must = set(self._recorded.get(content.hash_string, ()))
        if not power_cut:
            must |= torrent.observed
        self._figures.count("verified pieces still had", len(must & had))
        self._figures.count("pieces found that no record had", len(had - must))
        lost = must - had
        if lost:
            there = "right on disk" if lost <= right else "not right on disk"
            self._figures.violation(
                "bytes lost",
                f"{content.name}: {sorted(lost)}, {there} ({row['error_string']})",
                sum(content.layout.piece_size(piece) for piece in lost),
            )
        torrent.observed = had
        self._seed.had(content, had)

    def _on_disk(self, content: Content, row: dict[str, Any]) -> tuple[Path, set[int], set[int]]:
        """Where it says it is, what it says it has, and what is right there."""
        folder = Path(row["download_dir"])
        had = _from_bits(base64.b64decode(row["pieces"]), content.piece_count)
        return folder, had, content.right_pieces(folder)

    def _nowhere_else(
        self, torrent: ExpectedTorrent, row: dict[str, Any] | None, *, power_cut: bool
    ) -> None:
        """What was removed with its data, or moved, left nothing behind."""
        if row is not None and row["move"] is not None:
            if power_cut:  # what came back of earlier moves is not told from this one's
                torrent.leftovers.update(self._daemon.volumes)
            return
        here = None if row is None else Path(row["download_dir"])
        for folder in set(self._daemon.volumes) - torrent.leftovers:
            traces = self._lasting_traces(torrent.content, folder, of_moves_only=folder == here)
            if not traces:
                continue
            torrent.leftovers.add(folder)
            if power_cut:  # it took the removal of a name
                self._figures.count("power cuts: torrents with old files come back")
            else:
                left = [f"{each} of {time.ctime(each.lstat().st_ctime)}" for each in traces]
                sentence = f"{torrent.content.name} left {left}"
                self._figures.violation("files left behind", sentence)

    def _lasting_traces(self, content: Content, folder: Path, *, of_moves_only: bool) -> list[Path]:
        """What is left in a folder, also when the daemon had time to remove it."""
        deadline = time.monotonic() + REMOVAL_SECONDS
        while traces := content.traces_below(folder, of_moves_only=of_moves_only):
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        return traces

    def tidy(self) -> None:
        """Remove what torrents left where they are no more, as a user might."""
        for torrent in self._expected.torrents.values():
            if len(torrent.folders) < 2 or torrent.is_gone:
                for folder in set(torrent.leftovers):
                    here = torrent.is_here and folder in torrent.folders
                    self._daemon.note(torrent.content.name, "is removed by hand from", folder)
                    torrent.content.remove_below(folder, of_moves_only=here)
                    torrent.leftovers.discard(folder)

    def look_at_log(self) -> None:
        """No error that is a bug of p2pd's."""
        text = (self._daemon.folder / "p2pd.log").read_bytes()
        news, self._log_read = text[self._log_read :].decode(errors="replace"), len(text)
        for line in news.splitlines():
            if any(bug in line for bug in BUGS) or (DAMAGE in line and not self._harmed):
                self._figures.violation("bugs in the log", line)
        self._harmed = False

    # -- while it runs -------------------------------------------------------------------------

    def observe(self) -> None:
        """Note what it says it has, for after the next kill."""
        rows = self._daemon.rows("pieces")
        for hash_string, row in rows.items():
            torrent = self._expected.torrents[hash_string]
            pieces = base64.b64decode(row["pieces"])
            torrent.observed = _from_bits(pieces, torrent.content.piece_count)


def whole_everywhere(expected: Expected, figures: Figures) -> None:
    """At the end every torrent is complete, in one place."""
    for torrent in expected.here():
        content, folder = torrent.content, Path(torrent.choices["download_dir"].values[0])
        figures.count("bytes of whole torrents at the end", content.size)
        if not content.is_whole(folder):
            figures.violation("bytes lost", f"{content.name} is not whole at the end", content.size)


def _from_bits(bits: bytes, count: int) -> set[int]:
    return {piece for piece in range(count) if bits[piece // 8] & (0x80 >> piece % 8)}
