"""p2pctl sign, verify-signature: signatures in .torrent files (BEP 35), without the daemon."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Sequence

import click
from cryptography.x509 import Certificate

from p2pd.base.errors import FormatError, P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import (
    Invocation,
    has_person,
    in_words,
    json_option,
    pass_invocation,
)
from p2pd.clients.columns import Columns
from p2pd.clients.text import plain
from p2pd.clients.whole_file import write_whole
from p2pd.formats.bencode import MAX_TORRENT_SIZE
from p2pd.formats.metainfo import parse_torrent
from p2pd.formats.x509.keys_at_rest import KeySeal, is_sealed, opened
from p2pd.formats.x509.pem import MAX_PEM, read_certificate, read_private_key
from p2pd.formats.x509.torrent_signing import DIGESTS, SignedInfo, Verdict, beyond_bep35, sign

FILE = click.Path()


@click.command(name="sign")
@click.argument("torrent", type=FILE)
@click.option("--certificate", type=FILE, required=True, help="Whose signature it is, in PEM.")
@click.option("--key", type=FILE, required=True, help="Its private key, in PEM; may be sealed.")
@click.option("--name", default="", help="Like com.example. [the certificate's common name]")
@click.option(
    "--digest", type=click.Choice(list(DIGESTS)), default="sha256", show_default=True,
    help="What RSA and ECDSA sign; other programs may know sha1 alone.",
)  # fmt: skip
@click.option(
    "--no-certificate", is_flag=True, help="Leave it out: who checks has to have and trust it."
)
@click.option("-o", "--output", type=click.Path(), help="Where to write it. [in its place]")
@json_option
@pass_invocation
def sign_torrent(invocation: Invocation, /, torrent: str, output: str | None, **given: Any) -> None:
    """Sign a .torrent file (BEP 35); its info-hash stays.

    \b
    Example:
      p2pctl sign some.torrent --certificate me.pem --key me.key
    """
    with in_words():
        certificate = read_certificate(_read(given["certificate"], MAX_PEM))
        key = read_private_key(_key(given["key"]))
        signed = sign(
            _read(torrent, MAX_TORRENT_SIZE),
            certificate,
            key,
            name=given["name"],
            digest=given["digest"],
            with_certificate=not given["no_certificate"],
        )
        parse_torrent(signed)
        write_whole(Path(output or torrent), signed)
    if remark := beyond_bep35(key, given["digest"]):
        invocation.warn(remark)
    if invocation.as_json:
        invocation.tell({"path": output or torrent})
    invocation.say(f"{plain(output or torrent)}: signed")


@click.command(name="verify-signature")
@click.argument("torrent", type=FILE)
@click.option(
    "--trusted", type=FILE, multiple=True,
    help="A certificate, in PEM: who has it, or one that it issued, is trusted; repeat it.",
)  # fmt: skip
@json_option
@pass_invocation
def verify_signature(invocation: Invocation, torrent: str, trusted: tuple[str, ...]) -> None:
    """Tell who signed a .torrent file (BEP 35), and fail unless it is somebody who is trusted.

    Without --trusted a signature only has to be right: that says who it is by, no more.
    """
    with in_words():
        metainfo = parse_torrent(_read(torrent, MAX_TORRENT_SIZE))
        signers = [read_certificate(_read(path, MAX_PEM), path) for path in trusted]
    verdicts = _verdicts(metainfo.info_bytes, metainfo.signatures, signers)
    rows = [verdict._asdict() for verdict in verdicts]
    invocation.show_rows(rows, verdict_table, "it is not signed")
    if not any(each.trusted if trusted else each.valid for each in verdicts):
        sys.exit(1)


def _verdicts(
    info_bytes: bytes, signatures: Any, signers: Sequence[Certificate]
) -> Sequence[Verdict]:
    info, now = SignedInfo(info_bytes), datetime.now(UTC)
    return [info.check(signature, signers, now) for signature in signatures]


def verdict_table(rows: list[JsonObject]) -> Columns:
    """One line a signature."""
    table = Columns("Name", "Right", "Trusted", "By", "Digest", "Remark")
    for row in rows:
        table.add_row(
            plain(row["name"], 60),
            "yes" if row["valid"] else "no",
            "yes" if row["trusted"] else "no",
            plain(row["signer"], 100),
            plain(row["digest"]),
            plain(row["problem"], 200),
        )
    return table


def _key(path: str) -> bytes:
    pem = _read(path, MAX_PEM)
    if not is_sealed(pem):
        return pem
    if has_person():
        passphrase = str(click.prompt(f"Passphrase of {path}", hide_input=True, err=True))
    else:
        passphrase = sys.stdin.readline().rstrip("\r\n")
    return opened(pem, KeySeal(passphrase.encode()))


def _read(path: str, most: int) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except OSError as problem:
        raise P2pdError(f"{path}: {problem.strerror}") from None
    if len(data) > most:
        raise FormatError(f"{path}: longer than {most} bytes")
    return data
