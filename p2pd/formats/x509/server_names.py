"""For which hosts a server's certificate is (RFC 9525), as far as a private swarm believes that.

A subject alternative name counts: a dNSName that is the host's name in any case of letters, or has
`*` for its first label and at least two more; for an address an iPAddress. Common names count for
nothing. So what a peer got for a torrent's name, or for `*`, makes no server of it.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from p2pd.base.errors import FormatError
from p2pd.formats.x509.unreadable import UNREADABLE

_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
# What ends in a number is an address, or a mistake in one.
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*(?!\d+\Z){_LABEL}")


class HostError(FormatError):
    """This is no host that a certificate can be for."""


def host_of(text: str) -> str:
    """A host as a server's certificate has it: an address, or a name in ASCII (IDNA) and in small
    letters, of which the first label may be `*`. Raises HostError.
    """
    bare = text.removeprefix("[").removesuffix("]")
    try:
        address = ip_address(bare)
    except ValueError:
        pass
    else:
        if "%" not in bare:
            return str(address)
    star, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        ascii_name = name.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        ascii_name = ""
    if not _NAME.fullmatch(ascii_name) or (star and "." not in ascii_name):
        raise HostError(f"this is no name or address of a host: {text[:100]!r}")
    return star + ascii_name


def hosts_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The hosts that a certificate for servers alone is for; empty: it is not for servers alone."""
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if list(uses) != [ExtendedKeyUsageOID.SERVER_AUTH]:
            return ()
        addresses = map(str, found.get_values_for_type(x509.IPAddress))
        return (*found.get_values_for_type(x509.DNSName), *addresses)
    except (x509.ExtensionNotFound, *UNREADABLE):
        return ()


def is_address(host: str) -> bool:
    """Whether it is an IP address, and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_for_host(certificate: x509.Certificate, host: str) -> bool:
    """Whether it is for the server of this name (in ASCII) or address. One unreadable is not."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if is_address(host):
            return ip_address(host) in found.get_values_for_type(x509.IPAddress)
        return any(_is_name_of(name, host) for name in found.get_values_for_type(x509.DNSName))
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False


def _is_name_of(name: str, host: str) -> bool:
    name, host = name.lower(), host.lower().rstrip(".")
    first, _, rest = name.partition(".")
    if first == "*":
        return "." in rest.strip(".") and host.partition(".")[2] == rest
    return bool(host) and name == host
