"""What every command of p2pctl shares: the options, the API client, the console, the errors."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click
from rich.console import Console

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import (
    DEFAULT_URL,
    ApiClient,
    CannotConnectError,
    Door,
    HttpTransport,
    JsonObject,
    Transport,
)
from p2pd.clients.columns import Columns, Line
from p2pd.clients.credentials import find_token, token_in
from p2pd.clients.key_file import kept_key
from p2pd.clients.text import plain

PIPE_WIDTH = 1000
"""Columns when the output is no terminal: nothing is cut off for whoever reads it."""

HURRIED_SECONDS = 1.0
"""How long somebody who pressed Tab waits at most."""

ANSI = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
Command = TypeVar("Command", bound=Callable[..., Any])


class TooLateError(P2pdError):
    """What was waited for did not happen in the time that was given."""


class FailedError(click.ClickException):
    """The command failed: one sentence on stderr, exit status 1."""

    exit_code = 1

    def __init__(self, sentence: str) -> None:
        super().__init__(plain(sentence))


class NoDaemonError(FailedError):
    """Nobody answers: exit status 3."""

    exit_code = 3


class LateError(FailedError):
    """Not done in the time given: exit status 4."""

    exit_code = 4


def _hurried_transport(url: str) -> Transport:
    return HttpTransport(url, HURRIED_SECONDS)


@dataclass
class Invocation:
    """One run of p2pctl; tests put their own transport, clock and sleep in."""

    url: str = DEFAULT_URL
    token: str | None = field(default=None, repr=False)
    state_dir: str | None = None
    as_json: bool = False
    connect: Callable[[str], Transport] = HttpTransport
    connect_hurriedly: Callable[[str], Transport] = _hurried_transport
    door: Callable[[str], Door] = HttpTransport
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    @functools.cached_property
    def client(self) -> ApiClient:
        """The client, made when the options are all known."""
        return ApiClient(self.connect(self.url), self.token_found)

    @functools.cached_property
    def console(self) -> Console:
        """Where tables and bars go. Names are never read as markup."""
        width = None if sys.stdout.isatty() else PIPE_WIDTH
        return Console(file=sys.stdout, markup=False, highlight=False, emoji=False, width=width)

    @property
    def ascii_only(self) -> bool:
        """Whether the output has no letters to draw with."""
        return not self.console.encoding.lower().startswith("utf")

    def hurried_client(self) -> ApiClient:
        """A client that gives up soon. Raises P2pdError when there is no token."""
        return ApiClient(self.connect_hurriedly(self.url), self.token_found)

    def show(self, table: Columns) -> None:
        """A table; on a terminal no wider than it, and in colours unless there is NO_COLOR."""
        width = self.console.width if self.console.is_terminal else None
        coloured = self.console.is_terminal and not self.console.no_color
        # Written at once: ten thousand lines are one call of the system's then, not as many.
        click.echo("".join(_painted(line, coloured) for line in table.lines(width)), nl=False)

    def warn(self, sentence: str) -> None:
        """A line on stderr, beside whatever is answered."""
        click.echo(plain(sentence), err=True)

    def show_rows(
        self, rows: list[JsonObject], table: Callable[[list[JsonObject]], Columns], nothing: str
    ) -> None:
        """Rows as a table, or the sentence that there are none; as they are with --json."""
        if self.as_json:
            self.tell(rows)
        elif rows:
            self.show(table(rows))
        else:
            self.say(nothing)

    def say(self, sentence: str) -> None:
        """A line for people; nothing with --json."""
        if not self.as_json:
            click.echo(plain(sentence))

    def tell(self, value: object) -> None:
        """One JSON value on a line of its own."""
        click.echo(json.dumps(value))

    @functools.cached_property
    def token_found(self) -> str | None:
        """What was given, kept by `p2pctl login`, or is in the state folder. Raises P2pdError."""
        if self.token is not None:
            return self.token
        if self.state_dir is not None:
            return token_in(self.state_dir)
        if (kept := kept_key(self.environ, self.url)) is not None:
            return kept
        return find_token(self.environ, is_root=os.geteuid() == 0)


def has_person() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)


def _painted(line: Line, coloured: bool) -> str:
    if coloured and line.style:
        return f"\x1b[{ANSI[line.style]}m{line.text}\x1b[0m\n"
    return f"{line.text}\n"


@contextmanager
def in_words() -> Iterator[None]:
    """Turn the errors that are raised on purpose into what click prints."""
    try:
        yield
    except CannotConnectError as error:
        raise NoDaemonError(str(error)) from None
    except TooLateError as error:
        raise LateError(str(error)) from None
    except P2pdError as error:
        raise FailedError(str(error)) from None


def _remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    invocation = context.ensure_object(Invocation)
    if value is not None and value is not False:
        setattr(invocation, str(option.name), value)


def json_option(command: Command) -> Command:
    """Only ``--json``, for commands that ask no daemon."""
    option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.", **_REMEMBERED)
    return option(command)


def api_options(command: Command) -> Command:
    """The options that every command takes."""
    return _options(command, from_environment=False)


def program_options(command: Command) -> Command:
    """The same before the command's name; only there the environment counts, or it would win."""
    return _options(command, from_environment=True)


_REMEMBERED: dict[str, Any] = {"expose_value": False, "callback": _remember}


def _options(command: Command, *, from_environment: bool) -> Command:
    def name(variable: str) -> str | None:
        return variable if from_environment else None

    token_help = (
        "The control token, or another key [that of login, or the one in the state folder]."
    )
    decorators = (
        click.option(
            "--state-dir",
            type=click.Path(),
            envvar=name("P2PCTL_STATE_DIR"),
            help="The daemon's state folder.",
            **_REMEMBERED,
        ),
        click.option("--token", envvar=name("P2PCTL_TOKEN"), help=token_help, **_REMEMBERED),
        click.option(
            "--url",
            envvar=name("P2PCTL_URL"),
            help=f"Where the control API is [{DEFAULT_URL}].",
            **_REMEMBERED,
        ),
    )
    command = json_option(command)
    for decorate in decorators:
        command = decorate(command)
    return command
