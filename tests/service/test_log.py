"""The log: what is written, how a line looks, and that nobody ever waits for it."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel, LogPublisher

from p2pd.base.errors import ConfigError
from p2pd.service.checks import namespace_levels
from p2pd.service.config import LoggingSection, config_of
from p2pd.service.log_lines import journal_line, json_line, line_for, text_line
from p2pd.service.log_output import LogOutput, rotating_file
from p2pd.service.logging import Log

AT = 1_700_000_000.25


def event(text: str, level: LogLevel = LogLevel.info, **parts: Any) -> dict[str, Any]:
    return {
        "log_format": text, "log_level": level, "log_time": AT, "log_namespace": "p2pd.session",
        "log_logger": None, "log_source": None, **parts,
    }  # fmt: skip


def logged(chosen: LoggingSection, tell: Any) -> str:
    """What a log writes of what `tell` says with a publisher."""
    output = io.StringIO()
    log = Log(chosen, output)
    assert log.observer is not None
    tell(LogPublisher(log.observer))
    log.drain()
    return output.getvalue()


def lines_at(level: str, *levels: str) -> list[str]:
    def tell(publisher: LogPublisher) -> None:
        for namespace in ("p2pd.session", "twisted.internet.tcp"):
            logger = Logger(namespace=namespace, observer=publisher)
            for each in (LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error):
                logger.emit(each, "{who} {name}", who=namespace.split(".")[0], name=each.name)

    shown = logged(LoggingSection(level=level, levels=levels), tell)
    return [line.split(" ", 2)[2].strip() for line in shown.splitlines()]


# -- which -------------------------------------------------------------------------------------


def test_levels() -> None:
    assert lines_at("error") == ["error p2pd error", "error twisted error"]
    assert lines_at("warn")[0] == "warn  p2pd warn"
    assert len(lines_at("debug")) == 8


def test_twisted_is_heard_only_when_something_is_wrong() -> None:
    shown = [line for line in lines_at("info") if "twisted" in line]
    assert shown == ["warn  twisted warn", "error twisted error"]


def test_parts_of_the_daemon_may_have_levels_of_their_own() -> None:
    assert lines_at("error", "p2pd=debug")[0] == "debug p2pd debug"
    assert lines_at("debug", "p2pd.session=error", "twisted=error") == lines_at("error")


@pytest.mark.parametrize(
    "value", ["p2pd=debug", ["p2pd"], ["p2pd=loud"], ["=info"], ["a b=info"], [5], ["p2pd.=info"]]
)
def test_what_names_no_level_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="NAMESPACE=LEVEL"):
        namespace_levels(value)


def test_levels_change_while_it_runs() -> None:
    output = io.StringIO()
    log = Log(LoggingSection(), output)
    assert log.observer is not None
    logger = Logger(namespace="p2pd.session", observer=LogPublisher(log.observer))
    config = config_of({("logging", "levels"): ("p2pd.session=error",)})
    assert log.reconfigure(config, [("peers", "port")]) == {}
    logger.info("heard")
    assert log.reconfigure(config, [("logging", "levels")]) == {("logging", "levels"): ""}
    logger.info("not heard")
    log.drain()
    assert output.getvalue().count("heard") == 1


# -- lines -------------------------------------------------------------------------------------


def test_a_line_has_a_time_a_level_and_the_message() -> None:
    line = text_line(event("hello {name}", name="you"))
    assert line is not None
    date, time, level, message = line.split(maxsplit=3)
    assert (len(date), len(time), level, message) == (10, 8, "info", "hello you\n")


def test_the_journal_is_told_how_bad_it_is() -> None:
    assert journal_line(event("hello")) == "<6>hello\n"
    assert journal_line(event("oh", LogLevel.error)) == "<3>oh\n"


def test_a_program_gets_an_object_with_the_parts() -> None:
    line = json_line(event("{name}: {count} of {kind}", name="a", count=5, kind=object))
    assert line is not None
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "info",
        "namespace": "p2pd.session",
        "message": "a: 5 of <class 'object'>",
        "parts": {"name": "a", "count": 5},
    }


@pytest.mark.parametrize("format", ["text", "journal", "json"])
def test_an_internal_error_comes_with_its_traceback(format: str) -> None:
    def tell(publisher: LogPublisher) -> None:
        try:
            raise ZeroDivisionError("inner")
        except ZeroDivisionError:
            Logger(namespace="p2pd", observer=publisher).failure("while doing {what}", what="this")

    shown = logged(LoggingSection(format=format), tell)
    for part in ("while doing this", "Traceback", "inner"):
        assert part in shown
    if format == "journal":
        assert all(line.startswith("<2>") for line in shown.splitlines())
    if format == "json":
        assert len(shown.splitlines()) == 1


@given(st.text())
def test_whatever_a_name_holds_a_message_is_one_line(name: str) -> None:
    said = event("{name}: complete", name=name)
    for line_of in (text_line, journal_line, json_line):
        line = line_of(said)
        assert line is not None
        assert line[-1] == "\n"
        assert line[:-1].isprintable()


def test_the_journal_is_known_by_its_device_and_inode(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w") as stream:
        found = os.fstat(stream.fileno())
        journal = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert line_for("auto", stream, journal) is journal_line
        assert line_for("text", stream, journal) is text_line
        assert line_for("auto", stream, {"JOURNAL_STREAM": "1:2"}) is text_line
    assert line_for("auto", io.StringIO(), journal) is text_line


# -- where to ----------------------------------------------------------------------------------


class StuckOutput(io.StringIO):
    """Takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def write(self, text: str) -> int:
        self.gate.wait(10)
        return super().write(text)


def test_who_logs_never_waits_and_what_is_lost_is_said() -> None:
    stuck = StuckOutput()
    output = LogOutput(stuck, waiting=3)
    for number in range(8):
        output.write(f"{number}\n")
    output.drain(0.01)
    assert stuck.getvalue() == ""
    stuck.gate.set()
    output.drain(10)
    lost = re.findall(r"lines lost here: (\d+); the log was not taken", stuck.getvalue())
    assert sum(map(int, lost)) == 5
    lines = stuck.getvalue().splitlines()
    assert [line for line in lines if "lost" not in line] == ["0", "1", "2"]


def test_a_log_that_cannot_be_written_ends_nothing() -> None:
    closed = io.StringIO()
    closed.close()
    output = LogOutput(closed)
    output.write("nobody reads this\n")
    output.drain(10)


def test_a_file_is_for_its_owner_and_has_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "p2pd.log"
    output = LogOutput(rotating_file(str(path), 1, 2))
    for _ in range(50):
        output.write("x" * 100_000 + "\n")
    output.drain(10)
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "p2pd.log", "p2pd.log.1", "p2pd.log.2",
    ]  # fmt: skip
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in tmp_path.iterdir())
    assert all(each.stat().st_size <= 1.2 * 2**20 for each in tmp_path.iterdir())


def test_a_file_that_was_moved_away_is_begun_anew_at_a_reload(tmp_path: Path) -> None:
    path = tmp_path / "p2pd.log"
    log = Log(LoggingSection(), rotating_file(str(path), 1, 2))
    assert log.observer is not None
    logger = Logger(namespace="p2pd", observer=LogPublisher(log.observer))
    logger.info("first")
    log.drain(10)
    path.rename(tmp_path / "old")
    log.reconfigure(config_of({}), [])
    logger.info("second")
    log.drain(10)
    assert "second" in path.read_text()
    assert "first" in (tmp_path / "old").read_text()
