"""What may happen to torrents, in the words of the control API (docs/api.rst, Events)."""

from __future__ import annotations

KINDS = (
    "added", "back", "certificate", "checked", "done", "error", "idle_reached", "labels",
    "metadata", "missing", "moved", "ratio_reached", "removed", "started", "stopped",
    "time_reached",
)  # fmt: skip
