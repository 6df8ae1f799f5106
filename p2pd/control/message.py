"""From the bytes of a request body to calls: strict JSON (RFC 8259), then JSON-RPC 2.0.

Stricter than Python's json: UTF-8 only, no NaN or Infinity, no number too big for a double, and
bounds on depth and on how many values there are, so that a small body cannot become a big heap.
Knows nothing of HTTP and nothing of the methods.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from p2pd.control.errors import RpcCode, RpcError

MAX_DEPTH = 16
MAX_VALUES = 1_000_000
MAX_BATCH = 100

_METHOD_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z")
_MAX_METHOD_NAME = 64


@dataclass(frozen=True, slots=True)
class Call:
    """One call; a notification has no id and wants no answer."""

    method: str
    params: Mapping[str, object]
    id: str | int | float | None
    notification: bool


@dataclass(frozen=True, slots=True)
class BadCall:
    """An entry that is no call; `id` is what it said its id was, if that can be used."""

    error: RpcError
    id: str | int | float | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What a body holds; `batch` says that the answer is a list."""

    entries: tuple[Call | BadCall, ...]
    batch: bool


def parse_json(data: bytes) -> Any:
    """The value of a JSON text. Raises RpcError (PARSE_ERROR, or INVALID_REQUEST past a bound)."""
    # Counted before parsing: "[[],[],…" costs twenty times its size in memory once it is parsed.
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_VALUES:
        raise RpcError(RpcCode.INVALID_REQUEST, f"the body holds more than {MAX_VALUES} values")
    try:
        value = json.loads(data.decode(), parse_constant=_no_constant, parse_float=_finite)
    except UnicodeDecodeError:
        raise RpcError(RpcCode.PARSE_ERROR, "the body is not UTF-8") from None
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        sentence = f"the body is not JSON: {error.msg} at character {error.pos}"
        raise RpcError(RpcCode.PARSE_ERROR, sentence) from None
    except ValueError:
        raise RpcError(RpcCode.PARSE_ERROR, "the body holds a number that is too big") from None
    _check_depth(value)
    return value


def parse_body(data: bytes) -> Body:
    """The calls in a body. Raises RpcError when there is not even an entry to answer."""
    return calls_of(parse_json(data))


def calls_of(value: object) -> Body:
    """The calls in a parsed body (JSON-RPC 2.0, sections 4 and 6). Raises RpcError."""
    if not isinstance(value, list):
        return Body((_call(value),), batch=False)
    if not value:
        raise RpcError(RpcCode.INVALID_REQUEST, "an empty batch asks for nothing")
    if len(value) > MAX_BATCH:
        raise RpcError(RpcCode.INVALID_REQUEST, f"a batch holds at most {MAX_BATCH} calls")
    return Body(tuple(_call(entry) for entry in value), batch=True)


def _call(entry: object) -> Call | BadCall:
    if not isinstance(entry, dict):
        return _invalid("a call is a JSON object", None)
    call_id = entry.get("id")
    if isinstance(call_id, bool) or not (call_id is None or isinstance(call_id, (str, int, float))):
        return _invalid("id must be a string, a number or null", None)
    if entry.get("jsonrpc") != "2.0":
        return _invalid('"jsonrpc": "2.0" is missing', call_id)
    method = entry.get("method")
    if not isinstance(method, str):
        return _invalid("method must be a string", call_id)
    params = entry.get("params", {})
    if not isinstance(params, dict):
        sentence = "params must be an object: no method takes params by position"
        return BadCall(RpcError(RpcCode.INVALID_PARAMS, sentence), call_id)
    return Call(method, params, call_id, notification="id" not in entry)


def is_method_name(name: str) -> bool:
    """Whether a name has the form of a method's; what has not never reaches the dispatch."""
    return len(name) <= _MAX_METHOD_NAME and _METHOD_NAME.match(name) is not None


def _invalid(sentence: str, call_id: str | int | float | None) -> BadCall:
    return BadCall(RpcError(RpcCode.INVALID_REQUEST, sentence), call_id)


def _too_deep() -> RpcError:
    return RpcError(RpcCode.INVALID_REQUEST, f"the body nests deeper than {MAX_DEPTH} levels")


def _no_constant(name: str) -> NoReturn:
    raise RpcError(RpcCode.PARSE_ERROR, f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise RpcError(RpcCode.PARSE_ERROR, "the body holds a number that is too big")
    return number


def _check_depth(value: object) -> None:
    level = [value] if isinstance(value, (list, dict)) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (list, dict))
        ]
    if level:
        raise _too_deep()
