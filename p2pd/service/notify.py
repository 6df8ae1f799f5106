"""sd_notify: tells the service manager that the daemon is ready, or stopping (systemd)."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> bool:
    """Send ``READY=1`` or the like; False where nobody asked for it, or nobody listens."""
    name = os.environ.get("NOTIFY_SOCKET", "")
    if not name.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(state.encode(), name.replace("@", "\0", 1) if name[0] == "@" else name)
    except OSError:
        return False
    return True
