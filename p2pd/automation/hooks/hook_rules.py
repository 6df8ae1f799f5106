"""A hook: what is done on which events, and of which torrents. No input or output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Collection, Sequence

from p2pd.automation.refusals import RefusedError
from p2pd.session.session_events import EventKind

COMMAND, WEBHOOK = "command", "webhook"
KINDS = (COMMAND, WEBHOOK)
EVENTS = tuple(str(kind) for kind in EventKind)
TEST = "test"
"""What happens when a hook is tried out."""

USUAL_SECONDS = 300
MOST_ARGUMENTS = 100
LONGEST_ARGUMENT = 4096
REACHED = (EventKind.RATIO_REACHED, EventKind.TIME_REACHED, EventKind.IDLE_REACHED)
"""The ends of seeding, as Transmission's ``done_seeding``."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook as its user set it."""

    name: str
    kind: str
    enabled: bool = True
    events: tuple[str, ...] = ()
    """None: all."""
    labels: tuple[str, ...] = ()
    """One of these has to be there; none: any torrent."""
    trackers: tuple[str, ...] = ()
    """Hosts, or the ends of their names; none: any torrent."""
    command: tuple[str, ...] = ()
    """The program and its arguments; no shell sees it."""
    seconds: int = USUAL_SECONDS
    """After which a command is ended."""
    url: str = ""
    secret: str = field(default="", repr=False)
    """With which bodies are signed; empty: they are not."""

    def is_for(self, event: str) -> bool:
        """Whether it is for that, of some torrents."""
        return self.enabled and (not self.events or event in self.events)

    def wants(self, labels: Collection[str], hosts: Collection[str]) -> bool:
        """Whether it is for a torrent with these labels and tracker hosts."""
        return (not self.labels or bool(set(self.labels) & set(labels))) and (
            not self.trackers or any(_is_of(x, y) for x in hosts for y in self.trackers)
        )


def check_hook(hook: Hook) -> None:
    """Raise RefusedError for what makes no sense together."""
    if hook.kind == COMMAND:
        if hook.url or hook.secret:
            raise RefusedError("a command has no url and no secret")
        check_command(hook.command)
    elif hook.command:
        raise RefusedError("a webhook has no command")
    elif not hook.url:
        raise RefusedError("a webhook needs a url")


def check_command(command: Sequence[str]) -> None:
    """Raise RefusedError for what is no program with its arguments."""
    if not command or not command[0].startswith("/"):
        raise RefusedError("a command begins with the absolute path of a program")
    if len(command) > MOST_ARGUMENTS or any(len(each) > LONGEST_ARGUMENT for each in command):
        raise RefusedError(
            f"a command has {MOST_ARGUMENTS} arguments of {LONGEST_ARGUMENT} letters at most"
        )


def _is_of(host: str, wanted: str) -> bool:
    name = wanted.lower()
    return host == name or host.endswith(f".{name}")
