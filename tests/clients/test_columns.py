"""Columns of text, and which torrents a small screen shows."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from p2pd.clients.cli.watch import busiest
from p2pd.clients.columns import Columns


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    table = Columns("Id>", "Name", "Last")
    table.add_row("1", "a", "x")
    table.add_row("100", "\u6620\u753b", "y", style="red")
    assert [line.text for line in table.lines()] == [
        " Id  Name  Last",
        "  1  a     x",
        "100  \u6620\u753b  y",
    ]
    assert [line.style for line in table.lines()] == ["bold", "", "red"]


def test_lines_fit_a_terminal() -> None:
    table = Columns("Name")
    table.add_row("\u6620\u753b" * 10)
    assert all(cell_len(line.text) <= 7 for line in table.lines(7))
    assert table.lines(7)[1].text.endswith("\N{HORIZONTAL ELLIPSIS}")
    uncut = Columns("", "", cut=False)
    uncut.add_row("Magnet", "x" * 50)
    assert [line.text for line in uncut.lines(7)] == ["Magnet  " + "x" * 50]


def test_columns_that_matter_less_go_before_the_last_is_cut() -> None:
    table = Columns("Id>", "Size>", "Ratio>", "Name", spare=("Ratio", "Absent", "Size"))
    table.add_row("1", "10.0 GiB", "1.00", "n" * 40)
    headings = [table.lines(width)[0].text.split() for width in (100, 45, 40, 30)]
    assert headings == [
        ["Id", "Size", "Ratio", "Name"],
        ["Id", "Size", "Ratio", "Name"],
        ["Id", "Size", "Name"],
        ["Id", "Name"],
    ]
    assert all(cell_len(line.text) <= 36 for line in table.lines(30))
    bare = Columns("Id>", "", "Name")
    bare.add_row("1", "", "a")
    assert bare.lines()[1].text == " 1  a"


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="2 cells for 1"):
        Columns("Name").add_row("a", "b")


def test_a_small_screen_shows_what_moves() -> None:
    torrents = [
        {"id": number, "rate_download": rate, "rate_upload": 0}
        for number, rate in enumerate((0, 5, 0, 9, 1))
    ]
    assert [torrent["id"] for torrent in busiest(torrents, 3)] == [1, 3, 4]
    assert busiest(torrents, 5) == torrents
