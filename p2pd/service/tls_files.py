"""The certificate of the control API, from files that may be renewed while the daemon runs."""

from __future__ import annotations

from typing import Any, cast

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.internet.protocol import ServerFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from p2pd.base.errors import ConfigError
from p2pd.formats.x509.unreadable import NO_KEY

MAX_FILE = 1024 * 1024


@implementer(IOpenSSLContextFactory)
class TlsFiles:
    """A certificate with those that vouch for it, and its key, both in PEM."""

    def __init__(self, certificate: str, key: str) -> None:
        self._certificate = certificate
        self._key = key
        self._context: SSL.Context | None = None

    def load(self) -> None:
        """Read the files; what was read before stays in force if they are no good.

        Raises ConfigError.
        """
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        _read("control.tls_certificate", self._certificate)
        try:
            context.use_certificate_chain_file(self._certificate)
        except SSL.Error:
            raise ConfigError(
                f"control.tls_certificate: there is no certificate in {self._certificate}, in PEM"
            ) from None
        try:
            context.use_privatekey(_key_in(self._key))
            context.check_privatekey()
        except SSL.Error:
            raise ConfigError(
                f"control.tls_key: the key in {self._key} is not that of {self._certificate}"
            ) from None
        self._context = context

    def getContext(self) -> SSL.Context:  # noqa: N802 - Twisted's name
        """For a connection that begins now."""
        assert self._context is not None
        return self._context

    def over(self, factory: ServerFactory[Any], clock: Any) -> ServerFactory[Any]:
        """The same server behind TLS."""
        # Twisted's wrappers are servers, which their types do not say.
        return cast(ServerFactory[Any], TLSMemoryBIOFactory(self, False, factory, clock))


def _key_in(path: str) -> Any:
    try:
        return load_pem_private_key(_read("control.tls_key", path), None)
    except NO_KEY:
        raise ConfigError(
            f"control.tls_key: there is no key in {path} that needs no passphrase, in PEM"
        ) from None


def _read(key: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_FILE)
    except OSError as problem:
        raise ConfigError(f"{key}: {path}: {problem.strerror}") from None
