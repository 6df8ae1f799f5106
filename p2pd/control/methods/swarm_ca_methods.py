"""p2pd's own: CAs of private swarms, the certificates they issue, and those this node was given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from p2pd.automation.swarm_ca.authorities import Authorities
from p2pd.automation.swarm_ca.enrolments import Enrolments, Wishes
from p2pd.automation.swarm_ca.own_certificates import Known, OwnCertificates, print_of
from p2pd.automation.swarm_ca.renewals import Renewals
from p2pd.automation.swarm_ca.revoking import SwarmCaRevoking
from p2pd.base.errors import FormatError, P2pdError
from p2pd.control.access.caller import current_caller
from p2pd.control.gate import is_loopback
from p2pd.control.methods.revocation_methods import RevocationMethods
from p2pd.control.methods.selection import Ids, Selection, ids
from p2pd.control.schema import (
    JsonObject,
    Param,
    absolute_path,
    boolean,
    described,
    integer,
    labels,
    list_of,
    number,
    refuse,
    takes,
    text,
)
from p2pd.formats.metainfo import Metainfo, to_torrent
from p2pd.formats.x509.peer_names import ANY_TORRENT, names
from p2pd.formats.x509.pem import MAX_PEM
from p2pd.formats.x509.revocation import parse_serial
from p2pd.formats.x509.swarm_ca import (
    DEFAULT_CA_DAYS,
    DEFAULT_DAYS,
    LEAST_DAYS,
    LONGEST_LABEL,
    LONGEST_NAME,
    MOST_CA_DAYS,
    MOST_DAYS,
    MOST_NAMES,
    fingerprint,
    label_of,
)
from p2pd.protocols.enrolment.exchange import MAX_TORRENTS
from p2pd.protocols.enrolment.token import (
    LONGEST_ADDRESS,
    LONGEST_TOKEN,
    MOST_ADDRESSES,
    check_address,
)
from p2pd.session.api import SessionApi, TorrentView
from p2pd.state.swarm_ca.book import MOST_TORRENTS, MOST_USES, Limits
from p2pd.state.swarm_ca.ends import USUAL_WARNING, warnings
from p2pd.state.swarm_ca.folder import Wanted
from p2pd.state.swarm_ca.issuing import MOST_HOURS, TokenWish
from p2pd.state.swarm_ca.views import (
    AuthorityView,
    ca_row,
    dates_of,
    given_row,
    token_row,
    whole_row,
)


@dataclass(frozen=True, slots=True)
class SwarmCaParts:
    """What the methods work with.

    `addresses` are those where other nodes may reach the control API of this one, `tls_port` is
    where peers of torrents with a CA do.
    """

    authorities: Authorities
    own: OwnCertificates
    renewals: Renewals
    enrolments: Enrolments
    addresses: Callable[[], Sequence[str]]
    label: str = ""
    tls_port: Callable[[], int] = lambda: 0
    warn_seconds: Callable[[], float] = lambda: USUAL_WARNING
    """Before the end of a CA, or of what it issued."""


@described({"type": "string", "pattern": "^[0-9a-fA-F:]+$", "maxLength": 64})
def serial(name: str, value: object) -> int:
    """The serial of a certificate, in hex."""
    try:
        return parse_serial(text(64)(name, value))
    except FormatError as problem:
        raise refuse(f"{name}: {problem}") from None


@described({"type": "string", "format": "uri", "maxLength": LONGEST_ADDRESS})
def address(name: str, value: object) -> str:
    """Where the control API of a node is."""
    found: str = text(LONGEST_ADDRESS)(name, value)
    try:
        check_address(found)
    except FormatError as problem:
        raise refuse(f"{name}: {problem}") from None
    return found


def _bounds(most: float) -> str:
    return f"between 1/24 (one hour) and {most:g}"


_NAME = Param("name", text(64))
_NAMES = list_of(text(LONGEST_NAME), MOST_NAMES)
_DAYS = number(LEAST_DAYS, MOST_DAYS, _bounds(MOST_DAYS))
_LABEL = Param("label", text(LONGEST_LABEL), "")

CA_PARAMS = (
    _NAME,
    Param("days", number(LEAST_DAYS, MOST_CA_DAYS, _bounds(MOST_CA_DAYS)), float(DEFAULT_CA_DAYS)),
    Param("names", _NAMES, ()),
    Param("usual_days", _DAYS, DEFAULT_DAYS),
    Param("most_days", _DAYS, MOST_DAYS),
)
ISSUE_PARAMS = (
    _NAME,
    Param("names", _NAMES, ()),
    Param("ids", ids, ()),
    Param("hosts", _NAMES, ()),
    Param("days", _DAYS, None),
    _LABEL,
    Param("request", text(MAX_PEM), None),
    Param("renewable", boolean, True),
)
TOKEN_PARAMS = (
    _NAME,
    Param("names", _NAMES, ()),
    Param("ids", ids, ()),
    Param("uses", integer(1, MOST_USES), 1),
    Param("hours", number(0.01, MOST_HOURS), 24.0),
    Param("days", _DAYS, None),
    _LABEL,
    Param("renewable", boolean, True),
    Param("addresses", list_of(address, MOST_ADDRESSES), ()),
)
ENROL_PARAMS = (
    Param("token", text(2 * LONGEST_TOKEN)),
    Param("ids", ids, ()),
    Param("add", boolean, True),
    Param("paused", boolean, None),
    Param("download_dir", absolute_path, None),
    Param("labels", labels, ()),
    _LABEL,
)


class SwarmCaMethods(RevocationMethods):
    """The methods whose names start with `swarm`."""

    def __init__(self, parts: SwarmCaParts, api: SessionApi, selection: Selection) -> None:
        super().__init__(SwarmCaRevoking(parts.authorities, api))
        self._parts = parts
        self._api = api
        self._selection = selection

    @takes(*CA_PARAMS, strict=True)
    async def jsonrpc_ca_create(
        self, name: str, days: float, names: tuple[str, ...], usual_days: float, most_days: float
    ) -> JsonObject:
        """Make a CA, whose key stays here."""
        limits = Limits(names, most_days, min(usual_days, most_days))
        return {"ca": ca_row(await self._parts.authorities.create(name, days, limits))}

    @takes(Param("name", text(64), None))
    async def jsonrpc_ca_list(self, name: str | None) -> JsonObject:
        """The CAs that are here, or one with what it issued; and this node's own certificates."""
        authorities = self._parts.authorities
        if name is None:
            found = await authorities.list()
            own = [own_row(known) for known in self._parts.own.all.values()]
            cas = [ca_row(view, self._warnings(view)) for view in found]
            return {"cas": cas, "certificates": own}
        view = await authorities.show(name)
        return whole_row(view, self._warnings(view))

    @takes(*ISSUE_PARAMS, strict=True)
    async def jsonrpc_ca_issue(
        self,
        name: str,
        names: tuple[str, ...],
        ids: Ids,
        hosts: tuple[str, ...],
        request: str | None,
        **rest: Any,
    ) -> JsonObject:
        """Issue a certificate, for the key of a request or a new one."""
        if hosts and (names or ids):
            raise refuse("a certificate is for a server (hosts) or for torrents (names, ids)")
        _, own = await self._chosen(name, ids)
        wanted = Wanted(hosts or _names_of(names, own), server=bool(hosts), **rest)
        return given_row(await self._parts.authorities.issue(name, wanted, request))

    @takes(
        Param("name", text(64), None), Param("serial", serial, None), Param("id", text(16), None)
    )
    async def jsonrpc_ca_renew(
        self, name: str | None, serial: int | None, id: str | None
    ) -> JsonObject:
        """Renew what a CA here issued, by serial; or a certificate of this node, by id."""
        if name is not None and serial is not None and id is None:
            return given_row(await self._parts.authorities.renew(name, serial))
        if id is not None and name is None and serial is None:
            return {"certificate_of_node": own_row(await self._parts.renewals.renew(id))}
        raise refuse("say name and serial, of a CA that is here, or the id of a certificate")

    @takes(*TOKEN_PARAMS, strict=True)
    async def jsonrpc_ca_token(
        self, name: str, names: tuple[str, ...], ids: Ids, addresses: tuple[str, ...], **rest: Any
    ) -> JsonObject:
        """Make a token, with which another node gets a certificate, and torrents."""
        torrents, own = await self._chosen(name, ids)
        if sum(len(to_torrent(metainfo)) for metainfo in own) > MAX_TORRENTS:
            raise refuse(f"their .torrent files are more than {MAX_TORRENTS // 2**20} MiB together")
        wish = TokenWish(
            addresses=addresses or self._addresses(),
            names=_names_of(names, own),
            torrents=tuple(torrent.hash_string for torrent in torrents),
            **rest,
        )
        made, row = await self._parts.authorities.make_token(name, wish)
        return {"token": made, "addresses": list(wish.addresses), **token_row(row)}

    @takes(_NAME, Param("id", text(64)))
    async def jsonrpc_ca_token_remove(self, name: str, id: str) -> JsonObject:
        """Revoke a token."""
        await self._parts.authorities.remove_token(name, id)
        return {}

    @takes(*ENROL_PARAMS, strict=True)
    async def jsonrpc_ca_enrol(self, token: str, ids: Ids, label: str, **rest: Any) -> JsonObject:
        """Have the node with the CA issue a certificate to this one, for a key made here."""
        torrents = tuple(self._one(each) for each in ids)
        wishes = Wishes(torrents, label=label or self._parts.label, **rest)
        found = await self._parts.enrolments.enrol(
            token, wishes, self._api.add, self._api.add_peers
        )
        known = self._parts.own.all[found.enrolled.id]
        return {
            "certificate_of_node": own_row(known),
            "ca": found.enrolled.ca_pem,
            "ids": [torrent.id for torrent in found.given_to],
            "added": [torrent.id for torrent in found.added],
            "problems": list(found.problems),
        }

    def _warnings(self, view: AuthorityView) -> Sequence[str]:
        now = self._parts.authorities.now().timestamp()
        return warnings(view, now, self._parts.warn_seconds())

    def _addresses(self) -> tuple[str, ...]:
        """Where others reach this node, as far as is known. Raises RpcError if nobody does."""
        called = current_caller().base_url
        host = urlsplit(called).hostname or ""
        found = [] if host in ("", "localhost") or is_loopback(host) else [called]
        found += [each for each in self._parts.addresses() if each not in found]
        if not found:
            raise refuse(
                "other nodes cannot reach the control API, which listens on this machine alone: "
                "set control.interface, or say where a proxy has it (addresses, --address)"
            )
        return tuple(found[:MOST_ADDRESSES])

    async def _chosen(self, name: str, ids: Ids) -> tuple[list[TorrentView], list[Metainfo]]:
        """The torrents of these ids, which are private to a CA. Raises RpcError, P2pdError."""
        torrents = [self._one(each) for each in ids]
        if len(torrents) > MOST_TORRENTS:
            raise refuse(f"{MOST_TORRENTS} torrents at most go together")
        found: list[Metainfo] = []
        if not torrents:
            return [], found
        view = await self._parts.authorities.show(name)
        if view.certificate is None:
            raise P2pdError(view.problem)
        for torrent in torrents:
            metainfo = await self._api.metainfo(torrent)
            if metainfo is None:
                raise refuse(f"{torrent.name}: its metadata is not here yet")
            if metainfo.tls_ca is None or print_of(metainfo.tls_ca) != fingerprint(
                view.certificate
            ):
                raise refuse(f"{torrent.name}: it is not private to the CA {name!r}")
            found.append(metainfo)
        return torrents, found

    def _one(self, key: int | str) -> TorrentView:
        """A torrent that has to be there: without it a certificate would be for others."""
        found = self._selection.torrents((key,))
        if len(found) != 1:
            raise refuse(f"there is no torrent {str(key)[:64]!r}")
        return found[0]


