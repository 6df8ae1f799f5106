"""Names from torrents: whatever they are, what comes out is safe and distinct."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.formats.safe_paths import safe_component, safe_paths
from tests.formats.steps import steps_of


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("plain name (1).txt", "plain name (1).txt"),
        (".hidden", ".hidden"),
        ("é ü 漢字.mkv", "é ü 漢字.mkv"),
        ("", "_"),
        (".", "_"),
        ("..", "__"),
        ("...", "___"),
        ("a/b", "a_b"),
        ("a\\b", "a_b"),
        ("a\x00b\x1f\x7f", "a_b__"),
        ("evil\u202egpj.exe", "evil_gpj.exe"),
        ("dots...", "dots___"),
        ("space ", "space_"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1 .log", "_com1 .log"),
        ("console", "console"),
        (b"bad \xff utf8", "bad \ufffd utf8"),
        ("lone \ud800", "lone _"),
        ("x" * 300 + ".mkv", "x" * 251 + ".mkv"),
        ("é" * 200, "é" * 127),
    ],
)
def test_components(name: str | bytes, safe: str) -> None:
    assert safe_component(name) == safe


def test_collisions_get_a_number_before_the_extension() -> None:
    paths = [("a.txt",), ("A.TXT",), ("a.txt",), ("a (2).txt",), ("d", "a.txt"), ("D", "A.txt")]
    assert safe_paths(paths) == [
        ("a.txt",),
        ("A (2).TXT",),
        ("a (3).txt",),
        ("a (2) (2).txt",),
        ("d", "a.txt"),
        ("D", "A (2).txt"),
    ]


def test_unicode_forms_of_one_name_collide() -> None:
    composed, decomposed = "é", unicodedata.normalize("NFD", "é")
    assert safe_paths([(composed,), (decomposed,)]) == [(composed,), (f"{decomposed} (2)",)]


def test_a_file_cannot_be_the_folder_of_another() -> None:
    assert safe_paths([("a",), ("a", "b"), ("A", "b", "c")]) == [
        ("a (2)",),
        ("a", "b (2)"),
        ("A", "b", "c"),
    ]


def test_many_equal_names_take_linear_time() -> None:
    long = "x" * 251
    few, many = ([(f"{long}{i:04}",) for i in range(count)] * 2 for count in (100, 1000))
    assert len(set(safe_paths(many))) == 2000
    assert steps_of(lambda: safe_paths(many)) < 11 * steps_of(lambda: safe_paths(few))


NAMES = (
    st.text(max_size=12)
    | st.binary(max_size=12)
    | st.sampled_from(["a", "A", "a (2)", "..", "con", "x" * 260])
)


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=12))
def test_any_paths_come_out_safe_and_distinct(paths: list[list[str | bytes]]) -> None:
    safe = safe_paths(paths)
    assert [len(path) for path in safe] == [len(path) for path in paths]
    for path in safe:
        for part in path:
            assert part not in ("", ".", "..")
            assert not set(part) & set("/\\\x00")
            assert len(part.encode()) <= 255
            assert part == part.rstrip(". ")
    keys = {tuple(unicodedata.normalize("NFC", part.casefold()) for part in path) for path in safe}
    assert len(keys) == len(safe)
    folders = {key[:depth] for key in keys for depth in range(1, len(key))}
    assert not folders & keys
