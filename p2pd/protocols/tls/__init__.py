"""The first words of TLS (RFC 8446, RFC 6066), as far as they are read before a key is touched."""