async def torrent_files(api: SessionApi, torrents: Sequence[TorrentView]) -> list[bytes]:
    """The .torrent files of those that have their metadata. Raises P2pdError."""
    found = [await api.metainfo(torrent) for torrent in torrents]
    return [to_torrent(metainfo) for metainfo in found if metainfo is not None]


def torrents_by_id(api: SessionApi) -> Callable[[Sequence[str]], Awaitable[list[bytes]]]:
    """The .torrent files of ids, as far as they are here still."""

    async def files(wanted: Sequence[str]) -> list[bytes]:
        found = (api.find(each) for each in wanted)
        return await torrent_files(api, [torrent for torrent in found if torrent is not None])

    return files


def _names_of(given: tuple[str, ...], torrents: Sequence[Metainfo]) -> tuple[str, ...]:
    """What a certificate is for: what was said, and those torrents; or else all."""
    found = (*given, *(torrent.name for torrent in torrents))
    return tuple(dict.fromkeys(found)) or (ANY_TORRENT,)


def own_row(known: Known) -> JsonObject:
    """A certificate of this node."""
    enrolled = known.enrolled
    return {
        "id": enrolled.id,
        "serial": f"{enrolled.certificate.serial_number:x}",
        "names": list(names(enrolled.certificate)),
        "label": label_of(enrolled.certificate),
        "ca_name": enrolled.ca.subject.rfc4514_string()[:200],
        "ca_fingerprint": fingerprint(enrolled.ca).hex(),
        "addresses": list(enrolled.addresses),
        **dates_of(enrolled.certificate),
        "renewal_date": int(known.next_at),
        "idle_date": enrolled.idle_since,
        "problem": known.problem,
    }
