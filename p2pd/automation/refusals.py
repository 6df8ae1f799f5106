"""Why what was asked of the automation cannot be: an id or a value that makes no sense."""

from __future__ import annotations

from p2pd.base.errors import FormatError


class RefusedError(FormatError):
    """What was given is wrong; the sentence says what."""
