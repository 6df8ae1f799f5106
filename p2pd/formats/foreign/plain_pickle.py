"""Pickles read as data: nothing in one is ever called, whatever it names.

A pickle is a program for a small machine with a stack. Of that machine only what makes plain values
is built here, and objects become their class's name and their attributes. Protocols 0 to 2.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from p2pd.base.errors import FormatError

MAX_STEPS = 5_000_000


class PickleError(FormatError):
    """It is no pickle, or one that needs more than plain values."""


@dataclass(slots=True, eq=False)
class PlainObject:
    """An object of any class: only its attributes, or what they were to be made of."""

    kind: str
    attributes: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Class:
    name: str


_MARK = object()

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING",
    "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE",
}  # fmt: skip
_IGNORED = {"PROTO", "STOP"}
_LENGTHS = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(data: bytes) -> Any:
    """The value in it: None, bool, int, float, str, list, tuple, dict, PlainObject.

    Values may be in several places, and in themselves. Raises PickleError.
    """
    machine = _Machine()
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if number > MAX_STEPS:
                raise PickleError("the pickle is too long")
            machine.step(opcode.name, argument)
    except PickleError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, AttributeError) as problem:
        raise PickleError(f"the pickle makes no sense: {problem}") from None
    if len(machine.stack) != 1 or machine.stack[0] is _MARK:
        raise PickleError("the pickle does not hold one value")
    return machine.stack[0]


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._steps: dict[str, Callable[[Any], None]] = {
            "MARK": lambda _: self.stack.append(_MARK),
            "POP": lambda _: self._drop(),
            "POP_MARK": lambda _: self._drop_to_mark(),
            "DUP": lambda _: self.stack.append(self.stack[-1]),
            "EMPTY_LIST": lambda _: self.stack.append([]),
            "EMPTY_TUPLE": lambda _: self.stack.append(()),
            "EMPTY_DICT": lambda _: self.stack.append({}),
            "LIST": lambda _: self.stack.append(self._since_mark()),
            "TUPLE": lambda _: self.stack.append(tuple(self._since_mark())),
            "DICT": lambda _: self.stack.append(_pairs(self._since_mark())),
            "APPEND": lambda _: self._extend([self.stack.pop()]),
            "APPENDS": lambda _: self._extend(self._since_mark()),
            "SETITEM": lambda _: self._update(self._two()),
            "SETITEMS": lambda _: self._update(self._since_mark()),
            "GLOBAL": lambda name: self.stack.append(_Class(name)),
            "INST": self._inst,
            "OBJ": lambda _: self._obj(),
            "NEWOBJ": lambda _: self._made_of(self._two()),
            "REDUCE": lambda _: self._made_of(self._two()),
            "BUILD": lambda _: self._build(),
        }

    def step(self, name: str, argument: Any) -> None:
        """Do one instruction."""
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self._memo[argument] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self._memo[argument])
        elif name in _LENGTHS:
            self.stack[-_LENGTHS[name] :] = [tuple(self.stack[-_LENGTHS[name] :])]
        elif name in self._steps:
            self._steps[name](argument)
        elif name not in _IGNORED:
            raise PickleError(f"the pickle needs {name}, which no plain value does")

    def _drop(self) -> None:
        self.stack.pop()

    def _drop_to_mark(self) -> None:
        self._since_mark()

    def _since_mark(self) -> list[Any]:
        for position in range(len(self.stack) - 1, -1, -1):
            if self.stack[position] is _MARK:
                values = self.stack[position + 1 :]
                del self.stack[position:]
                return values
        raise PickleError("the pickle misses a mark")

    def _two(self) -> list[Any]:
        values = self.stack[-2:]
        if len(values) < 2:
            raise PickleError("the pickle takes what is not there")
        del self.stack[-2:]
        return values

    def _extend(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise PickleError("the pickle appends to what is no list")
        self.stack[-1].extend(values)

    def _update(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, PlainObject):
            target = target.attributes
        if not isinstance(target, dict):
            raise PickleError("the pickle puts items into what is no dictionary")
        target.update(_pairs(values))

    def _inst(self, name: str) -> None:
        self._since_mark()
        self.stack.append(PlainObject(name))

    def _obj(self) -> None:
        made, *_ = self._since_mark()
        self._made_of([made, ()])

    def _made_of(self, values: list[Any]) -> None:
        made, arguments = values
        if not isinstance(made, _Class):
            raise PickleError("the pickle calls what is no class")
        first = arguments[0] if isinstance(arguments, tuple) and arguments else None
        # Objects of protocol 0 are made by a function that is given their class.
        self.stack.append(PlainObject(first.name if isinstance(first, _Class) else made.name))

    def _build(self) -> None:
        made, state = self._two()
        if not isinstance(made, PlainObject):
            raise PickleError("the pickle gives attributes to what is no object")
        if isinstance(state, dict):
            made.attributes.update(state)
        self.stack.append(made)


def _pairs(values: list[Any]) -> dict[Any, Any]:
    if len(values) % 2:
        raise PickleError("the pickle has a key without a value")
    return dict(zip(values[::2], values[1::2], strict=True))
