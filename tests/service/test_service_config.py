"""Configuration: what each source gives, which one wins, and what is said of mistakes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import ConfigError
from p2pd.service.automation_sections import SeedingSection
from p2pd.service.checks import address, flag, folder, names, number, one_of, whole
from p2pd.service.config import SECTIONS, Config, QueueSection, config_of, keys_of
from p2pd.service.config_sources import load_config, read_file, read_setting
from p2pd.service.config_text import config_text
from p2pd.service.session_config import settings_of


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "p2pd.toml"
    path.write_text(text)
    return str(path)


def test_nothing_given_means_the_defaults() -> None:
    config = load_config()
    assert config == Config()
    assert (config.peers.port, config.control.port) == (6881, 9091)
    assert config.control.interface == "127.0.0.1"
    assert config.control.auth


def test_every_default_passes_its_own_check() -> None:
    for section in SECTIONS:
        for name, each in keys_of(section).items():
            assert each.metadata["check"](each.default) == each.default, f"{section}.{name}"


def test_each_source_wins_over_the_one_before(tmp_path: Path) -> None:
    file = written(tmp_path, "[peers]\nport = 1\nupload_slots = 2\nmax_half_open = 3\n")
    config = load_config(
        file=file,
        settings=["peers.port=10", "peers.upload_slots=20", "peers.upload_slots=21"],
        explicit={("peers", "port"): 100},
    )
    assert config.peers.port == 100
    assert config.peers.upload_slots == 21
    assert config.peers.max_half_open == 3


@pytest.mark.parametrize(
    ("setting", "section", "name", "value"),
    [
        ("discovery.dht=false", "discovery", "dht", False),
        ("peers.encryption=off", "peers", "encryption", "off"),
        ('peers.encryption="off"', "peers", "encryption", "off"),
        ("peers.interface=127.0.0.1", "peers", "interface", "127.0.0.1"),
        ("peers.interface=::1", "peers", "interface", "::1"),
        ("peers.interface=", "peers", "interface", ""),
        ("peers.request_timeout=5", "peers", "request_timeout", 5.0),
        ("storage.download_dir=/a b/../c", "storage", "download_dir", "/c"),
        ('control.allowed_hosts=["a", "*.b"]', "control", "allowed_hosts", ("a", "*.b")),
        (" peers.port = 7 ", "peers", "port", 7),
    ],
)
def test_a_setting_is_toml_and_else_a_string(
    setting: str, section: str, name: str, value: Any
) -> None:
    assert read_setting(setting) == {(section, name): value}
    assert getattr(getattr(load_config(settings=[setting]), section), name) == value


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("peers.port", "--set takes SECTION.KEY=VALUE"),
        ("port=1", "--set takes SECTION.KEY=VALUE"),
        ("peer.port=1", "there is no section 'peer'"),
        ("peers.prot=1", "there is no key peers.prot"),
        ("peers.port=70000", "peers.port must be a whole number from 0 to 65535, not 70000"),
        ("peers.port=true", "peers.port must be a whole number"),
        ("peers.port=1\nlsd=2", "peers.port must be a whole number"),
        ("peers.request_timeout=nan", "peers.request_timeout must be a number"),
        ("discovery.dht=no", "discovery.dht must be true or false, not 'no'"),
        ("peers.encryption=none", "must be off, allowed, preferred or required, not 'none'"),
        ("control.interface=localhost", "must be an IP address of this machine"),
        ("peers.interface=10.0.0.256", "must be an IP address or the name of an interface"),
        ("peers.interface=7", "must be an IP address or the name of an interface"),
        ("storage.download_dir=here", "must be an absolute path"),
        ('storage.download_dir="/a\\u0000b"', "storage.download_dir must be a path"),
        ("control.allowed_hosts=a", "must be a list of names"),
        ("peers.port=" + "[" * 5000, "peers.port must be a whole number"),
    ],
)
def test_a_bad_setting_is_said_in_one_line(setting: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_setting(setting)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("peers = 1", "peers is a section"),
        ("[[peers]]\nport = 1", "peers is a section"),
        ("[peers]\nport = 'x'", "peers.port must be a whole number"),
        ("[nobody]\nx = 1", "there is no section 'nobody'"),
        ("[peers\n", "line 1"),
        ("a = " + "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_file_is_said_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_file(str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="Is a directory"):
        read_file(str(tmp_path))
    with pytest.raises(ConfigError, match="null"):
        read_file("a\0b")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_file(str(tmp_path / "binary"))
    (tmp_path / "large").write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigError, match="too large"):
        read_file(str(tmp_path / "large"))


def test_the_generated_file_holds_every_key_with_its_default() -> None:
    text = config_text()
    assert tomllib.loads(text) == {section: {} for section in SECTIONS}
    lines = [line.removeprefix("#") if " = " in line and line[:2] != "# " else line
             for line in text.splitlines()]  # fmt: skip
    document = tomllib.loads("\n".join(lines))
    values = {(s, k): v for s, table in document.items() for k, v in table.items()}
    assert set(values) == {(s, k) for s in SECTIONS for k in keys_of(s)}
    assert config_of(values) == Config()


CHECKS = [flag, whole(0, 10), number(0, 10), one_of("a", "b"), folder, address, names]
ANY_TOML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(ANY_TOML)
def test_a_check_takes_a_value_or_says_why_not(value: Any) -> None:
    for check in CHECKS:
        try:
            kept = check(value)
        except ConfigError as problem:
            assert str(problem).startswith("must be ")  # noqa: PT017 - either outcome is right
        else:
            assert check(kept) == kept


@given(st.text(max_size=60))
def test_no_setting_gets_past_the_errors_that_are_meant(text: str) -> None:
    try:
        read_setting(text)
        read_setting(f"peers.port={text}")
    except ConfigError as problem:
        assert "\n" not in str(problem)  # noqa: PT017 - either outcome is right


def test_the_queues_are_settings_that_are_off_at_zero() -> None:
    usual = settings_of(Config(), "/d")
    assert (usual.download_queue_enabled, usual.seed_queue_enabled) == (False, False)
    assert (usual.queue_stalled_enabled, usual.queue_stalled_minutes) == (True, 30)
    assert (usual.download_queue_size, usual.seed_queue_size) == (5, 10)
    queue = QueueSection(downloads=3, seeds=4, stalled_minutes=0)
    chosen = settings_of(Config(queue=queue), "/d")
    assert (chosen.download_queue_enabled, chosen.download_queue_size) == (True, 3)
    assert (chosen.seed_queue_enabled, chosen.seed_queue_size) == (True, 4)
    assert (chosen.queue_stalled_enabled, chosen.queue_stalled_minutes) == (False, 30)


def test_share_limits_are_settings_that_are_off_at_zero() -> None:
    usual = settings_of(Config(), "/d")
    switches = (usual.seed_ratio_limited, usual.idle_seeding_limit_enabled, usual.seed_time_limited)
    assert (*switches, usual.seed_limit_action) == (False, False, False, "stop")
    assert (usual.seed_ratio_limit, usual.idle_seeding_limit) == (2.0, 30)
    seeding = SeedingSection(ratio=1.5, idle_minutes=5, minutes=7, then="remove")
    chosen = settings_of(Config(seeding=seeding), "/d")
    assert (chosen.seed_ratio_limited, chosen.seed_ratio_limit) == (True, 1.5)
    assert (chosen.idle_seeding_limit_enabled, chosen.idle_seeding_limit) == (True, 5)
    assert (chosen.seed_time_limited, chosen.seed_time_limit) == (True, 7)
    assert chosen.seed_limit_action == "remove"
