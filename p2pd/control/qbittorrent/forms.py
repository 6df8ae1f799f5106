"""The parameters of a call: of the query, of a form, or of a form in parts (RFC 7578), bounded.

Names and values are text; what comes as a file stays bytes. A name that comes twice has its first
value, as in qBittorrent. Raises ApiError and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from multipart import MultipartError, PushMultipartParser, parse_options_header

from p2pd.control.qbittorrent.refusals import ApiError, wrong

MAX_FIELDS = 256
"""Parameters and files of one call."""

MAX_TEXT = 4 * 1024 * 1024
"""Bytes of all parameters that are not files: the hashes of a hundred thousand torrents."""

SLICE = 256 * 1024
"""Bytes of a body that are parsed at a time."""

MULTIPART = "multipart/form-data"


@dataclass(slots=True)
class Form:
    """What a call brings along."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[bytes] = field(default_factory=list)


def parse_fields(encoded: bytes) -> dict[str, str]:
    """The names and values of a query, or of a form that is encoded like one."""
    if len(encoded) > MAX_TEXT:
        raise ApiError(413, f"the form is bigger than {MAX_TEXT} bytes")
    try:
        text = encoded.decode("ascii")
    except UnicodeDecodeError:
        text = encoded.decode("utf-8", "replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise wrong(f"more than {MAX_FIELDS} parameters") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, _checked(value))
    return found


def _checked(value: str) -> str:
    if "\0" in value:
        raise wrong("a parameter holds a NUL character")
    return value


class FormInParts:
    """Takes a body in parts, bit by bit."""

    def __init__(self, boundary: str) -> None:
        self._form = Form()
        self._name = ""
        self._file = False
        self._part = bytearray()
        self._text = 0
        try:
            self._parser = PushMultipartParser(
                boundary, max_segment_count=MAX_FIELDS, max_header_count=8
            )
        except (MultipartError, ValueError):
            raise wrong("the form has no usable boundary") from None

    def feed(self, data: bytes) -> None:
        """Take more of the body."""
        try:
            for event in self._parser.parse(data):
                self._take(event)
        except (MultipartError, ValueError) as problem:
            raise wrong(f"the form cannot be read: {str(problem)[:100]}") from None

    def finish(self) -> Form:
        """The form; the body is over."""
        try:
            self._parser.close()
        except (MultipartError, ValueError):
            raise wrong("the form breaks off") from None
        return self._form

    def _take(self, event: object) -> None:
        if isinstance(event, (bytes, bytearray)):
            self._more(event)
        elif event is None:
            self._end()
        else:
            self._name = getattr(event, "name", None) or ""
            self._file = getattr(event, "filename", None) is not None

    def _more(self, data: bytes | bytearray) -> None:
        if not self._file:
            self._text += len(data)
            if self._text > MAX_TEXT:
                raise ApiError(413, f"the form has more than {MAX_TEXT} bytes of text")
        self._part += data

    def _end(self) -> None:
        data, self._part = bytes(self._part), bytearray()
        if self._file:
            self._form.files.append(data)
        else:
            self._form.fields.setdefault(self._name, _checked(data.decode("utf-8", "replace")))


def boundary_of(content_type: str) -> str | None:
    """The boundary of a form in parts; None for anything else. Raises ApiError."""
    if content_type.partition(";")[0].strip().lower() != MULTIPART:
        return None
    try:
        return str(parse_options_header(content_type)[1].get("boundary", ""))
    except (MultipartError, ValueError):
        raise wrong("the form's Content-Type cannot be read") from None


async def parse_form(content_type: str, body: bytes, pause: Callable[[], Awaitable[None]]) -> Form:
    """The form in a body; `pause` is awaited now and then, for others to have a turn."""
    boundary = boundary_of(content_type)
    if boundary is None:
        return Form(parse_fields(body))
    parts = FormInParts(boundary)
    for start in range(0, len(body), SLICE):
        parts.feed(body[start : start + SLICE])
        await pause()
    return parts.finish()
