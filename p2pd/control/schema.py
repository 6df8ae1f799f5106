"""What a method takes: names, types and bounds of its params, checked before the method runs.

A check gets the param's name (for the sentence) and the value from JSON, and returns the value
the method wants or raises RpcError. Params that no schema names are ignored, as Transmission
does, unless the method asks for `strict`: setters do, so that nobody believes in a setting
that was dropped. What a check takes is said in JSON Schema, too, for clients to read
(`system_methods`); it may say less than the check, never more.
"""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from p2pd.control.errors import RpcCode, RpcError

Check = Callable[[str, object], Any]
JsonObject = dict[str, Any]
BoundMethod = Callable[..., Awaitable[JsonObject]]
Described = TypeVar("Described", bound=Callable[..., Any])

MAX_TEXT = 64 * 1024
MAX_LIST = 1_000_000
REQUIRED = object()


@dataclass(frozen=True, slots=True)
class Param:
    """One param: `default` is handed on as it is, unchecked, when the param is left out."""

    name: str
    check: Check
    default: Any = REQUIRED


def described(schema: JsonObject) -> Callable[[Described], Described]:
    """Decorate a check: every value that it lets pass is one of this JSON Schema."""

    def decorate(check: Described) -> Described:
        check.schema = schema  # type: ignore[attr-defined]
        return check

    return decorate


def schema_of(check: Check) -> JsonObject:
    """What a check takes, in JSON Schema; an empty one says nothing."""
    schema: JsonObject = getattr(check, "schema", {})
    return schema


def object_of(*params: Param) -> JsonObject:
    """The JSON Schema of an object with these members."""
    return {
        "type": "object",
        "properties": {param.name: schema_of(param.check) for param in params},
        "required": [param.name for param in params if param.default is REQUIRED],
    }


def refuse(sentence: str) -> RpcError:
    """The error for a param that is wrong."""
    return RpcError(RpcCode.INVALID_PARAMS, sentence)


@described({"enum": [True, False, 0, 1]})
def boolean(name: str, value: object) -> bool:
    """True or false; 0 and 1 too, which clients written against older servers send."""
    if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise refuse(f"{name} must be true or false")


