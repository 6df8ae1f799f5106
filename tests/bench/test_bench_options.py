"""The options of the benchmark suite, and that its page names all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.engines.choice import ENGINES as ENGINE_TYPES
from bench.options import ENGINES, TRANSFERS, WORKS, Options, parse
from bench.targets import TARGETS
from bench.works.transfer import ROLES

PAGE = (Path(__file__).parents[2] / "bench" / "README.rst").read_text()


def test_without_options_everything_is_measured_three_times() -> None:
    options = parse([])
    assert options.works == WORKS
    assert options.engines == ENGINES
    assert (options.size, options.pieces, options.runs) == (1 << 30, (1 << 18, 1 << 20), 3)


def test_works_keep_their_order_and_engines_theirs() -> None:
    options = parse(["--work", "recheck,leech", "--engines", "aria2, p2pd"])
    assert options.works == ("leech", "recheck")
    assert options.engines == ("p2pd", "aria2")


def test_sizes_runs_and_settings_are_read() -> None:
    options = parse(
        ["--size", "64M", "--piece", "256K,1M", "--runs", "5", "--set", "storage.threads=2"]
    )
    assert options.size == 64 << 20
    assert options.pieces == (256 << 10, 1 << 20)
    assert options.runs == 5
    assert options.settings == {"storage.threads": "2"}


def test_a_profile_is_one_run_of_one_work_by_p2pd_alone() -> None:
    options = parse(["--profile", "seed", "--native"])
    assert (options.works, options.engines, options.runs) == (("seed",), ("p2pd",), 1)
    assert len(options.pieces) == 1
    assert options.native


@pytest.mark.parametrize(
    "arguments",
    [
        ["--work", "leach"],
        ["--work", ","],
        ["--engines", "rtorrent"],
        ["--size", "many"],
        ["--piece", "100K"],
        ["--runs", "0"],
        ["--timeout", "-1"],
        ["--set", "threads"],
        ["--profile", "idle"],
    ],
)
def test_mistakes_end_the_program_with_a_sentence(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_every_name_has_something_behind_it() -> None:
    assert set(ENGINES) == set(ENGINE_TYPES)
    assert set(TRANSFERS) == set(ROLES)
    assert {target.work for target in TARGETS} < set(WORKS)


def test_the_page_tells_of_every_option_and_work(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    options = set(re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    named = set(re.findall(r"``(--[a-z-]+)", PAGE))
    assert options == named
    for work in WORKS:
        assert f"``{work}``" in PAGE, work


def test_the_defaults_are_those_of_the_class() -> None:
    told = parse([])
    assert told == Options(settings={})
