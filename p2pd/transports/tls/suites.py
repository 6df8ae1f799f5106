"""Which ciphers are offered and chosen first: AES where the processor has it, ChaCha20 elsewhere.

Without instructions for it AES-GCM takes several times as long as ChaCha20-Poly1305. All are taken
from a peer that has no other.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

CPU_INFO = Path("/proc/cpuinfo")
_FLAGS = ("flags", "features")
"""What the line is called that names them, on x86 and on ARM."""


class Suites(NamedTuple):
    """Names for OpenSSL, what is liked best first."""

    tls_1_2: bytes
    """Those that TLS 1.3 has, too."""
    tls_1_3: bytes


AES_FIRST = Suites(
    b"ECDHE+AESGCM:ECDHE+CHACHA20",
    b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
)
CHACHA_FIRST = Suites(
    b"ECDHE+CHACHA20:ECDHE+AESGCM",
    b"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384",
)


@functools.cache
def best_suites() -> Suites:
    """For this machine; it reads a file once."""
    try:
        text = CPU_INFO.read_text("ascii", "replace")
    except OSError:
        return AES_FIRST
    return suites_for(text)


def suites_for(cpu_info: str) -> Suites:
    """For the processor that the kernel describes so. One that tells no flags is taken to have AES.

    Where processors differ the first counts.
    """
    for line in cpu_info.splitlines():
        name, _, flags = line.partition(":")
        if name.strip().lower() in _FLAGS:
            return AES_FIRST if "aes" in flags.split() else CHACHA_FIRST
    return AES_FIRST
