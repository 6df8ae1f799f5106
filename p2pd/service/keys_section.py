"""Private keys and what ends in certificates, in the configuration: a part of config.py."""

from __future__ import annotations

from dataclasses import dataclass

from p2pd.service.checks import file, files, number
from p2pd.service.config_key import key


@dataclass(frozen=True, slots=True)
class KeysSection:
    """Private keys on the disk."""

    passphrase_file: str = key(
        "",
        file,
        "A file with the passphrase that private keys are sealed with, in its first line; further\n"
        "lines are passphrases of before. Empty is systemd's credential p2pd-keys, if it is there.",
    )
    trusted_signers: tuple[str, ...] = key(
        (),
        files,
        "Certificates, files in PEM: a signature of a torrent (BEP 35) is trusted if it is by one\n"
        "of these, or by one that one of these issued.",
    )
    warn_days: float = key(
        14.0,
        number(0, 3650),
        "Days before the end of a torrent's certificate, of its CA's, or of a revocation list\n"
        "that a warning tells of it.",
    )
    urgent_days: float = key(
        3.0, number(0, 3650), "Days before that end that a second warning tells of it."
    )
