"""Who is at the other end of a call.

The gate says who it is, once for each request; whatever is done for the request knows it from then
on (`current_caller`), also after it waited. Where nobody said it, it is nobody.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from p2pd.base.errors import P2pdError
from p2pd.control.access.roles import Need, Role, permits

T = TypeVar("T")


class NotPermittedError(P2pdError):
    """The caller may not do that; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, or a key of one, with what they may see and have."""

    user: str
    role: Role
    key: str = ""
    """The key's name, when it came with one."""
    folder: str = ""
    """Where downloads go, and nowhere else; empty: the session's folder, or one in it."""
    own_only: bool = False
    labels: tuple[str, ...] = ()
    """What is added gets them; torrents with one of them are seen."""
    key_labels: tuple[str, ...] = ()
    """Of what the user sees, the key shows what has one of these."""
    most_torrents: int | None = None
    most_bytes: int | None = None

    @property
    def sees_all(self) -> bool:
        """Whether no torrent is hidden from it."""
        return not (self._only_own or self.labels or self.key_labels)

    def sees(self, owner: str, labels: Collection[str]) -> bool:
        """Whether it sees a torrent of this user with these labels."""
        if self.key_labels and not set(self.key_labels) & set(labels):
            return False
        if (self.user and owner == self.user) or not (self._only_own or self.labels):
            return True
        return not self._only_own and bool(set(self.labels) & set(labels))

    def permits(self, need: Need) -> bool:
        """Whether it may."""
        return permits(self.role, need, sees_all=self.sees_all)

    @property
    def given_labels(self) -> tuple[str, ...]:
        """What its torrents have for certain."""
        return tuple(dict.fromkeys((*self.labels, *self.key_labels)))

    @property
    def is_restricted(self) -> bool:
        """Whether others' torrents are hidden from the user, whatever the key hides besides."""
        add_only = self.role is Role.ADD_ONLY and not self.key
        return self.own_only or bool(self.labels) or add_only

    @property
    def shared_labels(self) -> tuple[str, ...]:
        """Whose torrents are seen, whoever's they are."""
        return () if self._only_own else self.labels

    @property
    def is_kept_in(self) -> bool:
        """Whether its data goes to one folder, and it may look nowhere else on this host."""
        return bool(self.folder) or not self.sees_all

    @property
    def _only_own(self) -> bool:
        return self.own_only or self.role is Role.ADD_ONLY


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and from where."""

    identity: Identity
    address: str = ""
    """An IP address, or which user of this host it is."""
    base_url: str = ""
    """What the API's paths are below, as the caller sees them; empty: not known."""


OWNER = "p2pd"
"""Who has the control token: the first admin, who cannot be removed."""

NOBODY = Caller(Identity("", Role.READ_ONLY, own_only=True))
"""Sees no torrent."""

_current: contextvars.ContextVar[Caller] = contextvars.ContextVar("caller", default=NOBODY)


def current_caller() -> Caller:
    """Who is called for."""
    return _current.get()


def called_by(caller: Caller, work: Callable[..., T], *args: Any) -> T:
    """Do something for a caller: all that is begun meanwhile is done for it, to its end."""
    context = contextvars.copy_context()
    context.run(_current.set, caller)
    return context.run(work, *args)
