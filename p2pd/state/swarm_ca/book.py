"""What an authority remembers: whom it issued what to, what may be asked for with which token.

A book is one file of JSON, bounded: what is over long enough is forgotten, and an authority that
has too much of what is not over issues no more. Of a token only what proves it is kept, never what
is asked with it. Where the file is, and who writes it when, is not known here.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

from p2pd.base.durations import days_in_words
from p2pd.base.errors import StateError
from p2pd.formats.x509.peer_names import ANY_TORRENT
from p2pd.formats.x509.swarm_ca import DEFAULT_DAYS, MOST_DAYS, SwarmCaError, check_names

VERSION = 1
MOST_ISSUED = 10_000
"""Certificates of one authority that are not over."""
MOST_TOKENS = 200
KEPT_SECONDS = 30 * 86_400.0
"""For so long it is remembered what is over, and not for longer than it was good."""
MOST_UNKNOWN = 5000
"""Serials that are revoked and not in the book: with all that are, they are on one list."""
MOST_RENEWED = 20
"""Certificates that one can have become and that are not over: who renews has one at a time."""
MOST_USES = 10_000
MOST_TORRENTS = 100
"""That go with a token."""
RENEWAL = "renewal of "
"""Before the serial in the `way` of a certificate that was renewed."""
MAX_BOOK = 32 * 1024 * 1024

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Limits:
    """What an authority issues, whoever asks: for which torrents, and for how long."""

    names: tuple[str, ...] = ()
    """Empty: for any."""
    most_days: float = MOST_DAYS
    usual_days: float = DEFAULT_DAYS

    def check(self, names: Sequence[str], days: float) -> None:
        """Raises SwarmCaError for what is beyond them."""
        check_names(names)
        beyond = [name for name in names if self.names and name not in self.names]
        if beyond:
            what = "all torrents" if beyond[0] == ANY_TORRENT else f"{beyond[0][:100]!r}"
            raise SwarmCaError(f"the CA is not for {what}, but for {_listed(self.names)} alone")
        if days > self.most_days:
            raise SwarmCaError(
                f"the CA issues for {days_in_words(self.most_days)} at most, "
                f"not for {days_in_words(days)}"
            )


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was issued; times are in Unix seconds."""

    serial: int
    names: tuple[str, ...]
    key: str
    """The SHA-256 of its public key in DER, in hex."""
    issued_at: int
    expires_at: int
    label: str = ""
    way: str = ""
    """How it was asked for: by hand if empty, or with which token, or to renew which serial."""
    renewable: bool = True
    server: bool = False
    """For a server of these names and addresses, and for no torrent."""
    own: bool = False
    """For a torrent of the node that has the authority, which sees to it itself."""

    @property
    def renewed_from(self) -> int | None:
        """The serial of the one that it took the place of, if it did."""
        if not self.way.startswith(RENEWAL):
            return None
        with contextlib.suppress(ValueError):
            return int(self.way.removeprefix(RENEWAL), 16)
        return None

    @property
    def kept_until(self) -> float:
        """When it is forgotten."""
        return self.expires_at + min(KEPT_SECONDS, self.expires_at - self.issued_at)


@dataclass(frozen=True, slots=True)
class EnrolmentToken:
    """What whoever has a token may ask for; times are in Unix seconds."""

    id: str
    proof: str
    """The public key that proves who has the secret, in hex: the secret itself is not kept."""
    names: tuple[str, ...]
    days: float
    uses: int
    made_at: int
    expires_at: int
    used: int = 0
    label: str = ""
    renewable: bool = True
    torrents: tuple[str, ...] = ()
    """Ids of the torrents that go with the certificate."""


