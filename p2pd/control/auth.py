"""From an Authorization header to who it is: a key as Bearer, or a user and a password as Basic.

Fails closed: no header, a header of another form, a wrong key are all a refusal. Who tries too
often waits longer and longer for the answer, and is then sent away for a while; the table of
addresses is bounded. The control token goes as the password of the user `p2pd`, too, and so does
any key as that of its user.
"""

from __future__ import annotations

import base64
import binascii
import enum
import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from twisted.logger import Logger

from p2pd.base.addresses import canonical_host
from p2pd.base.clock import Clock
from p2pd.base.errors import FormatError
from p2pd.base.measures import Labels, Measure, bounded, counters
from p2pd.control.access.accounts import MOST_LOOKING, Accounts, TooBusyError
from p2pd.control.access.caller import OWNER, Identity
from p2pd.control.access.roles import Role

MAX_TRIES = 8
PROMPT_TRIES = 3
"""Wrong ones that are answered at once; then half a second later, and twice as late each time."""
FIRST_DELAY = 0.5
LOCK_SECONDS = 60.0
MOST_LOCK_SECONDS = 3600.0
"""A lock is twice as long as the one before."""
FORGET_SECONDS = 600.0
MAX_ADDRESSES = 4096
MAX_HEADER = 4096


class Verdict(enum.Enum):
    """What became of a request's credentials."""

    WELCOME = "welcome"
    MISSING = "missing"
    WRONG = "wrong"
    LOCKED = "locked"
    PASSWORD = "password"
    """Of a user, which has to be looked at."""


_REFUSALS = (Verdict.MISSING, Verdict.WRONG, Verdict.LOCKED)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a header holds; the user is empty in one that is Bearer."""

    user: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict; who it is if that is WELCOME, and else after how long to say so."""

    verdict: Verdict
    identity: Identity | None = None
    delay: float = 0.0


@dataclass(slots=True)
class _Tries:
    count: int
    last: float
    locks: int = 0

    @property
    def lock_seconds(self) -> float:
        return min(MOST_LOCK_SECONDS, LOCK_SECONDS * float(2 ** min(self.locks - 1, 10)))


