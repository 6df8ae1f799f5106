"""What a run counted, and the table that is printed of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

TARGETS = (
    "bytes lost",
    "pieces believed wrongly",
    "recorded pieces not on disk",
    "torrents forgotten",
    "torrents come back",
    "choices forgotten",
    "failed starts",
    "bytes asked for again",
    "wrong bytes sent",
    "bugs in the log",
    "growth",
    "files left behind",
    "others",
)
"""What must be 0."""


@dataclass
class Figures:
    """Counters by name, and a sentence for each time that something was not as it must be."""

    counts: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def count(self, name: str, more: int = 1) -> None:
        self.counts[name] += more

    def violation(self, target: str, sentence: str, more: int = 1) -> None:
        """Something that must never be."""
        assert target in TARGETS
        self.counts[target] += more
        self.violations.append(f"{target}: {sentence}")

    def losses(self) -> list[str]:
        """The violations by which something is lost or wrong, and not only left over."""
        return [each for each in self.violations if not each.startswith("files left behind")]

    def add(self, other: Figures) -> None:
        """What was counted elsewhere."""
        self.counts += other.counts
        self.violations += other.violations

    def table(self, injected: Counter[str]) -> str:
        """All of it, for people."""
        kills = ", ".join(f"{count} {name}" for name, count in self.kills.most_common())
        lines = [f"{'kills':32} {self.kills.total():>10}   ({kills})"]
        others = [name for name in self.counts if name not in TARGETS]
        lines += [f"{name:32} {self.counts[name]:>10,}" for name in sorted(others)]
        lines += [f"{'faults: ' + name:44} {n:>7,}" for name, n in sorted(injected.items()) if n]
        lines += [f"{name:32} {self.counts[name]:>10,}   (must be 0)" for name in TARGETS]
        return "\n".join(lines)
