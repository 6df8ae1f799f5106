"""Lists of certificates that their CA took back (RFC 5280, section 5), as private swarms use them.

A list is whole (no deltas, no parts), signed by the CA that issued the certificates, and says its
number (section 5.2.3): of two the one with the higher number is in force, and of those with the
same number the one that was made later. What a list says holds after its `next_update`, too: who
was taken back does not come back because nobody made another list. Where lists come from and whom
they are for is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Iterable, Mapping

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from p2pd.base.errors import FormatError
from p2pd.formats.x509.pem import PrivateKey, PublicKey, public_bytes
from p2pd.formats.x509.unreadable import UNREADABLE

MAX_REVOKED = 16_384
"""Certificates of one list: more than a CA has at a time that have not ended."""
MAX_LIST = 704 * 1024
"""Bytes of the longest list, in DER: 41 of each certificate, and 34 KiB of all else."""
MAX_LIST_TEXT = 2 * MAX_LIST
MAX_NUMBER = 2**63 - 1
LARGEST_SERIAL = 2**159 - 1
"""A serial has 20 bytes at most, and is positive (RFC 5280, section 4.1.2.2)."""
USUAL_DAYS = 30.0
"""For how long a list is good if nobody says it."""

_UNDERSTOOD = (x509.CRLNumber, x509.AuthorityKeyIdentifier)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A list that its CA signed: `revoked` says since when (Unix seconds), by serial."""

    der: bytes
    number: int
    made_at: datetime
    next_update: datetime
    revoked: Mapping[int, int]

    @property
    def version(self) -> tuple[int, int]:
        """What lists of one CA are ordered by: the number, and when it was made (Unix seconds)."""
        return self.number, int(self.made_at.timestamp())

    def newer_than(self, other: RevocationList | None) -> bool:
        """Whether this list is to take the place of another one of its CA."""
        return other is None or self.version > other.version

    def pem(self) -> str:
        """The list as text."""
        return x509.load_der_x509_crl(self.der).public_bytes(Encoding.PEM).decode()


@lru_cache(maxsize=512)
def ca_id(ca: x509.Certificate) -> bytes:
    """What all certificates of one CA have in common, however often it was renewed: 32 bytes.

    It is made of its name and its key.
    """
    key = ca.public_key()
    if not isinstance(key, PublicKey):
        raise FormatError("the CA has a key of a kind that no certificate is signed with")
    return sha256(ca.subject.public_bytes() + public_bytes(key)).digest()


def make_list(
    ca: x509.Certificate,
    ca_key: PrivateKey,
    revoked: Mapping[int, int],
    *,
    number: int,
    now: datetime,
    days: float = USUAL_DAYS,
) -> RevocationList:
    """A new list, of serials and since when (Unix seconds) each is revoked.

    Raises FormatError when there are more than a list can hold.
    """
    if not 0 < number <= MAX_NUMBER:
        raise FormatError(f"a revocation list cannot have the number {number}")
    if len(revoked) > MAX_REVOKED:
        raise FormatError(f"a revocation list has {MAX_REVOKED} certificates at most")
    made = now.astimezone(UTC).replace(microsecond=0)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.subject)
        .last_update(made)
        .next_update(made + timedelta(days=days))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_authority(ca), critical=False)
    )
    for serial, since in sorted(revoked.items()):
        builder = builder.add_revoked_certificate(_entry(serial, since))
    signed = builder.sign(ca_key, None if isinstance(ca_key, Ed25519PrivateKey) else SHA256())
    return read_list(signed.public_bytes(Encoding.DER), ca)


def read_list(data: bytes, ca: x509.Certificate) -> RevocationList:
    """A list in DER, or in PEM, that this CA signed. Raises FormatError."""
    found = loaded(data)
    _check_signature(found, ca)
    return content_of(found)


def refusal(
    chain: Iterable[x509.Certificate], ca: x509.Certificate, in_force: RevocationList | None
) -> str | None:
    """Why nobody with this chain of certificates is let in; None: the list has none of them.

    Certificates that others than this CA issued are not judged by its list.
    """
    if in_force is None or not in_force.revoked:
        return None
    for certificate in chain:
        serial = certificate.serial_number
        if serial in in_force.revoked and certificate.issuer == ca.subject:
            return f"its certificate is revoked (serial {serial:x})"
    return None


