"""p2pctl swarm-ca revoke and what belongs to it: certificates that a CA takes back."""

from __future__ import annotations

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.swarm_ca_files import read_text, write_text
from p2pd.clients.cli.swarm_ca_options import CA, FORCE, client_of, folder_options
from p2pd.clients.columns import Columns
from p2pd.clients.text import counted, moment, plain


@click.command()
@CA
@click.argument("certificates", metavar="SERIAL|LABEL...", nargs=-1, required=True)
@click.option("--unknown", is_flag=True, help="Also serials that the CA does not know of.")
@click.option(
    "--only-this", is_flag=True,
    help="Not what it was renewed into, nor those that it is a renewal of.",
)  # fmt: skip
@folder_options
@api_options
@pass_invocation
def revoke(
    invocation: Invocation, name: str, certificates: tuple[str, ...], unknown: bool,
    only_this: bool, folder: str | None, passphrase_file: str | None,
) -> None:  # fmt: skip
    """Take certificates back: nobody who has one is a peer of the CA's torrents any more.

    A label stands for all certificates of that peer. What one was renewed into goes along, and so
    does what it is a renewal of: who stole a certificate may have renewed it. The CA's next
    revocation list names them; the daemon gives it to the peers of those torrents at once, and they
    to others. With --folder it is written into the CA's folder: `revoked --output` has it as a
    file, for `import-crl` at a daemon.

    \b
    Example:
      p2pctl swarm-ca revoke films bob
    """
    with in_words():
        found = client_of(invocation, folder, passphrase_file).call(
            "swarm_ca_revoke", name=name, certificates=list(certificates), unknown=unknown,
            only_these=only_this,
        )  # fmt: skip
    if invocation.as_json:
        invocation.tell(found)
        return
    invocation.show(revoked_table(found["revoked"]))
    _tell_along(invocation, [row["serial"] for row in found["revoked"] if row["along"]])
    _tell_list(invocation, found)


@click.command()
@CA
@click.option("-o", "--output", type=click.Path(), help="Write the list, in PEM, to this file.")
@click.option("--renew", is_flag=True, help="With --folder: make the list anew, good for longer.")
@FORCE
@folder_options
@api_options
@pass_invocation
def revoked(
    invocation: Invocation, name: str, output: str | None, renew: bool, force: bool,
    folder: str | None, passphrase_file: str | None,
) -> None:  # fmt: skip
    """List the certificates that a CA took back.

    A list is good for 30 days. A daemon makes those of its CAs anew by itself; that of a CA which
    is kept elsewhere is renewed with --renew, and taken by a daemon with `import-crl`.

    \b
    Example:
      p2pctl swarm-ca revoked films --folder ~/cas --renew --output films.crl
    """
    if renew and folder is None:
        raise click.UsageError("--renew goes with --folder: a daemon renews its lists itself")
    with in_words():
        client = client_of(invocation, folder, passphrase_file)
        found = client.call("swarm_ca_revoked", name=name, **({"renew": True} if renew else {}))
        if output is not None:
            write_text(output, found["crl"], force=force)
    if invocation.as_json:
        invocation.tell(found)
        return
    if not found["number"]:
        invocation.say(f"{plain(name)} took no certificate back")
        return
    invocation.show(revoked_table(found["revoked"]))
    _tell_list(invocation, found)
    if output is not None:
        invocation.say(f"{plain(output)}: the list")


@click.command(name="import-crl")
@click.argument("file", type=click.Path())
@click.option("--ca", "ca_file", type=click.Path(), help="The certificate of its CA.")
@api_options
@pass_invocation
def import_crl(invocation: Invocation, file: str, ca_file: str | None) -> None:
    """Take the revocation list in FILE, of a CA that is kept elsewhere.

    It has to be newer than the one in force, and signed by the CA of a torrent that is here, by one
    that is kept here, or by that of --ca. One that OpenSSL made is good, too, in PEM.
    """
    with in_words():
        params: JsonObject = {} if ca_file is None else {"ca": read_text(ca_file)}
        found = invocation.client.call("swarm_ca_import_crl", crl=read_text(file), **params)
    if invocation.as_json:
        invocation.tell(found)
        return
    _tell_list(invocation, found)


def revoked_table(rows: list[JsonObject]) -> Columns:
    """One line a certificate."""
    table = Columns("Serial", "Revoked", "Ends", "Label", "For", spare=("Ends",))
    for row in rows:
        table.add_row(
            row["serial"],
            moment(row["revoked_date"]),
            moment(row["expires_date"]) if row["expires_date"] else "",
            plain(row["label"], 64),
            plain(", ".join(row["names"]), 200),
        )
    return table


def _tell_along(invocation: Invocation, serials: list[str]) -> None:
    if serials:
        count = counted(len(serials), "certificate")
        invocation.say(
            f"{count} of the same line of renewals went along: {', '.join(serials)} "
            "(--only-this leaves such as they are)"
        )


def _tell_list(invocation: Invocation, found: JsonObject) -> None:
    torrents = len(found["hash_strings"])
    where = f"; in force for {counted(torrents, 'torrent')} here" if torrents else ""
    invocation.say(f"list {found['number']}, good until {moment(found['next_date'])}{where}")
