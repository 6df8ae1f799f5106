"""How long answers take (as RFC 6298 measures it), and so when a question is slow, or lost."""

from __future__ import annotations

LEAST_SLOW, MOST_SLOW = 0.3, 2.5
LEAST_LOST, MOST_LOST = 2.0, 8.0


class RoundTrips:
    """The smoothed round trip of all nodes, and how much it varies; seconds."""

    __slots__ = ("smoothed", "variation")

    def __init__(self) -> None:
        self.smoothed = 0.0
        self.variation = 0.0

    def took(self, seconds: float) -> None:
        """A question was answered after so long."""
        if not self.smoothed:
            self.smoothed, self.variation = seconds, seconds / 2
            return
        self.variation += (abs(seconds - self.smoothed) - self.variation) / 16
        self.smoothed += (seconds - self.smoothed) / 32

    def slow_after(self, known: float = 0.0) -> float:
        """When to ask somebody else beside; `known` is what this node took before."""
        if not self.smoothed:
            return 1.0
        usual = self.smoothed + 4 * self.variation
        return min(max(usual, 2 * known, LEAST_SLOW), MOST_SLOW)

    def lost_after(self, known: float = 0.0) -> float:
        """When to give a node up."""
        return min(max(4 * self.slow_after(known), LEAST_LOST), MOST_LOST)
