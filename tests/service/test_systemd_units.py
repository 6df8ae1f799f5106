"""The units, judged by systemd itself: that it understands every line, how closed the service is.

Nothing is started; the units are read as files.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from p2pd.service.config import Config

UNITS = Path(__file__).resolve().parents[2] / "systemd"
MOST_EXPOSED = 2.0
NOTIFY_RELOAD_SINCE = 253


def analyze(*arguments: str, problems_are_text: bool = True) -> str:
    """What systemd-analyze says, both outputs together."""
    if shutil.which("systemd-analyze") is None:
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail("systemd-analyze is not installed, and CI must run every test of the units")
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=not problems_are_text,
    )
    return done.stdout + done.stderr


def systemd_version() -> int:
    found = re.search(r"systemd (\d+)", analyze("--version"))
    assert found is not None
    return int(found[1])


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A copy without the folder's own access rights, which systemd looks at too."""
    for unit in UNITS.iterdir():
        shutil.copy(unit, tmp_path)
        (tmp_path / unit.name).chmod(0o644)
    return tmp_path


def read_unit(name: str) -> configparser.RawConfigParser:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(UNITS / name)
    return unit


def test_systemd_has_nothing_to_say_of_the_units(units: Path) -> None:
    if systemd_version() < NOTIFY_RELOAD_SINCE:
        # This systemd does not know the type yet: it is given what the docs tell its users to set.
        service = units / "p2pd.service"
        text = service.read_text()
        older = "Type=notify\nExecReload=kill -HUP $MAINPID"
        assert text.count("Type=notify-reload") == 1
        service.write_text(text.replace("Type=notify-reload", older))
    said = analyze(
        "verify", "--man=no", str(units / "p2pd.service"), str(units / "p2pd.socket")
    ).strip()
    assert said == ""


def test_the_service_is_closed(units: Path) -> None:
    said = analyze(
        "security",
        "--offline=true",
        f"--threshold={int(MOST_EXPOSED * 10)}",
        str(units / "p2pd.service"),
        problems_are_text=False,
    )
    found = re.search(r"Overall exposure level for p2pd\.service: (\d+\.\d+)", said)
    assert found is not None, said
    assert float(found[1]) < MOST_EXPOSED


def test_the_manager_waits_longer_than_the_daemon_takes() -> None:
    service = read_unit("p2pd.service")["Service"]
    assert service["Type"] == "notify-reload"
    assert int(service["TimeoutStopSec"]) > 10
    assert int(service["WatchdogSec"]) >= 30


def test_the_sockets_are_those_of_the_configuration() -> None:
    lines = (UNITS / "p2pd.socket").read_text().splitlines()
    listening = [line.partition("=")[2] for line in lines if line.startswith("ListenStream=")]
    config = Config()
    assert listening == [
        str(config.peers.port),
        f"{config.control.interface}:{config.control.port}",
    ]