def parse_serial(text: str) -> int:
    """The serial of a certificate as it is shown: hexadecimal digits. Raises FormatError."""
    digits = text.strip().lower().removeprefix("0x").replace(":", "")
    try:
        plain = digits.isascii() and digits.isalnum() and len(digits) <= 40
        serial = int(digits, 16) if plain else 0
    except ValueError:
        serial = 0
    if not 0 < serial <= LARGEST_SERIAL:
        raise FormatError(f"{text!r} is no serial of a certificate: hexadecimal digits are")
    return serial


def _authority(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        extension = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        key = ca.public_key()
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(extension.value)


def _entry(serial: int, since: int) -> x509.RevokedCertificate:
    at = datetime.fromtimestamp(since, UTC)
    return x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()


def loaded(data: bytes) -> x509.CertificateRevocationList:
    """A list that nobody vouches for yet, in DER or PEM. Raises FormatError."""
    is_text = b"-----BEGIN" in data[:MAX_LIST]
    if len(data) > (MAX_LIST_TEXT if is_text else MAX_LIST):
        raise FormatError(f"the revocation list is longer than {MAX_LIST // 1024} KiB")
    try:
        found = x509.load_pem_x509_crl(data) if is_text else x509.load_der_x509_crl(data)
        if is_text and len(found.public_bytes(Encoding.DER)) > MAX_LIST:
            raise FormatError(f"the revocation list is longer than {MAX_LIST // 1024} KiB")
        return found
    except FormatError:
        raise
    except UNREADABLE:
        raise FormatError("this is no revocation list, in PEM or DER") from None


def content_of(found: x509.CertificateRevocationList) -> RevocationList:
    """What a list says. Raises FormatError."""
    try:
        number = _number_of(found)
        next_update = found.next_update_utc
        if len(found) > MAX_REVOKED:
            raise FormatError(f"the revocation list has more than {MAX_REVOKED} certificates")
        revoked = {_serial(one): int(one.revocation_date_utc.timestamp()) for one in found}
        der = found.public_bytes(Encoding.DER)
        made_at = found.last_update_utc
    except FormatError:
        raise
    except UNREADABLE:
        raise FormatError("the revocation list cannot be read: its content is damaged") from None
    if next_update is None:
        raise FormatError("the revocation list does not say when the next one is due")
    return RevocationList(der, number, made_at, next_update, revoked)


def _check_signature(found: x509.CertificateRevocationList, ca: x509.Certificate) -> None:
    """Nothing else in the list is looked at before. Raises FormatError."""
    try:
        ours = found.issuer == ca.subject
        weak = isinstance(found.signature_hash_algorithm, (MD5, SHA1))
        signed = ours and found.is_signature_valid(ca.public_key())  # type: ignore[arg-type]
    except (InvalidSignature, *UNREADABLE):
        raise FormatError("the revocation list is damaged, or signed in an unknown way") from None
    if not ours:
        raise FormatError("the revocation list is of another CA")
    if not signed or weak:
        raise FormatError("the revocation list is not signed by the CA")
    if not _may_sign(ca):
        raise FormatError("the CA is not one that may sign revocation lists")


def _may_sign(ca: x509.Certificate) -> bool:
    try:
        return ca.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True
    except UNREADABLE:
        return False


def _number_of(found: x509.CertificateRevocationList) -> int:
    """Its number, if it is a list for all of the CA's certificates. Raises FormatError."""
    number = 0
    for extension in found.extensions:
        if isinstance(extension.value, x509.CRLNumber):
            number = extension.value.crl_number
        elif isinstance(extension.value, (x509.DeltaCRLIndicator, x509.IssuingDistributionPoint)):
            raise FormatError("the revocation list is a part of one: only whole lists are taken")
        elif extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            raise FormatError("the revocation list has an extension that is not known here")
    if not 0 < number <= MAX_NUMBER:
        raise FormatError("the revocation list has no number that it could be ordered by")
    return number


def _serial(entry: x509.RevokedCertificate) -> int:
    serial = entry.serial_number
    if not 0 < serial <= LARGEST_SERIAL:
        raise FormatError("the revocation list has a serial that no certificate has")
    return serial
