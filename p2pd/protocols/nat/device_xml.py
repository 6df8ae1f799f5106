"""XML that devices on the local network send, read into a small tree; none of it is trusted.

Document types are refused, and with them entities of one's own; size, depth and the number of
elements are bounded. Namespaces are dropped, for devices get them wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterator
from xml.parsers import expat

from p2pd.protocols.nat.mapping import NatFormatError

LONGEST = 128 * 1024
"""Bytes; descriptions of gateways have some ten thousand."""

MOST_ELEMENTS = 3000
MOST_NESTED = 32
MOST_ATTRIBUTES = 32


@dataclass(slots=True)
class Element:
    """An element by its local name, its own text without blanks around it, and its children."""

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def child(self, name: str) -> Element | None:
        """The first child of that name."""
        return next((each for each in self.children if each.name == name), None)

    def value(self, name: str) -> str:
        """The text of the first child of that name; empty without one."""
        found = self.child(name)
        return "" if found is None else found.text

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in their order."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.children))


def read_xml(data: bytes) -> Element:
    """The root element. Raises NatFormatError."""
    if len(data) > LONGEST:
        raise NatFormatError(f"XML of more than {LONGEST} bytes")
    try:
        return _Tree().read(_trimmed(data))
    except NatFormatError:
        raise
    except (expat.ExpatError, ValueError, LookupError):
        raise NatFormatError("it is not well-formed XML") from None


def _trimmed(data: bytes) -> bytes:
    """Without what some devices send around it; in UTF-16 zeros are a part of letters."""
    trimmed = data.strip(b"\0 \t\r\n")
    return trimmed if trimmed[:1] == b"<" else data


class _Tree:
    def __init__(self) -> None:
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._root: Element | None = None
        self._elements = 0

    def read(self, data: bytes) -> Element:
        parser = expat.ParserCreate()
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.Parse(data, True)
        if self._root is None:
            raise NatFormatError("XML without an element")
        return self._root

    def _doctype(self, *_: object) -> None:
        raise NatFormatError("XML with a document type of its own, which no device needs")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MOST_ELEMENTS or len(attributes) > MOST_ATTRIBUTES:
            raise NatFormatError(f"XML with more than {MOST_ELEMENTS} elements, or much in one")
        if len(self._open) >= MOST_NESTED:
            raise NatFormatError(f"XML of elements in more than {MOST_NESTED} others")
        element = Element(name.rpartition(":")[2])
        if self._open:
            self._open[-1].children.append(element)
        elif self._root is None:
            self._root = element
        self._open.append(element)
        self._texts.append([])

    def _end(self, _name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop()).strip()

    def _text(self, text: str) -> None:
        if self._texts:
            self._texts[-1].append(text)
