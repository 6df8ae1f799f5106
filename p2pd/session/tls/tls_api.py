"""What control asks about torrents whose peers are reached by TLS: a part of session/api.py."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Protocol

from p2pd.session.revoking.prospects import Prospects
from p2pd.session.revoking.revocations_api import RevocationsApi


class TlsState(enum.Enum):
    """Whether such a torrent can have peers. The values are the control API's words."""

    READY = "ready"
    OFF = "off"
    """There is no port for TLS."""
    NO_CERTIFICATE = "no_certificate"
    CHECKING = "checking"
    """Its certificate is looked at."""
    UNFIT = "unfit"
    """It has one that cannot be used, or its CA's is none."""
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    """Its CA took it back."""


@dataclass(frozen=True, slots=True)
class TlsReport:
    """How it stands. `not_before` and `not_after` are Unix seconds, 0 without a certificate.

    `why` says in words why it has no peers; empty when it may have them.
    """

    state: TlsState
    why: str = ""
    ca_name: str = ""
    certificate_name: str = ""
    issuer: str = ""
    serial: int = 0
    not_before: float = 0.0
    not_after: float = 0.0
    prospects: Prospects = field(default_factory=Prospects)


@dataclass(frozen=True, slots=True)
class GivenCertificate:
    """What a user hands in, in PEM. `ca` is for a magnet whose metadata is not here yet."""

    certificate: str
    private_key: str = field(repr=False)
    ca: str = ""


class CertificatesApi(Protocol):
    """Certificates of torrents."""

    @property
    def revocations(self) -> RevocationsApi:
        """Lists of those that CAs took back."""

    async def give(self, torrent: Any, given: GivenCertificate) -> TlsReport:
        """Use this one from now on, also after a restart. Raises P2pdError: it does not fit."""

    async def pass_on(self, before: Any, after: Any) -> None:
        """The second gets those of the first, if it needs some and has none. Raises P2pdError."""

    async def take_away(self, torrent: Any) -> None:
        """Use none: it has no peers until it gets another. Raises P2pdError."""