class Login:
    """Judges credentials by the accounts, and counts bad ones by address."""

    log = Logger()

    def __init__(self, accounts: Accounts, clock: Clock) -> None:
        self.accounts = accounts
        self._clock = clock
        self._tries: OrderedDict[str, _Tries] = OrderedDict()
        self._refused: Counter[Labels] = Counter()

    def measures(self) -> Sequence[Measure]:
        """Logins in numbers."""
        return [
            counters(
                "rpc_logins_refused_total",
                "Requests without the right key or password, by whether it was missing or wrong, "
                "or the address is locked.",
                ("reason",),
                self._refused,
            ),
            *bounded(
                "rpc_login_addresses",
                "Addresses that are remembered for wrong keys and passwords.",
                len(self._tries),
                MAX_ADDRESSES,
            ),
            *bounded(
                "rpc_passwords",
                "Passwords that are being looked at, and that wait for it.",
                self.accounts.looking,
                MOST_LOOKING,
            ),
        ]

    def judge(self, authorization: bytes | None, host: str) -> Judgement:
        """What to say to an Authorization header from `host`, an IP address in text."""
        judgement = self._judged(authorization, host)
        if judgement.verdict in _REFUSALS:
            self._refused[judgement.verdict.value,] += 1
        return judgement

    def _judged(self, authorization: bytes | None, host: str) -> Judgement:
        if self.accounts.open_to_all:
            return Judgement(Verdict.WELCOME, Identity(OWNER, Role.ADMIN))
        source, loopback = _source_of(host)
        # A locked address does not even get its key looked at, or guessing would go on behind
        # the lock. Loopback does: whoever shares a host or a proxy cannot lock the owner out.
        locked = self._is_locked(source)
        if locked and not loopback:
            return Judgement(Verdict.LOCKED)
        if authorization is None:
            return Judgement(Verdict.LOCKED if locked else Verdict.MISSING)
        given = credentials_of(authorization)
        identity = None if given is None else self._known(given)
        if identity is not None:
            self._tries.pop(source, None)
            return Judgement(Verdict.WELCOME, identity)
        if locked:
            return Judgement(Verdict.LOCKED)
        if given is not None and given.user and given.user != OWNER:
            return Judgement(Verdict.PASSWORD)
        return self._wrong(source)

    async def look(self, authorization: bytes | None, host: str) -> Judgement:
        """The same, when it said PASSWORD: by looking at it. Raises TooBusyError."""
        given = credentials_of(authorization)
        source, _ = _source_of(host)
        if given is None:
            return self._wrong(source)
        # Counted before the thread looks: who sends many at once gets no more tries than others.
        # The same one on many connections is one try.
        again = self.accounts.looks_at(given.user, given.secret)
        wrong = Judgement(Verdict.WRONG) if again else self._wrong(source)
        try:
            identity = await self.accounts.of_password(given.user, given.secret)
        except TooBusyError:
            self._take_back(source)
            raise
        if identity is None:
            self._refused[Verdict.WRONG.value,] += 1
            return wrong
        self._tries.pop(source, None)
        return Judgement(Verdict.WELCOME, identity)

    def is_locked_out(self, host: str) -> bool:
        """Whether nothing is to be looked at that comes from there; never so on loopback."""
        source, loopback = _source_of(host)
        return self._is_locked(source) and not loopback

    def guessed(self, host: str) -> float:
        """Somebody guessed at something else: it counts alike. After how long to say so."""
        return self._wrong(_source_of(host)[0]).delay

    def identify(self, authorization: bytes | None) -> Identity | None:
        """Who it is, as far as that is known at once; counts nothing."""
        if self.accounts.open_to_all:
            return Identity(OWNER, Role.ADMIN)
        given = credentials_of(authorization)
        return None if given is None else self._known(given)

    def is_claimed(self, authorization: bytes | None, host: str) -> bool:
        """Whether it may be a user's, who is not known yet."""
        given = credentials_of(authorization)
        if given is None or self._is_locked(_source_of(host)[0]):
            return False
        return self.accounts.has_user(given.user)

    def _known(self, given: Credentials) -> Identity | None:
        identity = self.accounts.of_secret(given.secret)
        if identity is not None:
            return identity if given.user in ("", identity.user) else None
        return self.accounts.remembered(given.user, given.secret) if given.user else None

    def _is_locked(self, source: str) -> bool:
        tries = self._tries.get(source)
        if tries is None:
            return False
        now = self._clock.seconds()
        silent = now - tries.last
        held = tries.lock_seconds if tries.count >= MAX_TRIES else 0.0
        if silent >= held + FORGET_SECONDS:
            del self._tries[source]
        elif held and silent >= held:
            tries.count, tries.last = 0, now
        return silent < held

    def _wrong(self, source: str) -> Judgement:
        tries = self._tries.setdefault(source, _Tries(0, 0.0))
        tries.count += 1
        if tries.count == MAX_TRIES:
            tries.locks += 1
            self.log.warn(
                "{source} is locked out for {seconds:.0f} s: too many wrong keys or passwords",
                source=source,
                seconds=tries.lock_seconds,
            )
        tries.last = self._clock.seconds()
        self._tries.move_to_end(source)
        while len(self._tries) > MAX_ADDRESSES:
            self._tries.popitem(last=False)
        late = tries.count - PROMPT_TRIES
        delay = FIRST_DELAY * 2 ** min(late - 1, MAX_TRIES) if late > 0 else 0.0
        return Judgement(Verdict.WRONG, delay=delay)

    def _take_back(self, source: str) -> None:
        tries = self._tries.get(source)
        if tries is not None:
            tries.locks -= tries.count == MAX_TRIES
            tries.count = max(0, tries.count - 1)


def credentials_of(authorization: bytes | None) -> Credentials | None:
    """What an Authorization header holds (RFC 7617, RFC 6750); None: nothing of either form."""
    if authorization is None or len(authorization) > MAX_HEADER:
        return None
    scheme, _, rest = authorization.strip().partition(b" ")
    try:
        if scheme.lower() == b"bearer":
            return Credentials("", rest.strip().decode())
        if scheme.lower() == b"basic":
            pair = base64.b64decode(rest.strip(), validate=True).decode()
            user, colon, secret = pair.partition(":")
            return Credentials(user, secret) if colon and user else None
    except (binascii.Error, ValueError):
        return None
    return None


def _source_of(host: str) -> tuple[str, bool]:
    """What tries are counted by, and whether it is loopback: an IPv6 host owns its whole /64."""
    try:
        address = ipaddress.ip_address(canonical_host(host))
    except FormatError:
        return host, False
    if isinstance(address, ipaddress.IPv6Address) and not address.is_loopback:
        return str(ipaddress.ip_network((address, 64), strict=False)), False
    return str(address), address.is_loopback
