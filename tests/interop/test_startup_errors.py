"""What cannot work is refused at start: one line on stderr, exit status 1, nothing left behind."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest
from peers.p2pd_node import daemon_command, daemon_environment

from p2pd.clients.free_port import free_port


@pytest.fixture
def ports():
    return {"peer": free_port(), "control": free_port()}


def run(work, ports, *more, state=None, downloads=None):
    """Run a daemon that must refuse; returns the one line that it wrote on stderr."""
    lines = refuse(work, ports, *more, state=state, downloads=downloads).strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def refuse(work, ports, *more, state=None, downloads=None):
    arguments = [
        f"--state-dir={state or work / 'state'}",
        f"--download-dir={downloads or work / 'downloads'}",
        f"--peer-port={ports['peer']}",
        f"--control-port={ports['control']}",
        "--set=discovery.dht=false",
        "--set=discovery.lsd=false",
        "--set=reachability.port_mapping=false",
        "--set=peers.interface=127.0.0.1",
        *more,
    ]
    result = subprocess.run(
        daemon_command(arguments),
        cwd=work,
        env={**os.environ, **daemon_environment()},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr, result.stdout + result.stderr
    assert_free(ports)
    return result.stderr


def assert_free(ports):
    for port in ports.values():
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def assert_nothing_left(work, *expected):
    assert sorted(p.name for p in work.iterdir()) == sorted(expected)


@pytest.mark.parametrize("which", ["peer", "control"])
def test_a_port_that_is_taken(work, ports, which):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = holder.getsockname()[1]
        line = run(work, ports, f"--{which}-port={taken}")
    assert str(taken) in line


@pytest.mark.parametrize("which", ["state", "downloads"])
def test_a_folder_that_cannot_be_written(work, ports, which):
    (work / "file").write_text("a file, so nothing can be made below it")
    impossible = work / "file" / "below"
    line = run(work, ports, **{which: impossible})
    assert str(impossible) in line


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("peers.colour=red", "peers.colour"),
        ("nonsense.key=1", "nonsense"),
        ("discovery.dht=maybe", "discovery.dht"),
        ("peers.encryption=sometimes", "peers.encryption"),
        ("peers.interface=neither address nor name", "peers.interface"),
        ("no-equals-sign", "no-equals-sign"),
    ],
)
def test_a_bad_setting(work, ports, setting, named):
    assert named in run(work, ports, f"--set={setting}")
    assert_nothing_left(work)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[peers\n", "bad.toml"),
        ("[peers]\nport = 'many'\n", "port"),
        ("[peers]\nunheard_of = 1\n", "unheard_of"),
        ("[unheard_of]\nkey = 1\n", "unheard_of"),
        ("\x00\xff", "bad.toml"),
    ],
)
def test_a_bad_configuration_file(work, ports, text, named):
    config = work / "bad.toml"
    config.write_text(text, encoding="latin-1")
    assert named in run(work, ports, f"--config={config}")
    assert_nothing_left(work, "bad.toml")


def test_a_configuration_file_that_is_not_there(work, ports):
    assert "absent.toml" in run(work, ports, f"--config={work / 'absent.toml'}")
    assert_nothing_left(work)


def test_an_option_that_does_not_exist(work, ports):
    assert "unheard-of" in refuse(work, ports, "--unheard-of=1")
    assert_nothing_left(work)


def test_a_state_folder_in_use_by_another_daemon(work, ports, new_p2pd):
    node = new_p2pd()
    line = run(work, ports, state=node.state_folder)
    assert str(node.state_folder) in line
    node.check_healthy()


def test_a_disk_that_damages_one_database_after_the_other(work, ports):
    """Damaged ones are never deleted, so there is an end to it, and it is said."""
    state = work / "state"
    (state / "damaged").mkdir(parents=True)
    for number in range(10):
        (state / "damaged" / f"state-{number}.db").write_bytes(b"this is no database")
    (state / "state.db").write_bytes(b"this is no database" * 500)
    assert "state.db is damaged, like 10 before it" in run(work, ports)
    assert (state / "state.db").read_bytes().startswith(b"this is no database")
