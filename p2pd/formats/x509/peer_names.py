"""For which torrents a peer's certificate is, by the rule of SSL torrents as libtorrent has it.

A subject alternative name of type dNSName is the torrent's name, byte by byte, or `*`; or the last
common name of the subject is. Other names mean nothing, and hosts are never looked at. Whether the
certificate is to be believed is not known here.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

from p2pd.formats.x509.unreadable import UNREADABLE

ANY_TORRENT = "*"


def matches(certificate: x509.Certificate, torrent_name: str) -> bool:
    """Whether the certificate is for the torrent of this name. One that is unreadable is not."""
    if not torrent_name:
        return False
    found = names(certificate)
    return torrent_name in found or ANY_TORRENT in found


def names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The torrents it is for; `*` stands for any of them. Empty if it is for none."""
    try:
        found = (*_alternative_names(certificate), *_common_name(certificate))
    except UNREADABLE:
        return ()
    return tuple(dict.fromkeys(name for name in found if name))


def _alternative_names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return extension.value.get_values_for_type(x509.DNSName)


def _common_name(certificate: x509.Certificate) -> list[str]:
    """The last one, which is the most specific."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    value = found[-1].value if found else ""
    return [value] if isinstance(value, str) else []
