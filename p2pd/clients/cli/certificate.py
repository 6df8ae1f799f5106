"""p2pctl certificate: with what a torrent's peers let us in, where they are reached by TLS."""

from __future__ import annotations

from pathlib import Path

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.choosing import ONE_TORRENT, torrent_of
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.tables import torrents_named
from p2pd.clients.text import moment, plain

MAX_FILE = 32 * 1024
_FILE = click.Path(path_type=Path)


@click.command()
@ONE_TORRENT
@click.option("--certificate", "certificate_file", type=_FILE, help="The certificate, in PEM.")
@click.option("--key", "key_file", type=_FILE, help="Its private key, in PEM, not encrypted.")
@click.option(
    "--ca", "ca_file", type=_FILE,
    help="The certificate of the torrent's CA, for a magnet link whose metadata is not here yet.",
)  # fmt: skip
@click.option("--remove", is_flag=True, help="Use none any more: the torrent has no peers then.")
@api_options
@pass_invocation
def certificate(
    invocation: Invocation,
    word: str,
    certificate_file: Path | None,
    key_file: Path | None,
    ca_file: Path | None,
    remove: bool,
) -> None:
    """Give a torrent its certificate, where its peers are reached by TLS alone; or show it.

    Such a torrent has a CA in its metadata. Its peers let in whom that CA issued a certificate for
    the torrent's name, or for any (*); until it has one it waits. The daemon keeps it and the key.

    \b
    Examples:
      p2pctl certificate film --certificate me.pem --key me.key
      p2pctl certificate film
    """
    given = certificate_file is not None or key_file is not None or ca_file is not None
    if remove and given:
        raise click.UsageError("--remove excludes the others")
    if given and (certificate_file is None or key_file is None):
        raise click.UsageError("--certificate and --key belong together")
    with in_words():
        torrent = torrent_of(invocation, word, ["id", "name", "tls"])
        if remove or given:
            params = {
                "certificate": _read(certificate_file),
                "private_key": _read(key_file),
                "ca": _read(ca_file),
            }
            said = {name: pem for name, pem in params.items() if pem}
            answer = invocation.client.call("torrent_set_certificate", ids=[torrent["id"]], **said)
            torrent["tls"] = answer["torrents"][0]["tls"]
    if invocation.as_json:
        invocation.tell(torrent)
        return
    invocation.say(f"{torrent['id']} {plain(torrent['name'])}: {tls_words(torrent['tls'])}")


def tls_words(tls: JsonObject | None) -> str:
    """How a torrent stands with its certificate, in a line."""
    if tls is None:
        return "its peers are not reached by TLS: it needs no certificate"
    name = plain(tls["certificate_name"])
    until = f"for {torrents_named(name)}, until {moment(tls['not_after'])}" if name else ""
    warnings = [plain(warning, 1000) for warning in tls["warnings"]]
    return "; ".join(filter(None, (plain(tls["error_string"], 1000), until, *warnings)))


def _read(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as problem:
        raise click.ClickException(f"{path} cannot be read: {problem.strerror}") from None
    if len(content) > MAX_FILE:
        raise click.ClickException(f"{path} is longer than {MAX_FILE // 1024} KiB")
    return content.decode("ascii", "replace")