@dataclass(slots=True)
class Book:
    """All of it. `revoked` has since when, by serial, and `list_number` the last list's number."""

    name: str
    made_at: int
    limits: Limits = Limits()
    issued: dict[int, Issued] = field(default_factory=dict)
    tokens: dict[str, EnrolmentToken] = field(default_factory=dict)
    revoked: dict[int, int] = field(default_factory=dict)
    list_number: int = 0

    def note_issued(self, row: Issued) -> None:
        """One more. Raises SwarmCaError when there are too many."""
        self.forget_old(row.issued_at)
        if len(self.issued) >= MOST_ISSUED:
            raise SwarmCaError(
                f"the CA has {MOST_ISSUED} certificates that are not over: it issues no more"
            )
        self.issued[row.serial] = row

    def note_token(self, row: EnrolmentToken) -> None:
        """One more. Raises SwarmCaError when there are too many, or it is beyond the limits."""
        self.limits.check(row.names, row.days)
        if not 0 < row.uses <= MOST_USES:
            raise SwarmCaError(f"a token is for 1 to {MOST_USES} nodes")
        if len(row.torrents) > MOST_TORRENTS:
            raise SwarmCaError(f"{MOST_TORRENTS} torrents at most go with a token")
        self.forget_old(row.made_at)
        if len(self.tokens) >= MOST_TOKENS:
            raise SwarmCaError(f"the CA has {MOST_TOKENS} tokens: revoke some")
        self.tokens[row.id] = row

    def spend(self, id_: str, now: float) -> EnrolmentToken:
        """Count a use of a token. Raises SwarmCaError when it is good for none."""
        token = self.token(id_, now)
        if token.used >= token.uses:
            raise SwarmCaError(_used_up(token))
        self.tokens[id_] = spent = replace(token, used=token.used + 1)
        return spent

    def token(self, id_: str, now: float) -> EnrolmentToken:
        """A token that is not over, whether it was used up or not. Raises SwarmCaError."""
        token = self.tokens.get(id_)
        if token is None:
            raise SwarmCaError("there is no such token: it may have been revoked")
        if now >= token.expires_at:
            raise SwarmCaError("the token has expired")
        return token

    def of_key(self, key: str, way: str, now: float) -> Issued | None:
        """What was issued for a key that way, and is not over or taken back."""
        for row in self.issued.values():
            good = row.expires_at > now and row.serial not in self.revoked
            if good and row.key == key and row.way == way:
                return row
        return None

    def check_renewal(self, serial: int, now: float) -> None:
        """Raises SwarmCaError when a certificate was made into too many others."""
        line = self._first(serial)
        good = [row.serial for row in self.issued.values() if row.expires_at > now]
        if sum(self._first(each) == line for each in good) > MOST_RENEWED:
            raise SwarmCaError(
                f"the certificate was renewed {MOST_RENEWED} times: "
                "not again before some of these have ended"
            )

    def lines(self, serials: Iterable[int]) -> set[int]:
        """Those in the book that these were renewed into, or are renewals of, and they themselves.

        Two that took the place of one are of one line also when that one is forgotten.
        """
        beside: dict[int, list[int]] = {}
        for row in self.issued.values():
            if (before := row.renewed_from) is not None:
                beside.setdefault(before, []).append(row.serial)
                beside.setdefault(row.serial, []).append(before)
        found, left = set[int](), list(serials)
        while left:
            if (serial := left.pop()) not in found:
                found.add(serial)
                left += beside.get(serial, ())
        return {serial for serial in found if serial in self.issued}

    def _first(self, serial: int) -> int:
        """Which certificate was renewed until it became this one, as far as that is known."""
        for _ in range(MOST_ISSUED):
            row = self.issued.get(serial)
            before = None if row is None else row.renewed_from
            if before is None or before not in self.issued:
                break
            serial = before
        return serial

    def check_unknown(self, serials: Iterable[int]) -> None:
        """Raises SwarmCaError when too many that are not in the book would be revoked."""
        unknown = {serial for serial in self.revoked if serial not in self.issued}
        more = {serial for serial in serials if serial not in self.issued} - unknown
        if more and len(unknown) + len(more) > MOST_UNKNOWN:
            raise SwarmCaError(
                f"{MOST_UNKNOWN} certificates at most are revoked that are not in the CA's book"
            )

    def forget_old(self, now: float) -> set[int]:
        """Forget what was over long ago: the serials of such certificates.

        What is not in the book was issued before it was revoked, for as long as that can be. What
        a clock that is wrong dated before the CA's own beginning counts from there.
        """
        kept = now - KEPT_SECONDS
        gone = {serial for serial, row in self.issued.items() if row.kept_until < now}
        oldest = kept - MOST_DAYS * 86_400
        if self.made_at < oldest:
            unknown = self.revoked.keys() - self.issued.keys()
            gone |= {serial for serial in unknown if self.revoked[serial] < oldest}
        self.issued = {serial: x for serial, x in self.issued.items() if serial not in gone}
        self.tokens = {id_: token for id_, token in self.tokens.items() if token.expires_at >= kept}
        # A list of revoked certificates need not have those that are over (RFC 5280, 5).
        self.revoked = {serial: x for serial, x in self.revoked.items() if serial not in gone}
        return gone


def _used_up(token: EnrolmentToken) -> str:
    return "the token was used already" if token.uses == 1 else "the token was used up"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:100]) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def book_json(book: Book) -> bytes:
    """The book as it is kept."""
    value = {
        "version": VERSION,
        "name": book.name,
        "made_at": book.made_at,
        "limits": asdict(book.limits),
        "issued": [{**asdict(row), "serial": f"{row.serial:x}"} for row in book.issued.values()],
        "tokens": [asdict(token) for token in book.tokens.values()],
        "revoked": {f"{serial:x}": since for serial, since in book.revoked.items()},
        "list_number": book.list_number,
    }
    return json.dumps(value, indent=1).encode()


def read_book(data: bytes) -> Book:
    """The book that was kept. Raises StateError when it is damaged."""
    try:
        value = json.loads(data)
        if value["version"] != VERSION:
            raise StateError(f"it is of version {value['version']!r}, which is not known here")
        issued = [_row(Issued, {**x, "serial": int(x["serial"], 16)}) for x in value["issued"]]
        tokens = [_row(EnrolmentToken, each) for each in value["tokens"]]
        return Book(
            _of(str, value["name"]),
            _of(int, value["made_at"]),
            _row(Limits, value["limits"]),
            {row.serial: row for row in issued},
            {token.id: token for token in tokens},
            {int(serial, 16): _of(int, since) for serial, since in value["revoked"].items()},
            _of(int, value["list_number"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise StateError("it is damaged") from None


_TEXTS = ("id", "proof", "key", "label", "way")
_LISTS = ("names", "torrents")
_BOOLEANS = ("renewable", "server", "own")


def _row(kind: type[Row], value: Mapping[str, Any]) -> Row:
    """A row of the file. Raises TypeError or ValueError when it is none."""
    found = dict(value)
    for name, each in found.items():
        if name in _TEXTS:
            _of(str, each)
        elif name in _LISTS:
            found[name] = tuple(_of(str, text) for text in _of(list, each))
        elif name in _BOOLEANS:
            _of(bool, each)
        elif not isinstance(each, (int, float)) or isinstance(each, bool) or each != each:
            raise TypeError
    return kind(**found)


def _of(kind: type[Row], value: object) -> Row:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError
    return value
