"""For which hosts a server's certificate is (RFC 9525), as far as a private swarm believes that.

A subject alternative name counts: a dNSName that is the host's name in any case of letters, or has
`*` for its first label and at least two more; for an address an iPAddress. Common names count for
nothing. So what a peer got for a torrent's name, or for `*`, makes no server of it.
"""

from __future__ import annotations

from ipaddress import ip_address

from cryptography import x509

_UNREADABLE = (
    ValueError,
    TypeError,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


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
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return False


def _is_name_of(name: str, host: str) -> bool:
    name, host = name.lower(), host.lower().rstrip(".")
    first, _, rest = name.partition(".")
    if first == "*":
        return "." in rest.strip(".") and host.partition(".")[2] == rest
    return bool(host) and name == host