def integer(least: int, most: int) -> Check:
    """A whole number within bounds."""

    @described({"type": "integer", "minimum": least, "maximum": most})
    def check(name: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise refuse(f"{name} must be a whole number")
        if not least <= value <= most:
            raise refuse(f"{name} must be between {least} and {most}")
        return value

    return check


def number(least: float, most: float, bounds: str = "") -> Check:
    """A number within bounds, whole or not; `bounds` are these in words, if `least` is no number
    that anybody would say.
    """
    words = bounds or f"between {least:g} and {most:g}"

    @described({"type": "number", "minimum": least, "maximum": most})
    def check(name: str, value: object) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise refuse(f"{name} must be a number")
        if not least <= value <= most:
            raise refuse(f"{name} must be {words}")
        return float(value)

    return check


def text(most: int = MAX_TEXT) -> Check:
    """A string of at most `most` characters that has a UTF-8 form and no NUL."""

    @described({"type": "string", "maxLength": most})
    def check(name: str, value: object) -> str:
        if not isinstance(value, str):
            raise refuse(f"{name} must be a string")
        if len(value) > most:
            raise refuse(f"{name} is longer than {most} characters")
        if "\0" in value:
            raise refuse(f"{name} holds a NUL character")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise refuse(f"{name} holds half a surrogate pair") from None
        return value

    return check


def base64_of(most: int) -> Check:
    """Bytes, in base64: at most so many."""

    @described({"type": "string", "contentEncoding": "base64", "maxLength": most * 4 // 3 + 4})
    def check(name: str, value: object) -> bytes:
        encoded: str = text(most * 4 // 3 + 4)(name, value)
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise refuse(f"{name} must be in base64") from None

    return check


def list_of(item: Check, most: int = MAX_LIST) -> Check:
    """A list of at most `most` values that all pass `item`; the method gets a tuple."""

    @described({"type": "array", "items": schema_of(item), "maxItems": most})
    def check(name: str, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise refuse(f"{name} must be a list")
        if len(value) > most:
            raise refuse(f"{name} holds more than {most} values")
        return tuple(item(f"a value in {name}", one) for one in value)

    return check


def one_of(*choices: str) -> Check:
    """One of a few words."""

    @described({"enum": list(choices)})
    def check(name: str, value: object) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise refuse(f"{name} must be one of: {', '.join(choices)}")

    return check


@described({"type": "string", "pattern": "^/", "maxLength": 4096})
def absolute_path(name: str, value: object) -> str:
    """An absolute path on the daemon's host; a relative one has an error code of its own."""
    path: str = text(4096)(name, value)
    if not path.startswith("/"):
        raise RpcError(RpcCode.PATH_NOT_ABSOLUTE, f"{name} must start with a slash")
    return path


@described({"type": "string", "maxLength": 4096, "pattern": "^(/.*)?$"})
def path_or_none(name: str, value: object) -> str:
    """The same, or empty for none."""
    return "" if value == "" else absolute_path(name, value)


def or_null(check: Check) -> Check:
    """What passes a check, or null."""

    @described({"anyOf": [{"type": "null"}, schema_of(check)]})
    def check_unless_null(name: str, value: object) -> Any:
        return None if value is None else check(name, value)

    return check_unless_null


@described({"type": "array", "items": {"type": "string", "pattern": "^[^,]+$"}, "maxItems": 100})
def labels(name: str, value: object) -> tuple[str, ...]:
    """Labels: trimmed, not empty, without commas (clients join them with commas), each once."""
    found: dict[str, None] = {}
    for label in list_of(text(255), 100)(name, value):
        if not label.strip():
            raise refuse("a label cannot be empty")
        if "," in label:
            raise refuse("a label cannot hold a comma")
        found[label.strip()] = None
    return tuple(found)


@described({"type": "object"})
def json_object(name: str, value: object) -> dict[str, object]:
    """An object; what is in it is for the session to judge."""
    if not isinstance(value, dict):
        raise refuse(f"{name} must be an object")
    return value


SPEED = integer(0, 2**31 - 1)
"""In kB/s."""

PIECE = integer(0, 2**31 - 1)

QUEUE_POSITION = integer(0, 2**31 - 1)

FILE_INDICES = list_of(integer(0, 2**31 - 1))


def bind(params: Mapping[str, object], schema: Sequence[Param]) -> JsonObject:
    """The keyword arguments for a method. Raises RpcError (INVALID_PARAMS, or the check's)."""
    bound = {}
    for param in schema:
        if param.name in params:
            bound[param.name] = param.check(param.name, params[param.name])
        elif param.default is REQUIRED:
            raise refuse(f"{param.name} is missing")
        else:
            bound[param.name] = param.default
    return bound


def takes(*schema: Param, strict: bool = False) -> Callable[[BoundMethod], BoundMethod]:
    """Decorate a method: called with one mapping of params, it gets them checked and bound."""
    known = {param.name for param in schema}

    def decorate(method: BoundMethod) -> BoundMethod:
        @functools.wraps(method)
        async def checked(self: object, params: Mapping[str, object]) -> JsonObject:
            if strict and (unknown := sorted(set(params) - known)):
                raise refuse(f"cannot be set here: {', '.join(unknown)[:300]}")
            return await method(self, **bind(params, schema))

        return declares(*schema)(checked)

    return decorate


def declares(*schema: Param) -> Callable[[Described], Described]:
    """Decorate a method that checks its params by itself: these they are."""

    def decorate(method: Described) -> Described:
        method.params = schema  # type: ignore[attr-defined]
        return method

    return decorate


def params_of(method: Callable[..., Any]) -> Sequence[Param]:
    """The params of a method."""
    params: Sequence[Param] = getattr(method, "params", ())
    return params
