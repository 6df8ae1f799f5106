"""Forms, whole and in parts: what is read of them, and that any bytes are read or refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.control.qbittorrent.forms import (
    MAX_FIELDS,
    MAX_TEXT,
    Form,
    FormInParts,
    boundary_of,
    parse_fields,
    parse_form,
)
from p2pd.control.qbittorrent.refusals import ApiError

BOUNDARY = "xyz"


async def _pause() -> None:
    """Nobody else is there."""


def parse(kind: str, body: bytes) -> Form:
    """What comes of a body, or the refusal."""
    found: list[Form | Failure] = []
    Deferred.fromCoroutine(parse_form(kind, body, _pause)).addBoth(found.append)
    (outcome,) = found
    if isinstance(outcome, Failure):
        outcome.raiseException()
    return outcome


def in_parts(fields: dict[str, str], files: list[bytes]) -> bytes:
    parts = []
    for name, value in fields.items():
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts.append(head.encode() + value.encode() + b"\r\n")
    for content in files:
        head = (
            f"--{BOUNDARY}\r\nContent-Type: application/x-bittorrent\r\n"
            'Content-Disposition: form-data; name="torrents"; filename="a"\r\n\r\n'
        )
        parts.append(head.encode() + content + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize(
    ("encoded", "fields"),
    [
        (b"", {}),
        (b"a=1&b=", {"a": "1", "b": ""}),
        (b"a=1&a=2", {"a": "1"}),
        (b"a=%C3%BC+x%26", {"a": "ü x&"}),
        ("a=ü".encode(), {"a": "ü"}),
        (b"a=%ff", {"a": "\ufffd"}),
        (b"a", {"a": ""}),
    ],
)
def test_fields(encoded, fields):
    assert parse_fields(encoded) == fields


@pytest.mark.parametrize(
    "encoded",
    [b"a=%00", b"&".join(b"a%d=" % n for n in range(MAX_FIELDS + 1)), b"a" * (MAX_TEXT + 1)],
)
def test_fields_that_are_refused(encoded):
    with pytest.raises(ApiError):
        parse_fields(encoded)


@given(
    st.dictionaries(st.text("abcdef_", min_size=1), st.text().filter(lambda t: "\0" not in t)),
    st.lists(st.binary(max_size=200), max_size=4),
)
def test_what_is_in_parts_comes_out_as_it_went_in(fields, files):
    whole = in_parts(fields, files)
    if any(BOUNDARY in value for value in fields.values()) or any(b"xyz" in f for f in files):
        return
    form = parse(f"multipart/form-data; boundary={BOUNDARY}", whole)
    assert form == Form(fields, files)
    parts = FormInParts(BOUNDARY)
    for byte in whole:
        parts.feed(bytes([byte]))
    assert parts.finish() == form


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form",
        in_parts({"a": "1"}, [])[:-8],
        in_parts({f"a{n}": "" for n in range(MAX_FIELDS + 1)}, []),
        in_parts({"a": "x" * (MAX_TEXT + 1)}, []),
        in_parts({"a": "\0"}, []),
    ],
    ids=["empty", "none", "cut off", "too many", "too long", "nul"],
)
def test_parts_that_are_refused(body):
    with pytest.raises(ApiError):
        parse(f"multipart/form-data; boundary={BOUNDARY}", body)


@pytest.mark.parametrize("kind", ["multipart/form-data", 'multipart/form-data; boundary=""'])
def test_without_a_boundary_nothing_is_read(kind):
    with pytest.raises(ApiError):
        FormInParts(boundary_of(kind) or "")


@settings(max_examples=200)
@given(st.text(max_size=80), st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(kind, body):
    for content_type in (kind, f"multipart/form-data; boundary={kind}", "multipart/form-data"):
        with contextlib.suppress(ApiError):
            parse(content_type, body)
