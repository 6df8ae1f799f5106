"""Files that are chosen for a torrent when it is added, maybe before it is known which there are.

A choice is steps, one after the other: a word and the files it is for, none for all of them. As
text, so that the record of a magnet keeps it until the metadata is here.
"""

from __future__ import annotations

from p2pd.formats.file_layout import FileLayout
from p2pd.formats.magnet import Magnet
from p2pd.session.torrents.file_selection import FileSelection
from p2pd.session.torrents.torrent_requests import AddTorrent
from p2pd.state.records import Tiers

WANTED, UNWANTED, LOW, NORMAL, HIGH = "wanted", "unwanted", "low", "normal", "high"
_PRIORITIES = {LOW: -1, NORMAL: 0, HIGH: 1}


def choices_of(request: AddTorrent) -> Tiers:
    """What who adds a torrent says of its files: if only wanted ones are named, no others are."""
    steps: list[tuple[str, ...]] = []
    if request.files_wanted is not None and request.files_unwanted is None:
        steps.append((UNWANTED,))
    for word, indices in (
        (WANTED, request.files_wanted),
        (UNWANTED, request.files_unwanted),
        (LOW, request.priority_low),
        (NORMAL, request.priority_normal),
        (HIGH, request.priority_high),
    ):
        if indices:
            steps.append((word, *map(str, indices)))
    return tuple(steps)


def choose(selection: FileSelection, choices: Tiers, *, pass_over: bool = False) -> None:
    """Choose these files. Raises IndexError for one that is not there, or passes over it."""
    count = len(selection.levels)
    for word, *numbers in choices:
        files = [int(number) for number in numbers] if numbers else list(range(count))
        if pass_over:
            files = [index for index in files if index < count]
        if word in _PRIORITIES:
            selection.set_priority(files, _PRIORITIES[word])
        else:
            selection.set_wanted(files, word == WANTED)


def levels_of_magnet(layout: FileLayout, magnet: Magnet, choices: Tiers) -> bytes | None:
    """What the link selects (`so`, BEP 53), and then what was chosen besides; None for nothing.

    Files that are not there are passed over: who named them could not know.
    """
    if magnet.select_only is None and not choices:
        return None
    selection = FileSelection(layout)
    count = len(selection.levels)
    if magnet.select_only is not None:
        selection.set_wanted(range(count), False)
        for span in magnet.select_only:
            selection.set_wanted(range(span.start, min(span.stop, count)), True)
    choose(selection, choices, pass_over=True)
    return bytes(selection.levels)
