"""What the library raises where what others sent makes no sense to it: not always a ValueError."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm

NO_KEY = (ValueError, TypeError, UnsupportedAlgorithm, InternalError)
"""For what is no key, or none that it knows.

An Ed25519 or X25519 key of another length than they have is an InternalError to it.
"""

UNREADABLE = (
    *NO_KEY,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    NotImplementedError,
    OverflowError,
)
"""For certificates, requests and lists; some of it only when a part of them is asked for."""
