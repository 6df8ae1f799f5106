"""The secrets of a session's torrents: kept sealed in their records, in use once they are opened.

Whether a torrent has one its record says. If that cannot be opened (the passphrase of private keys
is another one, or gone) the torrent has no peers at all: it is never as if there were none.
"""

from __future__ import annotations

import re
from base64 import b32encode
from typing import Any, Iterable, Protocol

from twisted.internet.defer import DeferredLock

from p2pd.base.clock import Clock
from p2pd.base.errors import FormatError, P2pdError
from p2pd.base.ids import InfoHashes
from p2pd.protocols.swarm_secret.secret import MOST_PASSPHRASE, Passphrase, SwarmSecret, read_secret
from p2pd.session.secrets.guesses import Guesses
from p2pd.session.secrets.secret_names import SecretNames
from p2pd.state.kept_secrets import KeptSecrets
from p2pd.state.key_files import KeyFiles
from p2pd.state.resume import TorrentRecord
from p2pd.storage.disks import Disks
from p2pd.transports.encryption.secret_openings import ProofCounts

CHANGED = "who may be a peer of the torrent is decided otherwise now"
HAS_CERTIFICATES = "its peers are told apart by certificates: it can have no secret"
HAS_BOTH = (
    "it has a secret, and its peers are to have certificates: it has no peers before the secret is"
    " taken away"
)
GONE = "the torrent was removed meanwhile"
NOT_THIS = "the torrent is here, and not with this secret: change that first"
TOO_MANY = "too many secrets were tried for the torrent, which is here: come again in a minute"
CANNOT_ENCRYPT = "a secret needs RC4, which this system's OpenSSL does not have"


class SecretHost(Protocol):
    """What is needed of the session."""

    clock: Clock
    disks: Disks
    store: Any
    torrents: Any
    connections: Any
    activity: Any

    def background(self, work: Any, what: str) -> None:
        """Run something nobody waits for."""


