"""How a row of a list is written: as a whole, or what lasts of it so that it can be kept.

Of torrents at rest thousands are in the same state, and show the same but for who they are. For
each state there is one template, with all in it that is the same; what is left is read many at a
time (follow_api.ReaderApi). That is a fifth of what it takes to ask each torrent for each field.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple

from p2pd.control.answers import dumps
from p2pd.control.methods.column import Column, Getter, Shown
from p2pd.session.api import TorrentView
from p2pd.session.follow_api import FollowingApi

MOST_STATES = 64
"""Of which there are templates: words of trackers make more of them, and then all begin anew."""

_BREAK = "\0"
"""Between stretches: no JSON has it."""


class Stretches(NamedTuple):
    """What lasts of a row of which not all does."""

    texts: tuple[bytes, ...]
    passing: tuple[Getter, ...]
    """How to ask for what is between them."""

    def filled(self, torrent: TorrentView, now: float) -> bytes:
        """The row, with those values asked for that do not last."""
        texts = [self.texts[0]]
        for get, stretch in zip(self.passing, self.texts[1:], strict=True):
            texts += (json_text(get(torrent, now)).encode("ascii"), stretch)
        return b"".join(texts)


KeptRow = bytes | Stretches


class RowForm:
    """The columns of a list, each row an array or an object of them."""

    def __init__(
        self, columns: Sequence[Column], *, table: bool = False, sorts: bool = True
    ) -> None:
        """`sorts`: an object's members may stand in any order, so what lasts is one stretch."""
        if sorts and not table:
            columns = sorted(columns, key=lambda column: not column.lasts)
        self.keeps = any(column.lasts for column in columns)
        self.table = table
        self.columns = columns

    def whole(self, torrent: TorrentView, now: float) -> bytes:
        """The row, all of it asked for."""
        if self.table:
            return dumps([column.get(torrent, now) for column in self.columns])
        return dumps({column.name: column.get(torrent, now) for column in self.columns})


class RestingRows:
    """Makes what can be kept of the rows of torrents at rest."""

    def __init__(self, form: RowForm, api: FollowingApi) -> None:
        self._form = form
        self._api = api
        self._templates: dict[Hashable, _Template] = {}
        self._slots = _Slots(form.columns)
        self._reader = api.reader_at_rest(self._slots.attributes)

    def clear(self) -> None:
        """Settings may have changed that show in all of them."""
        self._templates.clear()

    def row(self, torrent: TorrentView, now: float) -> KeptRow | None:
        """None: the torrent does anything."""
        found = self._reader.read(torrent)
        if found is None:
            return None
        state, values = found
        template = self._templates.get(state)
        at_rest = None
        if template is None or self._slots.asked:
            at_rest = self._api.at_rest(torrent)
            if at_rest is None:
                return None
        if template is None:
            assert at_rest is not None
            if len(self._templates) >= MOST_STATES:
                self._templates.clear()
            template = self._templates[state] = _template(self._form, at_rest, now)
        return template.row(self._slots.texts(values, at_rest, now))


class _Template(NamedTuple):
    """The rows of all torrents in the same state: `text` has a place for each slot."""

    text: str
    passing: tuple[Getter, ...]

    def row(self, texts: list[str | int]) -> KeptRow:
        text = (self.text % tuple(texts)).encode("ascii")
        if not self.passing:
            return text
        return Stretches(tuple(text.split(_BREAK.encode())), self.passing)


def _template(form: RowForm, torrent: TorrentView, now: float) -> _Template:
    """Made of the first torrent that is in a state."""
    passing, members = list[Getter](), list[str]()
    for column in form.columns:
        if _is_slot(column):
            text = "%s"
        elif column.lasts or (column.stays is not None and column.stays(torrent)):
            text = json_text(column.get(torrent, now)).replace("%", "%%")
        else:
            text = _BREAK
            passing.append(column.get)
        name = "" if form.table else json_text(column.name).replace("%", "%%") + ":"
        members.append(name + text)
    begin, end = "[]" if form.table else "{}"
    return _Template(begin + ",".join(members) + end, tuple(passing))


def _is_slot(column: Column) -> bool:
    """Whether it lasts, and is each torrent's own."""
    return column.lasts and not column.shared


class _Slots:
    """What is each torrent's own in its row. `attributes` are to be read, in this order."""

    def __init__(self, columns: Sequence[Column]) -> None:
        slots = [column.get for column in columns if _is_slot(column)]
        places = dict[str, int]()
        self._of = [_place(places, get) for get in slots]
        self._made: list[tuple[int, Callable[[Any], Any]]] = []
        self._joined: list[tuple[int, Callable[..., Any], list[int]]] = []
        self.asked: list[tuple[int, Getter]] = []
        """Where there is what no attribute tells alone."""
        for position, get in enumerate(slots):
            if not isinstance(get, Shown):
                self.asked.append((position, get))
            elif get.show is not None and len(get.attributes) == 1:
                self._made.append((position, get.show))
            elif get.show is not None:
                of = [places.setdefault(each, len(places)) for each in get.attributes]
                self._joined.append((position, get.show, of))
        self.attributes = [*places]

    def texts(
        self, values: tuple[Any, ...], at_rest: TorrentView | None, now: float
    ) -> list[str | int]:
        """What goes into the slots of a template."""
        shown = [values[place] for place in self._of]
        for position, make in self._made:
            shown[position] = make(shown[position])
        for position, show, of in self._joined:
            shown[position] = show(*[values[place] for place in of])
        if at_rest is not None:
            for position, get in self.asked:
                shown[position] = get(at_rest, now)
        # Most are whole numbers, and these are written as they are.
        return [value if type(value) is int else _TEXTS[type(value)](value) for value in shown]


def _place(places: dict[str, int], get: Getter) -> int:
    """Where what a slot shows, or its first part, is among the attributes: each is read once."""
    return places.setdefault(get.attributes[0] if isinstance(get, Shown) else "id", len(places))


def json_text(value: object) -> str:
    """As `dumps` has it, and sooner for what fields mostly are."""
    return _TEXTS[type(value)](value)


def _dumped(value: object) -> str:
    return dumps(value).decode("ascii")


def _of_float(value: float) -> str:
    return repr(value) if value - value == 0 else _dumped(value)


class _Texts(dict[type, Callable[[Any], str]]):
    def __missing__(self, kind: type) -> Callable[[Any], str]:
        return _dumped


_TEXTS = _Texts(
    {
        int: int.__repr__,
        str: encode_basestring_ascii,
        float: _of_float,
        bool: ("false", "true").__getitem__,
        tuple: lambda value: _dumped(value) if value else "[]",
        list: lambda value: _dumped(value) if value else "[]",
    }
)
