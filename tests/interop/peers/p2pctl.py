"""p2pctl, run as a user of a daemon would."""

from __future__ import annotations

import os
import subprocess
import sys

from peers.p2pd_node import daemon_environment


def p2pctl(node, *arguments, status=0):
    """Run p2pctl against a daemon as its own user; returns what it printed."""
    where = [f"--url=http://127.0.0.1:{node.control_port}", f"--state-dir={node.state_folder}"]
    program = [sys.executable, "-c", "from p2pd.clients.cli.main import main; main()"]
    result = subprocess.run(
        [*program, *where, *map(str, arguments)],
        cwd=node.folder,
        env={**os.environ, **daemon_environment()},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert result.returncode == status, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout if status == 0 else result.stderr