class SecretTorrents:
    """One for a session."""

    def __init__(self, host: SecretHost, keys: KeyFiles) -> None:
        self.names = SecretNames(host.torrents.swarm_keys)
        host.torrents.naming = self
        self.counts = ProofCounts()
        self._host = host
        self._keeping = KeptSecrets(keys)
        self._known: dict[str, SwarmSecret | str] = {}
        """By what records have; in words where it cannot be opened."""
        self._stretching = DeferredLock()
        self._guesses = Guesses(host.clock)

    # -- what is kept --------------------------------------------------------------------------

    async def kept(self, text: str, hashes: InfoHashes, name: str) -> str:
        """What the record of a torrent is to have of a secret, as a user gave it.

        Who asked has to say when no torrent gets it (`let_go`). Raises P2pdError: it is none, or it
        could not be used here, or what it is of this torrent everybody knows who would guess at it.
        """
        if self._host.connections.opener.work is None:
            raise P2pdError(CANNOT_ENCRYPT)
        given = read_secret(text, _known_of(hashes, name))
        if isinstance(given, Passphrase):
            given = await self._stretched(given, hashes.wire_ids[0])
        kept: str = await self._host.disks.aside.run("write", self._keeping.kept, given.key)
        self._known[kept] = given
        return kept

    async def _stretched(self, passphrase: Passphrase, wire_id: bytes) -> SwarmSecret:
        """One at a time: each takes much memory."""
        await self._stretching.acquire()
        try:
            return await self._host.disks.aside.run("read", passphrase.stretched, wire_id)
        finally:
            self._stretching.release()

    async def recall(self, records: list[TorrentRecord]) -> list[TorrentRecord]:
        """Open the secrets of these, before any of them becomes a torrent; the same records."""
        wanted = [each for each in records if each.secret and each.secret not in self._known]
        if wanted:
            self._known.update(await self._host.disks.aside.run("read", self._opened, wanted))
            self._host.background(self._seal_again(wanted), "secrets")
        return records

    def _opened(self, records: Iterable[TorrentRecord]) -> dict[str, SwarmSecret | str]:
        """In a thread."""
        found: dict[str, SwarmSecret | str] = {}
        for record in records:
            try:
                found[record.secret] = SwarmSecret(self._keeping.opened(record.secret))
            except (P2pdError, ValueError) as problem:
                found[record.secret] = f"its secret cannot be opened: {problem}"
        return found

    async def _seal_again(self, records: Iterable[TorrentRecord]) -> None:
        """Have those sealed by the passphrase of now that lie otherwise."""
        for record in records:
            before, secret = record.secret, self._known.get(record.secret)
            if not isinstance(secret, SwarmSecret):
                continue
            aside = self._host.disks.aside
            if await aside.run("read", self._keeping.is_as_it_should_be, before):
                continue
            kept = await aside.run("write", self._keeping.kept, secret.key)
            if record.secret == before:
                self._known[kept] = secret
                record.secret = kept
                self.let_go(before)
                await self._host.store.save(record)

    # -- torrents ------------------------------------------------------------------------------

    def of(self, torrent: Any) -> SwarmSecret | None:
        """The secret of one that has any, and that could be opened."""
        found = self._known.get(torrent.record.secret)
        return found if isinstance(found, SwarmSecret) else None

    def why_not(self, torrent: Any) -> str:
        """Why it has no peers, in words; empty: nothing is in their way here."""
        if torrent.record.secret and torrent.wants_certificates:
            return HAS_BOTH
        if not torrent.record.secret or self.of(torrent) is not None:
            return ""
        return str(self._known.get(torrent.record.secret, "its secret was not opened"))

    def named(self, torrent: Any) -> None:
        """It is here, or has another info-hash or another secret than before.

        A magnet may turn out to have a CA: who knows the secret alone is no peer of that swarm, and
        who has a certificate alone is none here.
        """
        secret, why_not = self.of(torrent), self.why_not(torrent)
        if secret is None or why_not:
            self.names.drop(torrent)
        else:
            self.names.put(torrent, secret)
        if why_not and torrent.running:
            torrent.hang_up_on_all(why_not)
            torrent.fail(why_not)

    def check_same(self, here: TorrentRecord, wanted: TorrentRecord) -> None:
        """Raise FormatError if a torrent that is here was added with another secret once more.

        Who adds it without one does not know, or need to know, that it has one. Who tries many is
        not told any more, whether he is right or not.
        """
        if not wanted.secret:
            return
        ours, theirs = self._known.get(here.secret), self._known.get(wanted.secret)
        if not self._guesses.takes(here.id):
            raise FormatError(TOO_MANY)
        known = isinstance(ours, SwarmSecret) and isinstance(theirs, SwarmSecret)
        if not (known and ours.is_same_as(theirs)):  # type: ignore[union-attr, arg-type]
            raise FormatError(NOT_THIS)

    async def change(self, torrent: Any, text: str) -> None:
        """Use this secret from now on; empty: it is for everybody. Raises P2pdError.

        Whoever is connected has to come back and show that he knows it.
        """
        if text and torrent.wants_certificates:
            raise P2pdError(HAS_CERTIFICATES)
        kept = await self.kept(text, torrent.info_hashes, torrent.record.name) if text else ""
        if self._host.torrents.by_id(torrent.record.id) is not torrent:
            self.let_go(kept)
            raise P2pdError(GONE)
        waited = bool(self.why_not(torrent))
        before, torrent.record.secret = torrent.record.secret, kept
        self.let_go(before)
        self._guesses.forget(torrent.record.id)
        self._host.torrents.learn_hashes(torrent)
        torrent.hang_up_on_all(CHANGED)
        torrent.trackers.sources_changed()
        self._host.connections.way_changed(torrent, CHANGED)
        self._host.activity.changed(torrent)
        if waited:
            self._host.background(torrent.start_unless_paused(), torrent.record.name)

    def forget(self, torrent: Any) -> None:
        """It is removed, and was taken out of the session's torrents."""
        self.names.drop(torrent)
        self._guesses.forget(torrent.record.id)
        self.let_go(torrent.record.secret)

    def let_go(self, kept: str) -> None:
        """What a record has, or was to have, is not needed any more, unless a torrent has it."""
        if kept and all(torrent.record.secret != kept for torrent in self._host.torrents):
            self._known.pop(kept, None)


def _known_of(hashes: InfoHashes, name: str) -> list[str]:
    """What of a torrent is known to whoever heard of it."""
    ids = [found for found in (hashes.v1, hashes.v2) if found is not None]
    words = [*(found.hex() for found in ids), *(b32encode(found).decode() for found in ids)]
    name = name[:MOST_PASSPHRASE]
    return [*words, name, *re.findall(r"\w+", name)]
