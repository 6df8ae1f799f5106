"""Strict bencode (BEP 3), the one door to it: every bencoded byte from outside passes here.

A scan of our own checks the canonical form, depth and size first and finds raw spans; only then
does a library build the values: ``bencodepy``, or the faster ``bencode2`` where it is installed.
What the values mean is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import bencodepy

from p2pd.base.errors import FormatError

bencode2: ModuleType | None
try:
    bencode2 = import_module("bencode2")  # the optional extra "speed"
except ImportError:
    bencode2 = None

MAX_DEPTH = 64
MAX_SIZE = 16 * 1024 * 1024
MAX_TORRENT_SIZE = 96 * 1024 * 1024
MAX_TOKENS = 12_000_000
_SMALL = 64 * 1024

# A string's length, an integer, or a bracket. The number of digits is bounded as Python bounds it.
_TOKEN = re.compile(rb"(?:(0|[1-9][0-9]{0,9}):|i(?:0|-?[1-9][0-9]{0,4299})e|([dle]))")


class BencodeError(FormatError):
    """The bytes are not canonical bencode, or pass a limit; the text says where and why."""


class _UnsortedKeysError(BencodeError):
    """A dictionary's keys are out of order: the one fault that `strict_order=False` forgives."""


def decode(
    data: bytes | bytearray | memoryview,
    *,
    strict_order: bool = True,
    max_size: int = MAX_SIZE,
    max_depth: int = MAX_DEPTH,
) -> Any:
    """The one value that `data` holds, to its last byte: int, bytes, list, or dict with bytes keys.

    Refused with BencodeError: anything not canonical (leading zeros, ``-0``, repeated keys), more
    than `max_size` bytes, nesting past `max_depth`, bytes after the value. Unsorted keys pass only
    with ``strict_order=False``: then never encode the value again to get at a hash.
    """
    raw = _bounded(data, max_size)
    if (
        bencode2 is not None
        and len(raw) <= _SMALL
        and raw.count(b"l") + raw.count(b"d") < max_depth
    ):
        # bencode2 is as strict as the scan; its errors are left for the scan to put into words.
        try:
            return bencode2.bdecode(raw)
        except ValueError:
            pass
    end = _scan_in_order(raw, 0, strict_order, max_depth)
    if end != len(raw):
        raise BencodeError(f"{len(raw) - end} bytes follow the bencoded value")
    return _values(raw)


def decode_prefix(
    data: bytes | bytearray | memoryview, *, max_size: int = MAX_SIZE, max_depth: int = MAX_DEPTH
) -> tuple[Any, int]:
    """The value at the start of `data` and where it ends: other bytes may follow (BEP 9)."""
    raw = bytes(data)
    end = _scan(raw, 0, max_depth, True)
    if end > max_size:
        raise BencodeError(f"{end} bytes of bencode, more than the {max_size} allowed")
    return _values(raw[:end]), end


def decode_torrent(
    data: bytes | bytearray | memoryview,
) -> tuple[dict[bytes, Any], tuple[int, int]]:
    """A torrent file's dictionary, and the span of its raw ``info`` value in `data`.

    Info-hashes are taken over that span, so unsorted keys are accepted as other clients do.
    Raises BencodeError, also when there is no ``info`` dictionary.
    """
    raw = _bounded(data, MAX_TORRENT_SIZE)
    if raw[:1] != b"d":
        raise BencodeError("a torrent file is a bencoded dictionary, this is something else")
    span = _info_span(raw)
    if span is None or raw[span[0] : span[0] + 1] != b"d":
        raise BencodeError("the torrent has no info dictionary")
    return _values(raw), span


def encode(value: Any) -> bytes:
    """The canonical bencoding of ints, bytes, str (as UTF-8), lists, tuples and dicts.

    Raises BencodeError for any other type, which is a fault of the caller.
    """
    encoder: Callable[[Any], bytes] = bencodepy.encode if bencode2 is None else bencode2.bencode
    try:
        return encoder(value)
    except (KeyError, TypeError, ValueError) as error:
        raise BencodeError(f"this value cannot be bencoded: {error}") from None


def _bounded(data: bytes | bytearray | memoryview, max_size: int) -> bytes:
    if len(data) > max_size:
        raise BencodeError(f"{len(data)} bytes of bencode, more than the {max_size} allowed")
    return bytes(data)


