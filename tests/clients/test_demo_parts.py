"""The demo's own parts: its content, its comparing, its lines; the whole of it is `make demo`."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from p2pd.clients.demo_content import MIB, differences, file_sums, make_content
from p2pd.clients.demo_daemon import DemoDaemon, DemoError
from p2pd.clients.demo_progress import BarDisplay, LineDisplay, Report, display_on


def report(done, *, total=100 * MIB, finished=False):
    return Report("anna", done, total, 3 * MIB, 2, finished)


def test_the_content_has_the_size_that_was_asked_for(tmp_path):
    count = make_content(tmp_path / "content", 3 * MIB)
    files = [p for p in (tmp_path / "content").rglob("*") if p.is_file()]
    assert len(files) == count
    assert sum(p.stat().st_size for p in files) == 3 * MIB
    assert any(p.stat().st_size == 0 for p in files)


def test_content_is_random(tmp_path):
    make_content(tmp_path / "one", MIB)
    make_content(tmp_path / "two", MIB)
    one, two = file_sums(tmp_path / "one"), file_sums(tmp_path / "two")
    assert one.keys() == two.keys()
    assert one["film.bin"] != two["film.bin"]


def test_an_equal_copy_has_no_differences(tmp_path):
    make_content(tmp_path, MIB)
    assert differences(file_sums(tmp_path), file_sums(tmp_path)) == []


def test_differences_are_named():
    expected = {"same": "1", "lost": "2", "other": "3"}
    found = {"same": "1", "other": "4", "new": "5"}
    assert differences(expected, found) == [
        "'lost' is missing",
        "'new' should not be there",
        "'other' is different",
    ]


def test_a_folder_that_is_not_there_has_no_sums(tmp_path):
    assert file_sums(tmp_path / "nowhere") == {}


def test_percent_is_100_only_at_the_end():
    assert report(100 * MIB - 1).percent == 99
    assert report(100 * MIB).percent == 100
    assert report(0, total=0).percent == 0


def test_lines_come_now_and_then():
    output = io.StringIO()
    display = display_on(Console(file=output))
    assert isinstance(display, LineDisplay)
    with display.bars():
        for percent in range(101):
            display.show(report(percent * MIB))
    lines = output.getvalue().splitlines()
    assert len(lines) == 6
    assert lines[-1] == "    anna 100% of 100 MiB, 3.0 MiB/s, 2 peers"


def test_a_terminal_gets_bars():
    output = io.StringIO()
    display = display_on(Console(file=output, force_terminal=True, width=100))
    assert isinstance(display, BarDisplay)
    with display.bars():
        display.show(report(100 * MIB))
    assert "anna" in output.getvalue()
    assert "100.0/100.0 MiB" in output.getvalue()


def test_a_failure_carries_the_last_log_lines(tmp_path):
    daemon = DemoDaemon("anna", tmp_path)
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "log").write_text("".join(f"line {n}\n" for n in range(100)))
    words = str(DemoError("anna is lost", [daemon]))
    assert words.startswith("anna is lost\n--- the last log lines of anna:\nline 85\n")
    assert words.endswith("line 99")


def test_a_daemon_that_was_never_ready_says_so(tmp_path):
    with pytest.raises(DemoError, match="anna was never ready"):
        DemoDaemon("anna", tmp_path).uploaded()
