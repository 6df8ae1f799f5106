"""Numbers, names and addresses as p2pctl writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import P2pdError
from p2pd.clients import text
from p2pd.clients.api_client import HttpTransport
from p2pd.clients.credentials import default_state_dirs


@given(st.text())
def test_plain_leaves_nothing_a_terminal_obeys(name: str) -> None:
    cleaned = text.plain(name)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in cleaned)
    assert "\u202e" not in cleaned
    assert cleaned.encode().decode() == cleaned


def test_plain_keeps_letters_of_all_languages() -> None:
    assert text.plain("Fête 映画 🎬") == "Fête 映画 🎬"
    assert text.plain("a\u202eb\u2028c\x9bd\ud800e") == "abcde"


def test_numbers() -> None:
    assert [text.size(n) for n in (0, 1023, 1024, 1536 * 1024, 2**60)] == [
        "0 B", "1023 B", "1.0 KiB", "1.5 MiB", "1024.0 PiB"
    ]  # fmt: skip
    assert [text.percent(x) for x in (-1, 0, 0.5, 0.99999, 1, 2)] == [
        "0.0%", "0.0%", "50.0%", "99.9%", "100%", "100%"
    ]  # fmt: skip
    assert [text.duration(s) for s in (-1, 0, 59, 61, 3660, 90_000, 10**9)] == [
        "", "0s", "59s", "1m 01s", "1h 01m", "1d 1h", ""
    ]  # fmt: skip
    assert (text.rate(0.5), text.rate(2048)) == ("", "2.0 KiB/s")
    assert (text.ratio(-1), text.ratio(0.256)) == ("", "0.26")
    assert [text.counted(n, "peer") for n in (0, 1, 2)] == ["0 peers", "1 peer", "2 peers"]
    assert (text.moment(0), text.moment(1e30)) == ("never", "unknown")


def test_status() -> None:
    assert text.status({"status": 6}) == "seeding"
    assert text.status({"status": 4, "metadata_percent_complete": 0}) == "getting metadata"
    assert text.status({"status": 0, "error": 3}) == "stopped, error"
    assert text.status({"status": 0, "error": 3, "disk_state": "missing"}) == "missing"
    full = {"status": 4, "error": 3, "disk_state": "full"}
    assert text.status(full) == "downloading, disk full"
    assert text.status({"status": 77}) == "unknown"


@pytest.mark.parametrize("url", ["ftp://x", "http://", "", "http://x:port", "http://[::1"])
def test_bad_addresses_of_a_control_api(url: str) -> None:
    with pytest.raises(P2pdError):
        HttpTransport(url)


def test_the_path_of_the_control_api() -> None:
    assert HttpTransport("localhost:9091")._path == "/rpc"
    assert HttpTransport("https://box.test/seed/rpc")._path == "/seed/rpc"


def test_default_state_folders() -> None:
    environ = {"HOME": "/home/u", "XDG_STATE_HOME": "/x"}
    assert default_state_dirs(environ, is_root=False) == ["/x/p2pd", "/var/lib/p2pd"]
    assert default_state_dirs(environ, is_root=True) == ["/var/lib/p2pd", "/x/p2pd"]
    relative = {"HOME": "/home/u", "XDG_STATE_HOME": "x"}
    assert default_state_dirs(relative, is_root=False)[0] == "/home/u/.local/state/p2pd"
