"""Which ciphers come first, by what the kernel tells of the processor, and in a connection."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.transports.tls import context as contexts
from p2pd.transports.tls import suites
from p2pd.transports.tls.context import TlsContext, swarm_context
from p2pd.transports.tls.suites import AES_FIRST, CHACHA_FIRST, Suites, suites_for
from tests.transports.tls.swarm import accepted, anybody, authority, carry, dialled

X86 = "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu sse2 aes avx\nbugs\t\t:\n"
OLD_X86 = "processor\t: 0\nflags\t\t: fpu sse2 avx\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd aes pmull sha1 sha2 crc32\n"
PI_4 = "processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\n"


@pytest.mark.parametrize(
    ("told", "first"),
    [(X86, AES_FIRST), (ARM, AES_FIRST), (OLD_X86, CHACHA_FIRST), (PI_4, CHACHA_FIRST)],
)
def test_the_processor_decides(told: str, first: Suites) -> None:
    assert suites_for(told) is first


@pytest.mark.parametrize("told", ["", "processor : 0\n", "\0\n:::\n"])
def test_one_that_tells_nothing_is_taken_to_have_aes(told: str) -> None:
    assert suites_for(told) is AES_FIRST


def test_a_kernel_that_tells_nothing_is_no_trouble(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(suites, "CPU_INFO", tmp_path / "nothing")
    assert suites.best_suites.__wrapped__() is AES_FIRST
    (tmp_path / "nothing").write_text(PI_4)
    assert suites.best_suites.__wrapped__() is CHACHA_FIRST


@pytest.mark.parametrize(
    ("dials", "accepts", "spoken"),
    [
        (AES_FIRST, AES_FIRST, "TLS_AES_128_GCM_SHA256"),
        (CHACHA_FIRST, AES_FIRST, "TLS_CHACHA20_POLY1305_SHA256"),
        (AES_FIRST, CHACHA_FIRST, "TLS_CHACHA20_POLY1305_SHA256"),
    ],
)
def test_the_slower_processor_is_spared(
    monkeypatch: pytest.MonkeyPatch, dials: Suites, accepts: Suites, spoken: str
) -> None:
    def made(wanted: Suites) -> TlsContext:
        monkeypatch.setattr(contexts, "best_suites", lambda: wanted)
        return swarm_context(authority().pem, *authority().issue(), check=anybody)

    one, other = dialled(made(dials)), accepted(made(accepts))
    one.say(b"hello")
    carry(one, other)
    assert other.heard == b"hello"
    assert other.stream.cipher == one.stream.cipher == spoken
