"""A daemon that answers what the full-screen view asks."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def stats() -> dict[str, Any]:
    return {
        "active_torrent_count": 1, "torrent_count": 3, "download_speed": 2048, "upload_speed": 0
    }  # fmt: skip


@pytest.fixture
def settings() -> dict[str, Any]:
    return {
        "alt_speed_enabled": True, "download_dir": "/d", "download_dir_free_space": 1024,
        "speed_limit_down": 100, "speed_limit_down_enabled": True, "speed_limit_up": 50,
        "speed_limit_up_enabled": False, "state_notice": "", "version": "4.1.0 (p2pd 0.1.0)",
    }  # fmt: skip


@pytest.fixture
def daemon(daemon: Any, stats: dict[str, Any], settings: dict[str, Any]) -> Any:
    daemon.answers |= {"session_stats": stats, "session_get": settings}
    for one, labels in zip(daemon.torrents, (["linux"], ["Video"], []), strict=True):
        one["labels"] = labels
    return daemon
