"""A table of any length on the screen: only lines that are seen are made, and drawn if changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from p2pd.clients.top.cells import Column, Row, fitting, shaped

HEADING_LINES = 1
MARGIN = (" ", "")


@lru_cache(maxsize=512)
def style_of(words: str) -> Style:
    """A style by its words."""
    return Style.parse(words) if words else Style.null()


class Grid(ScrollView, can_focus=True):
    """Rows under headings, with a cursor that stays with its row wherever the row goes.

    A row is known by its key; `row` makes its cells when they are about to be seen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(False)", "First", show=False),
        Binding("end", "edge(True)", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {"grid--heading", "grid--cursor", "grid--cursor-away"}

    DEFAULT_CSS = """
    Grid { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }
    """

    class Moved(Message):
        """The cursor is at another row, or at none."""

        def __init__(self, grid: Grid, key: int | None) -> None:
            super().__init__()
            self.grid, self.key = grid, key

        @property
        def control(self) -> Grid:
            """The grid."""
            return self.grid

    class Chosen(Moved):
        """Enter was pressed at a row, or it was clicked twice."""

    class Sorted(Message):
        """A heading was clicked."""

        def __init__(self, grid: Grid, column: str) -> None:
            super().__init__()
            self.grid, self.column = grid, column

        @property
        def control(self) -> Grid:
            """The grid."""
            return self.grid

    def __init__(
        self, columns: Sequence[Column], row: Callable[[int], Row], *, id: str, empty: str = ""
    ) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._row = row
        self._keys: Sequence[int] = ()
        self._cursor = 0
        self._cursor_key: int | None = None
        self._drawn: dict[int, Row] = {}
        self._sorted_by: tuple[str, bool] | None = None
        self.empty = empty

    @property
    def key(self) -> int | None:
        """The key of the row at the cursor."""
        return self._cursor_key

    def show(self, keys: Sequence[int], sorted_by: tuple[str, bool] | None = None) -> None:
        """Show these rows; what of them is seen and changed is drawn."""
        headings_changed = sorted_by != self._sorted_by
        count_changed = len(keys) != len(self._keys)
        self._keys, self._sorted_by = keys, sorted_by
        if count_changed:
            self.virtual_size = Size(0, len(keys) + HEADING_LINES)
        self._follow()
        if headings_changed or count_changed:
            self._drawn.clear()
            self.refresh()
        else:
            self._refresh_changed()

    def _follow(self) -> None:
        """Have the cursor where its row went; a row that is gone leaves it where it was."""
        keys, before = self._keys, self._cursor_key
        if self._cursor >= len(keys) or keys[self._cursor] != before:
            if before is not None and before in keys:
                at = keys.index(before)
                self._scroll_along(self._cursor, at)
                self._cursor = at
            self._cursor = max(0, min(self._cursor, len(keys) - 1))
        self._cursor_key = keys[self._cursor] if keys else None
        if self._cursor_key != before:
            self.post_message(self.Moved(self, self._cursor_key))

    def _scroll_along(self, before: int, now: int) -> None:
        """The cursor's row stays where the eye is; but who sees the first rows goes on to."""
        top, rows = self.scroll_offset.y, self._visible_rows()
        if not top <= before < top + rows:
            return
        new = now - (before - top) if top else max(0, now - rows + 1)
        if new != top:
            self.scroll_to(y=max(0, new), animate=False)

    def _visible_rows(self) -> int:
        return max(1, self.scrollable_content_region.height - HEADING_LINES)

    def _refresh_changed(self) -> None:
        top = self.scroll_offset.y
        for line in range(HEADING_LINES, self.size.height):
            index = top + line - HEADING_LINES
            row = self._row_at(index)
            if self._drawn.get(line) != self._marked(index, row):
                self.refresh(Region(0, line, self.size.width, 1))

    def _row_at(self, index: int) -> Row | None:
        return self._row(self._keys[index]) if index < len(self._keys) else None

    def _marked(self, index: int, row: Row | None) -> Row | None:
        """A row as it is drawn, which at the cursor is another way."""
        if row is None:
            return None
        return row._replace(style=f"cursor {row.style}") if index == self._cursor else row

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.scrollable_content_region.width
        if y < HEADING_LINES:
            return self._heading(width)
        index = self.scroll_offset.y + y - HEADING_LINES
        row = self._marked(index, self._row_at(index))
        if row is None:
            self._drawn.pop(y, None)
            words = self.empty if not self._keys and y == HEADING_LINES else ""
            return self._strip([(f" {words}", "#737aa2")], width, self.rich_style)
        self._drawn[y] = row
        return self._row_strip(row, width)

    def _heading(self, width: int) -> Strip:
        pieces = [MARGIN]
        for column, cells in fitting(self._columns, width - len(MARGIN[0])):
            text = column.heading
            if self._sorted_by and self._sorted_by[0] == column.key:
                text += "▼" if self._sorted_by[1] else "▲"
            pieces += [*shaped(((text, ""),), cells, column.right), (" ", "")]
        style = self.get_component_rich_style("grid--heading")
        return self._strip(pieces, width, style)

    def _row_strip(self, row: Row, width: int) -> Strip:
        at_cursor = row.style.startswith("cursor ")
        style = self.rich_style + style_of(row.style.removeprefix("cursor "))
        if at_cursor:
            name = "grid--cursor" if self.has_focus else "grid--cursor-away"
            style += self.get_component_rich_style(name, partial=True)
        by_key = {column.key: at for at, column in enumerate(self._columns)}
        pieces = [MARGIN]
        for column, cells in fitting(self._columns, width - len(MARGIN[0])):
            pieces += [*shaped(row.cells[by_key[column.key]], cells, column.right), (" ", "")]
        return self._strip(pieces, width, style)

    def _strip(self, pieces: list[tuple[str, str]], width: int, style: Style) -> Strip:
        segments = [Segment(text, style + style_of(words)) for text, words in pieces if text]
        return Strip(segments).adjust_cell_length(width, style)

    def move_to(self, index: int) -> None:
        """Have the cursor at a row, and the row in sight."""
        if not self._keys:
            return
        self._cursor = max(0, min(index, len(self._keys) - 1))
        key, self._cursor_key = self._cursor_key, self._keys[self._cursor]
        top, rows = self.scroll_offset.y, self._visible_rows()
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + rows:
            self.scroll_to(y=self._cursor - rows + 1, animate=False)
        self._refresh_changed()
        if key != self._cursor_key:
            self.post_message(self.Moved(self, self._cursor_key))

    def action_move(self, rows: int) -> None:
        """Up or down."""
        self.move_to(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        """A screen up or down."""
        self.move_to(self._cursor + pages * self._visible_rows())

    def action_edge(self, last: bool) -> None:
        """To the first or the last."""
        self.move_to(len(self._keys) - 1 if last else 0)

    def action_choose(self) -> None:
        """What Enter does."""
        if self._cursor_key is not None:
            self.post_message(self.Chosen(self, self._cursor_key))

    def on_focus(self) -> None:
        """The cursor looks another way."""
        self.refresh()

    def on_blur(self) -> None:
        """The cursor looks another way."""
        self.refresh()

    def on_resize(self) -> None:
        """Everything is somewhere else; the cursor stays in sight."""
        self._drawn.clear()
        if self._keys:
            self.move_to(self._cursor)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other rows are seen."""
        super().watch_scroll_y(old_value, new_value)
        self._drawn.clear()
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A heading sorts, a row has the cursor; twice chooses it."""
        if event.y < HEADING_LINES:
            if column := self._column_at(event.x):
                self.post_message(self.Sorted(self, column))
            return
        index = self.scroll_offset.y + event.y - HEADING_LINES
        if index < len(self._keys):
            self.move_to(index)
            if event.chain == 2:
                self.action_choose()

    def _column_at(self, x: int) -> str | None:
        left = len(MARGIN[0])
        width = self.scrollable_content_region.width - left
        for column, cells in fitting(self._columns, width):
            left += cells + 1
            if x < left:
                return column.key
        return None
