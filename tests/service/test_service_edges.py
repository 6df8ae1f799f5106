"""Where the daemon meets its surroundings: HTTP ports, the log."""

from __future__ import annotations

import io
import socket
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactor
from twisted.logger import Logger, LogLevel, LogPublisher

from p2pd.base.errors import ConfigError
from p2pd.service.http_port import HttpPort
from p2pd.service.logging import LogLevelOf, log_observer
from p2pd.service.site_part import SitePart


@pytest.mark.parametrize("interface", ["127.0.0.1", ""])
def test_a_port_that_is_taken_is_named_with_its_key(interface: str) -> None:
    first = HttpPort("control.port", interface, 0)
    first.prepare()
    try:
        second = HttpPort("control.port", interface, first.port)
        with pytest.raises(ConfigError, match="another program listens there") as caught:
            second.prepare()
        assert str(caught.value).startswith(f"control.port: cannot listen on port {first.port} of ")
    finally:
        first.let_go()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match="this machine has no such address"):
        HttpPort("control.port", "192.0.2.1", 0).prepare()


@pytest.mark.parametrize(
    ("interface", "host"),
    [("", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"),
     ("10.1.2.3", "10.1.2.3")],
)  # fmt: skip
def test_the_url_reaches_it_from_this_machine(interface: str, host: str) -> None:
    assert HttpPort("x", interface, 1).url_host == host


def test_callers_wait_until_the_site_is_there() -> None:
    reactor: Any = MemoryReactor()
    port = HttpPort("control.port", "127.0.0.1", 0)
    part = SitePart("site", port, lambda: "factory", reactor, "site at {}".format)  # type: ignore[arg-type, return-value]
    part.prepare()
    with socket.create_connection(("127.0.0.1", port.port), timeout=1):
        assert part.describe() == f"site at 127.0.0.1:{port.port}"
    port.let_go()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port.port), timeout=1)


def lines_at(level: str) -> list[str]:
    output = io.StringIO()
    publisher = LogPublisher(log_observer(output, LogLevelOf(level)))
    ours = Logger(namespace="p2pd.session", observer=publisher)
    theirs = Logger(namespace="twisted.internet.tcp", observer=publisher)
    for logger in (ours, theirs):
        for each in (LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error):
            logger.emit(each, "{who} {name}", who=logger.namespace.split(".")[0], name=each.name)
    return [line.split(" ", 2)[2].strip() for line in output.getvalue().splitlines()]


def test_a_line_has_a_time_a_level_and_the_message() -> None:
    output = io.StringIO()
    logger = Logger(
        namespace="p2pd", observer=LogPublisher(log_observer(output, LogLevelOf("info")))
    )
    logger.info("hello {name}", name="you")
    date, time, level, message = output.getvalue().split(maxsplit=3)
    assert (len(date), len(time), level, message) == (10, 8, "info", "hello you\n")


def test_levels() -> None:
    assert lines_at("error") == ["error p2pd error", "error twisted error"]
    assert lines_at("warn")[0] == "warn  p2pd warn"
    assert len(lines_at("debug")) == 8


def test_twisted_is_heard_only_when_something_is_wrong() -> None:
    shown = [line for line in lines_at("info") if "twisted" in line]
    assert shown == ["warn  twisted warn", "error twisted error"]


def test_an_internal_error_comes_with_its_traceback() -> None:
    output = io.StringIO()
    logger = Logger(
        namespace="p2pd", observer=LogPublisher(log_observer(output, LogLevelOf("info")))
    )
    try:
        raise ZeroDivisionError("inner")
    except ZeroDivisionError:
        logger.failure("while doing {what}", what="this")
    assert "while doing this" in output.getvalue()
    assert "Traceback" in output.getvalue()
    assert "inner" in output.getvalue()
