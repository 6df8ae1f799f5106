"""Which torrents have a name in common: a tag, a tracker. Knows which names to look at again."""

from __future__ import annotations

from collections.abc import Iterable


class Groups:
    """Members by name; a member may be under many names."""

    def __init__(self) -> None:
        self._members: dict[str, dict[str, None]] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self.changed: set[str] = set()
        """Names whose members are not as they were; for the reader to clear."""

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def members(self, name: str) -> list[str]:
        """Those under a name."""
        return list(self._members.get(name, ()))

    def put(self, member: str, names: Iterable[str]) -> None:
        """Have a member under these names and no others."""
        wanted, before = tuple(names), self._names.get(member, ())
        if wanted == before:
            return
        for name in set(before) - set(wanted):
            self.changed.add(name)
            members = self._members[name]
            del members[member]
            if not members:
                del self._members[name]
        for name in set(wanted) - set(before):
            self.changed.add(name)
            self._members.setdefault(name, {})[member] = None
        if wanted:
            self._names[member] = wanted
        else:
            self._names.pop(member, None)
