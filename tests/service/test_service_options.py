"""The command line: what it takes, and that a mistake is one line and status 1."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p2pd import __version__
from p2pd.service.main import ProgramOptions
from p2pd.service.options import Options


def parsed(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(list(arguments))
    return options


def test_everything_at_once(tmp_path: Path) -> None:
    file = tmp_path / "p2pd.toml"
    file.write_text("[peers]\nport = 1\nupload_slots = 9\n[control]\nauth = false\n")
    config = parsed(
        "--config", str(file), "--state-dir", "/s", "--download-dir=/d", "--peer-port", "7000",
        "--control-port=7001", "--set", "peers.port=8", "--set=discovery.dht=false",
    ).config  # fmt: skip
    assert (config.state.dir, config.storage.download_dir) == ("/s", "/d")
    assert (config.peers.port, config.control.port) == (7000, 7001)
    assert config.peers.upload_slots == 9
    assert not config.control.auth
    assert not config.discovery.dht


def test_folders_are_relative_to_where_the_command_is_given() -> None:
    config = parsed("--state-dir", "here", "--download-dir", "~/there").config
    assert config.state.dir == os.path.abspath("here")
    assert config.storage.download_dir == os.path.expanduser("~/there")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--peer-port", "no"], "--peer-port must be a port number, not 'no'"),
        (["--peer-port", "-1"], "--peer-port must be a port number"),
        (["--control-port", "99999"], "control.port must be a whole number from 0 to 65535"),
        (["--state-dir", ""], "--state-dir must be a folder"),
        (["--download-dir", "/a\nb"], "storage.download_dir must be a path"),
        (["--set", "x"], "--set takes SECTION.KEY=VALUE"),
        (["--config", "/nowhere/p2pd.toml"], "/nowhere/p2pd.toml: No such file or directory"),
        (["--colour"], "--colour not recognized"),
        (["download"], "unexpected: 'download'"),
    ],
)
def test_a_mistake_is_one_line_and_status_1(arguments: list[str], words: str) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*arguments)
    # Python prints a text given to SystemExit on stderr, and exits with status 1
    assert isinstance(caught.value.code, str)
    assert caught.value.code.startswith("p2pd: ")
    assert words in caught.value.code
    assert "\n" not in caught.value.code


def test_version_and_help_exit_well(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed("--version")
    assert caught.value.code in (None, 0)
    assert capsys.readouterr().out == f"p2pd {__version__}\n"
    with pytest.raises(SystemExit) as caught:
        ProgramOptions().parseOptions(["p2pd", "--help"])
    assert caught.value.code in (None, 0)
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: p2pd [options]")
    for option in ("--config", "--state-dir", "--download-dir", "--peer-port", "--control-port"):
        assert option in shown
    assert "--set" in shown


def test_the_program_needs_no_plugin_folder() -> None:
    options = ProgramOptions()
    options.parseOptions(["--nodaemon", "--pidfile=", "p2pd", "--peer-port=7000"])
    assert options.subCommand == "p2pd"
    assert options.subOptions.config.peers.port == 7000
    assert set(options.loadedPlugins) == {"p2pd"}
