"""What the port mapper is made of: the gateway of the configuration, and a secret that is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from p2pd.service.port_mapping import SECRET_BYTES, SECRET_NAME, PortMapping


def secret_of(folder: Path) -> bytes:
    part = PortMapping(Clock(), "127.0.0.1", "", str(folder))
    part.prepare()
    mapper = part.mapper(lambda: None, lambda gateway, ours: None)
    mapper.start(6881)
    assert not mapper.external_port()
    return part.secret


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    secret = secret_of(tmp_path)
    assert len(secret) == SECRET_BYTES
    assert secret_of(tmp_path) == secret
    assert (tmp_path / SECRET_NAME).stat().st_mode & 0o077 == 0
    other = tmp_path / "other"
    other.mkdir()
    assert secret_of(other) != secret


@pytest.mark.parametrize("held", [b"", b"short", bytes(SECRET_BYTES + 1)])
def test_one_that_is_not_whole_is_made_anew(tmp_path: Path, held: bytes) -> None:
    (tmp_path / SECRET_NAME).write_bytes(held)
    secret = secret_of(tmp_path)
    assert secret != held
    assert (tmp_path / SECRET_NAME).read_bytes() == secret


def test_no_link_is_followed_to_read_it(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"k" * SECRET_BYTES)
    state = tmp_path / "state"
    state.mkdir()
    os.symlink(elsewhere, state / SECRET_NAME)
    assert secret_of(state) != b"k" * SECRET_BYTES
    assert elsewhere.read_bytes() == b"k" * SECRET_BYTES


def test_a_folder_that_takes_none_costs_no_start(tmp_path: Path) -> None:
    assert len(secret_of(tmp_path / "not there")) == SECRET_BYTES