def _values(raw: bytes) -> Any:
    """The values of bencode that was scanned: an error here is a limit of the library's own."""
    if bencode2 is not None:
        try:
            return bencode2.bdecode(raw)
        except ValueError:
            pass  # unsorted keys: bencodepy takes them
    try:
        return bencodepy.decode(raw)
    except bencodepy.BencodeDecodeError as error:
        raise BencodeError(str(error)) from None


def _info_span(raw: bytes) -> tuple[int, int] | None:
    """Scan the outermost dictionary by hand, to see where the value of ``info`` lies."""
    position, spans = 1, dict[bytes, tuple[int, int]]()
    while raw[position : position + 1] != b"e":
        match = _TOKEN.match(raw, position)
        if match is None or match.lastindex != 1:
            raise _explained(raw, position, key_wanted=True)
        key_end = match.end() + int(match[1])
        key = raw[match.end() : key_end]
        if key in spans:
            raise BencodeError(f"the key {key[:40]!r} occurs twice in a dictionary")
        position = _scan_in_order(raw, key_end, False, MAX_DEPTH - 1)
        spans[key] = (key_end, position)
    if position + 1 != len(raw):
        raise BencodeError(f"{len(raw) - position - 1} bytes follow the bencoded value")
    return spans.get(b"info")


def _scan_in_order(raw: bytes, start: int, strict_order: bool, max_depth: int) -> int:
    """Scan for sorted keys first: only then does a dictionary need no set of its keys."""
    try:
        return _scan(raw, start, max_depth, True)
    except _UnsortedKeysError:
        if strict_order:
            raise
        return _scan(raw, start, max_depth, False)


def _scan(raw: bytes, position: int, max_depth: int, sorted_keys: bool) -> int:
    """Check the value that starts at `position`, without recursion; where it ends."""
    match_token, size = _TOKEN.match, len(raw)
    stack: list[tuple[bool, Any]] = []
    in_dict = key_wanted = False
    seen: Any = None  # the last key, or all keys where they need not be sorted
    for _ in range(MAX_TOKENS):
        match = match_token(raw, position)
        if match is None:
            raise _explained(raw, position, key_wanted)
        kind, start = match.lastindex, position
        position = match.end()
        if kind == 1:
            position += int(match[1])
            if position > size:
                raise BencodeError(f"the string at byte {start} is cut off")
            if key_wanted:
                seen = _next_key(raw[match.end() : position], seen, sorted_keys)
                key_wanted = False
                continue
        elif kind == 2 and match[2] == b"e":
            if not stack or in_dict is not key_wanted:
                raise _explained(raw, start, key_wanted)
            in_dict, seen = stack.pop()
        elif key_wanted:
            raise _explained(raw, start, key_wanted)
        elif kind == 2:
            if len(stack) >= max_depth:
                raise BencodeError(f"nested deeper than {max_depth} levels")
            stack.append((in_dict, seen))
            in_dict = key_wanted = match[2] == b"d"
            seen = None
            continue
        if not stack:
            return position
        key_wanted = in_dict
    raise BencodeError(f"more than {MAX_TOKENS} values")


def _next_key(key: bytes, seen: Any, sorted_keys: bool) -> Any:
    if not sorted_keys:
        keys: set[bytes] = set() if seen is None else seen
        if key in keys:
            raise BencodeError(f"the key {key[:40]!r} occurs twice in a dictionary")
        keys.add(key)
        return keys
    if seen is not None and key <= seen:
        if key == seen:
            raise BencodeError(f"the key {key[:40]!r} occurs twice in a dictionary")
        raise _UnsortedKeysError(f"the key {key[:40]!r} is out of order in a dictionary")
    return key


def _explained(raw: bytes, position: int, key_wanted: bool) -> BencodeError:
    """Put into words what is wrong at `position`."""
    if position >= len(raw):
        return BencodeError(
            "the bencoded value is cut off" if raw else "there are no bytes to decode"
        )
    here = raw[position : position + 1]
    if key_wanted:
        return BencodeError(f"a dictionary's key is no string, at byte {position}")
    if here == b"i":
        return BencodeError(f"the integer at byte {position} is not canonical or cut off")
    if here.isdigit():
        return BencodeError(f"the string length at byte {position} is not canonical or cut off")
    if here == b"e":
        return BencodeError(f"an end without a value before it, at byte {position}")
    return BencodeError(f"no bencoded value starts with {here!r}, at byte {position}")
