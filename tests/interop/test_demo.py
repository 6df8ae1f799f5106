"""`python -m p2pd.clients.demo` as a user runs it, with less data."""

from __future__ import annotations

import os
import subprocess
import sys

from peers.p2pd_node import REPOSITORY, daemon_environment


def run_demo(work, *arguments, path=None):
    temporary = work / "tmp"
    temporary.mkdir()
    result = subprocess.run(
        [sys.executable, "-m", "p2pd.clients.demo", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **daemon_environment(), "TMPDIR": str(temporary), **(path or {})},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert list(temporary.iterdir()) == []
    return result


def test_the_demo_succeeds_and_leaves_nothing(work):
    result = run_demo(work, "--size", "16")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "anna: 8 files, every SHA-256 sum is equal" in result.stdout
    assert "boris: 8 files, every SHA-256 sum is equal" in result.stdout
    assert result.stderr == ""


def test_a_demo_that_cannot_work_says_why(work):
    broken = work / "broken"
    broken.mkdir()
    (broken / "sqlite3.py").write_text("raise ImportError('no database in this test')\n")
    path = os.pathsep.join([str(broken), str(REPOSITORY)])
    result = run_demo(work, "--size", "1", path={"PYTHONPATH": path})
    assert result.returncode == 1
    assert "p2pd demo: tracker ended by itself, with exit status 1" in result.stderr
    assert "no database in this test" in result.stderr
