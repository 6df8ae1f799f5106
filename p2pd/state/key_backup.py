"""CAs, certificates and private keys in a backup: a tar that is sealed with a passphrase.

Its members are the files of each CA (its key in PEM, without a seal of its own), ``tls/HASH.json``
and ``enrolled/ID.json`` with what is kept of torrents and of this node's certificates, keys and
all, and revocation lists. The key of the node is not among them: two nodes with one would be taken
for one. What is read was sealed by who has the passphrase; its names and sizes are bounded all the
same. Everything here blocks.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO

from p2pd.base.errors import P2pdError, StateError
from p2pd.formats.sealed_file import SealedReader, SealedWriter
from p2pd.formats.x509.keys_at_rest import KeySeal
from p2pd.state.files import read_at_most
from p2pd.state.key_files import CA_FOLDER, KeyFiles
from p2pd.state.revocation_files import FOLDER as LISTS
from p2pd.state.revocation_files import RevocationFiles
from p2pd.state.swarm_ca.enrolled import Enrolled, EnrolledStore
from p2pd.state.swarm_ca.folder import BOOK, CERTIFICATE, ISSUED, KEY
from p2pd.state.swarm_ca.revoking import LIST
from p2pd.state.swarm_ca.store import SwarmCaStore
from p2pd.state.torrent_keys import KeptCertificate, TorrentKeys

MOST_FILES = 250_000
MOST_BYTES = 512 * 1024 * 1024
MAX_MEMBER = 40 * 1024 * 1024
_CA = re.compile(
    rf"{CA_FOLDER}/(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]{{0,63}})/"
    r"(?P<file>ca\.pem|ca\.key|book\.json|revoked\.pem|issued/[0-9a-f]{1,40}\.pem)\Z"
)
_TORRENT = re.compile(r"tls/(?P<hash>[0-9a-f]{40})\.json\Z")
_ENROLLED = re.compile(r"enrolled/(?P<id>[0-9a-f]{16})\.json\Z")
_LIST = re.compile(rf"{LISTS}/[0-9a-f]{{64}}\.pem\Z")


@dataclass(slots=True)
class SavedKeys:
    """What is in a backup; `problems` says in words what could not be put into it, or read."""

    authorities: dict[str, dict[str, bytes]] = field(default_factory=dict, repr=False)
    """By name: each file by its path in the CA's folder."""
    torrents: dict[str, KeptCertificate] = field(default_factory=dict)
    enrolled: list[tuple[Enrolled, str]] = field(default_factory=list, repr=False)
    """Each with its private key, in PEM."""
    lists: list[bytes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Of private keys."""
        own = sum(bool(kept.private_key) for kept in self.torrents.values())
        return own + len(self.enrolled) + len(self.authorities)


def collect(state_folder: str, keys: KeyFiles) -> SavedKeys:
    """All that there is in a state folder now."""
    saved = SavedKeys()
    try:
        store = SwarmCaStore(os.path.join(state_folder, CA_FOLDER), keys)
        for folder in store.authorities():
            _collect_authority(saved, folder.path, keys)
        saved.torrents = TorrentKeys(state_folder, keys).load()
    except StateError as problem:
        saved.problems.append(str(problem))
    enrolled = EnrolledStore(state_folder, keys)
    good, bad = enrolled.load()
    saved.problems += bad
    for each in good:
        try:
            saved.enrolled.append((each, enrolled.key(each)))
        except P2pdError as problem:
            saved.problems.append(str(problem))
    saved.problems += [kept.trouble for kept in saved.torrents.values() if kept.trouble]
    saved.lists = list(RevocationFiles(state_folder).load())
    return saved


def has_keys(state_folder: str) -> bool:
    """Whether there is something that a backup would lack without them."""
    for name in (CA_FOLDER, "tls", "enrolled"):
        try:
            if os.listdir(os.path.join(state_folder, name)):
                return True
        except OSError:
            continue
    return False


def write_keys(file: BinaryIO, saved: SavedKeys, seal: KeySeal) -> None:
    """Put it into a file, sealed. Raises StateError: it is too much; OSError."""
    members = list(_members(saved))
    if len(members) > MOST_FILES or sum(len(data) for _, data in members) > MOST_BYTES:
        raise StateError("the files of the CAs here are too many, or too long, for a backup")
    with SealedWriter(file, seal) as sealed, tarfile.open(fileobj=sealed, mode="w|") as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o600
            archive.addfile(member, io.BytesIO(data))


def read_keys(file: BinaryIO, seals: Sequence[KeySeal]) -> SavedKeys:
    """What is in such a file. Raises SealedKeyError, FormatError, and what tarfile raises."""
    saved, size = SavedKeys(), 0
    with tarfile.open(fileobj=SealedReader(file, seals), mode="r|") as archive:
        for count, member in enumerate(archive):
            size += member.size
            if count >= MOST_FILES or member.size > MAX_MEMBER or size > MOST_BYTES:
                raise StateError("the keys in the backup are too many, or too long")
            content = archive.extractfile(member) if member.isreg() else None
            if content is not None:
                _take(saved, member.name, content.read())
    return saved


def _collect_authority(saved: SavedKeys, path: str, keys: KeyFiles) -> None:
    files: dict[str, bytes] = {}
    try:
        files[KEY] = keys.read(os.path.join(path, KEY))
        for name in (CERTIFICATE, BOOK):
            files[name] = read_at_most(os.path.join(path, name), MAX_MEMBER)
        if os.path.lexists(os.path.join(path, LIST)):
            files[LIST] = read_at_most(os.path.join(path, LIST), MAX_MEMBER)
        for name in sorted(os.listdir(os.path.join(path, ISSUED))):
            inside = os.path.join(ISSUED, name)
            if not _CA.match(f"{CA_FOLDER}/x/{inside}"):
                continue
            with suppress(FileNotFoundError):  # it was over, and is forgotten by now
                files[inside] = read_at_most(os.path.join(path, inside), MAX_MEMBER)
    except (P2pdError, OSError) as problem:
        words = problem.strerror if isinstance(problem, OSError) else str(problem)
        saved.problems.append(f"the CA {os.path.basename(path)} is not in the backup: {words}")
        return
    saved.authorities[os.path.basename(path)] = files


def _members(saved: SavedKeys) -> Iterator[tuple[str, bytes]]:
    for name, files in saved.authorities.items():
        for inside, data in files.items():
            yield f"{CA_FOLDER}/{name}/{inside}", data
    for info_hash, kept in saved.torrents.items():
        if kept.ca:
            yield f"tls/{info_hash}.json", _json(**kept._asdict())
    for enrolled, key in saved.enrolled:
        yield (
            f"enrolled/{enrolled.id}.json",
            _json(
                addresses=list(enrolled.addresses),
                ca=enrolled.ca_pem,
                certificate=enrolled.certificate_pem,
                private_key=key,
            ),
        )
    for number, content in enumerate(saved.lists):
        yield f"{LISTS}/{number:064x}.pem", content


def _take(saved: SavedKeys, name: str, data: bytes) -> None:
    try:
        if (found := _CA.match(name)) is not None:
            saved.authorities.setdefault(found["name"], {})[found["file"]] = data
        elif (found := _TORRENT.match(name)) is not None:
            saved.torrents[found["hash"]] = _kept(json.loads(data))
        elif (found := _ENROLLED.match(name)) is not None:
            saved.enrolled.append(_enrolled(found["id"], json.loads(data)))
        elif _LIST.match(name):
            saved.lists.append(data)
    except (ValueError, RecursionError):
        saved.problems.append(f"{name} in the backup cannot be read")


def _kept(value: object) -> KeptCertificate:
    match value:
        case {"ca": str(ca), "name": str(name), "certificate": str(own), "private_key": str(key)}:
            return KeptCertificate(ca, name, own, key)
    raise ValueError(value)


def _enrolled(id_: str, value: object) -> tuple[Enrolled, str]:
    match value:
        case {
            "addresses": list(addresses),
            "ca": str(ca),
            "certificate": str(own),
            "private_key": str(key),
        } if all(isinstance(each, str) for each in addresses):
            return Enrolled(id_, own, ca, tuple(addresses)), key
    raise ValueError(value)


def _json(**value: object) -> bytes:
    return json.dumps(value).encode()
