"""What the daemon has answered, and must therefore know for ever.

A call that was not answered may have happened or not: then each of two values will do, until the
daemon is seen to have one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.torture.contents import Content

CHOICES = (
    "labels", "download_limit", "upload_limit", "peer_limit", "wanted", "priorities",
    "sequential_download", "download_dir", "paused",
)  # fmt: skip


@dataclass
class Maybe:
    """A value that is known, or one of several."""

    values: list[Any]

    @contextmanager
    def changing(self, value: Any) -> Iterator[None]:
        """While a call is under way that sets it, and for ever if that fails."""
        if value not in self.values:
            self.values.append(value)
        yield
        self.values = [value]

    def seen(self, value: Any) -> bool:
        """Whether this may be; if so, it is what counts from now on."""
        possible = value in self.values
        self.values = [value]
        return possible


@dataclass
class ExpectedTorrent:
    """One torrent: whether it is there, what was chosen for it, and what it was seen to have."""

    content: Content
    here: Maybe = field(default_factory=lambda: Maybe([False]))
    choices: dict[str, Maybe] = field(default_factory=dict)
    observed: set[int] = field(default_factory=set)
    """Pieces that it said it has, in this life."""
    moving_to: str | None = None
    """Where it is to be moved, which has been answered."""
    leftovers: set[Path] = field(default_factory=set)
    """Folders that may hold some of its files, though it is gone or elsewhere."""

    @property
    def is_here(self) -> bool:
        """Whether it is surely there."""
        return self.here.values == [True]

    @property
    def is_gone(self) -> bool:
        """Whether it is surely not there."""
        return self.here.values == [False]

    @property
    def folders(self) -> set[Path]:
        """Where it may be."""
        known = self.choices.get("download_dir", Maybe([])).values
        return {Path(folder) for folder in known}

    def chose(self, **values: Any) -> None:
        """It is seen to have these, or was added with them."""
        for name, value in values.items():
            self.choices[name] = Maybe([value])

    @contextmanager
    def changing(self, **values: Any) -> Iterator[None]:
        """While a call is under way that sets these. What was never seen may be anything."""
        for name, value in values.items():
            known = self.choices.get(name)
            if known is not None and value not in known.values:
                known.values.append(value)
        yield
        self.chose(**values)

    @contextmanager
    def removing(self, *, data: bool) -> Iterator[None]:
        """While a call is under way that removes it.

        Its data goes from where it is. Where it only may have been, what an earlier removal left
        there on purpose is there still.
        """
        earlier = set(self.leftovers)
        self.here = Maybe([True, False])
        self.leftovers |= self.folders
        self.observed = set()
        yield
        self.here = Maybe([False])
        if data:
            self.leftovers -= self.folders - earlier


@dataclass
class Expected:
    """All torrents of a run, and the session's settings."""

    torrents: dict[str, ExpectedTorrent]
    settings: dict[str, Maybe] = field(default_factory=dict)

    def here(self) -> list[ExpectedTorrent]:
        """Those that are surely there."""
        return [torrent for torrent in self.torrents.values() if torrent.is_here]

    def gone(self) -> list[ExpectedTorrent]:
        """Those that are surely not there."""
        return [torrent for torrent in self.torrents.values() if torrent.is_gone]


def choices_of(row: dict[str, Any]) -> dict[str, Any]:
    """What a row of torrent_get says that was chosen."""
    return {name: row["status"] == 0 if name == "paused" else row[name] for name in CHOICES}
