"""Who may call: one token, sent as Bearer or as the password of the user `p2pd`.

Fails closed: no header, a header of another form or a wrong token are all a refusal. An address
that tries too often is sent away for a while; the table of addresses is bounded.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hmac
import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from p2pd.base.addresses import canonical_host
from p2pd.base.clock import Clock
from p2pd.base.errors import ConfigError, FormatError

USER = "p2pd"
MAX_TRIES = 8
LOCK_SECONDS = 60.0
FORGET_SECONDS = 600.0
MAX_ADDRESSES = 4096
MAX_HEADER = 4096


class Verdict(enum.Enum):
    """What became of a request's credentials."""

    WELCOME = "welcome"
    MISSING = "missing"
    WRONG = "wrong"
    LOCKED = "locked"


@dataclass(slots=True)
class _Tries:
    count: int
    last: float


class Login:
    """Checks credentials and counts bad ones; `token` None lets everybody in, on purpose.

    Raises ConfigError for a token that is empty: that is a mistake, never a wish.
    """

    def __init__(self, token: str | None, clock: Clock) -> None:
        if token is not None and not token:
            raise ConfigError("the control token is empty")
        self._token = None if token is None else token.encode()
        self._clock = clock
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def judge(self, authorization: bytes | None, host: str) -> Verdict:
        """The verdict on an Authorization header from `host`, an IP address in text."""
        if self._token is None:
            return Verdict.WELCOME
        source, loopback = _source_of(host)
        # A locked address does not even get its token looked at, or guessing would go on behind
        # the lock. Loopback does: whoever shares a host or a proxy cannot lock the owner out.
        locked = self._is_locked(source)
        if locked and not loopback:
            return Verdict.LOCKED
        if authorization is None:
            return Verdict.LOCKED if locked else Verdict.MISSING
        if self.accepts(authorization):
            self._tries.pop(source, None)
            return Verdict.WELCOME
        if locked:
            return Verdict.LOCKED
        self._count(source)
        return Verdict.WRONG

    def accepts(self, authorization: bytes | None) -> bool:
        """Whether these are the right credentials; counts nothing."""
        if self._token is None:
            return True
        if authorization is None or len(authorization) > MAX_HEADER:
            return False
        scheme, _, rest = authorization.strip().partition(b" ")
        rest = rest.strip()
        if scheme.lower() == b"bearer":
            return hmac.compare_digest(rest, self._token)
        if scheme.lower() == b"basic":
            return self._accepts_basic(rest)
        return False

    def _accepts_basic(self, encoded: bytes) -> bool:
        assert self._token is not None
        try:
            pair = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(pair, USER.encode() + b":" + self._token)

    def _is_locked(self, source: str) -> bool:
        tries = self._tries.get(source)
        if tries is None:
            return False
        silent = self._clock.seconds() - tries.last
        if silent >= FORGET_SECONDS or (tries.count >= MAX_TRIES and silent >= LOCK_SECONDS):
            del self._tries[source]
            return False
        return tries.count >= MAX_TRIES

    def _count(self, source: str) -> None:
        tries = self._tries.setdefault(source, _Tries(0, 0.0))
        tries.count += 1
        tries.last = self._clock.seconds()
        self._tries.move_to_end(source)
        while len(self._tries) > MAX_ADDRESSES:
            self._tries.popitem(last=False)


def _source_of(host: str) -> tuple[str, bool]:
    """What tries are counted by, and whether it is loopback: an IPv6 host owns its whole /64."""
    try:
        address = ipaddress.ip_address(canonical_host(host))
    except FormatError:
        return host, False
    if isinstance(address, ipaddress.IPv6Address) and not address.is_loopback:
        return str(ipaddress.ip_network((address, 64), strict=False)), False
    return str(address), address.is_loopback
