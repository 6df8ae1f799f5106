"""p2pctl swarm-ca: CAs of private swarms, and certificates for the nodes in them."""

from __future__ import annotations

import sys

import click

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.choosing import complete_torrents
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.swarm_ca_files import Written, read_text, write_given, write_text
from p2pd.clients.cli.swarm_ca_options import CA, FORCE, client_of, folder_options
from p2pd.clients.cli.swarm_ca_revoking import import_crl, revoke, revoked
from p2pd.clients.cli.swarm_ca_tables import facts_of, issued_table, own_table, token_table
from p2pd.clients.cli.swarm_ca_words import show_all, tell_enrolled, tell_given
from p2pd.clients.selection import choose
from p2pd.clients.text import counted, moment, plain

FOR = click.option(
    "--for", "names", metavar="NAME", multiple=True,
    help="For torrents called so; may be repeated.",
)  # fmt: skip
TORRENTS = click.option(
    "--torrent", "words", metavar="TORRENT", multiple=True, shell_complete=complete_torrents,
    help="For this torrent; may be repeated.",
)  # fmt: skip
DAYS = click.option("--days", type=float, help="How long it is valid. [as the CA usually does]")
ONCE = click.option("--once", is_flag=True, help="It cannot be renewed.")
OUT = click.option(
    "-o", "--output", metavar="PREFIX", help="Write PREFIX.crt, PREFIX.key and PREFIX-ca.crt."
)


@click.group(name="swarm-ca", invoke_without_command=True)
@api_options
@pass_invocation
@click.pass_context
def swarm_ca(context: click.Context, invocation: Invocation) -> None:
    """Private swarms: make a CA, issue certificates to nodes, and enrol new nodes.

    \b
    Where the torrent is:
      p2pctl swarm-ca create films
      p2pctl create film.mkv --tls-ca films
      p2pctl add film.mkv.torrent
      p2pctl swarm-ca token films --torrent film.mkv
    On each other node, with the token that this prints:
      p2pctl swarm-ca enrol TOKEN
    """
    if context.invoked_subcommand is None:
        with in_words():
            show_all(invocation, invocation.client.call("swarm_ca_list"))


@swarm_ca.command()
@CA
@click.option("--days", type=float, help="How long the CA lives. [3650]")
@click.option(
    "--for", "names", metavar="NAME", multiple=True,
    help="For torrents called so alone, even if its key is stolen; may be repeated.",
)  # fmt: skip
@click.option("--usual-days", type=float, help="How long its certificates usually live. [30]")
@click.option("--most-days", type=float, help="How long they may live at most. [3650]")
@folder_options
@api_options
@pass_invocation
def create(
    invocation: Invocation, /, name: str, folder: str | None, passphrase_file: str | None,
    names: tuple[str, ...], **given: float | None,
) -> None:  # fmt: skip
    """Make a CA, called CA. Its key stays where it is made.

    \b
    Example, of one that is kept away from daemons:
      p2pctl swarm-ca create films --folder ~/cas
    """
    params = {option: value for option, value in given.items() if value is not None}
    with in_words():
        client = client_of(invocation, folder, passphrase_file)
        row = client.call("swarm_ca_create", name=name, names=list(names), **params)["ca"]
    if invocation.as_json:
        invocation.tell(row)
    invocation.say(f"{plain(name)}: a CA until {moment(row['expires_date'])}")
    file = name if folder is None else f"{name}.crt"
    if folder is not None:
        invocation.say(
            f"its certificate: p2pctl swarm-ca export {name} --folder {folder} -o {file}"
        )
    invocation.say(f"a torrent of it: p2pctl create PATH --tls-ca {file}")


@swarm_ca.command(name="list")
@folder_options
@api_options
@pass_invocation
def list_cas(invocation: Invocation, folder: str | None, passphrase_file: str | None) -> None:
    """List the CAs, and the node's own certificates."""
    with in_words():
        show_all(invocation, client_of(invocation, folder, passphrase_file).call("swarm_ca_list"))


@swarm_ca.command()
@CA
@folder_options
@api_options
@pass_invocation
def show(
    invocation: Invocation, name: str, folder: str | None, passphrase_file: str | None
) -> None:
    """Show a CA, what it issued, and its tokens."""
    with in_words():
        found = client_of(invocation, folder, passphrase_file).call("swarm_ca_list", name=name)
    if invocation.as_json:
        invocation.tell(found)
        return
    (row,) = found["cas"]
    for line in facts_of(row):
        invocation.say(line)
    for title, rows, table in (
        ("Certificates", found["issued"], issued_table),
        ("Tokens", found["tokens"], token_table),
    ):
        if rows:
            invocation.say("")
            invocation.say(f"{title}:")
            invocation.show(table(rows))


@swarm_ca.command()
@CA
@FOR
@TORRENTS
@click.option(
    "--server", "hosts", metavar="HOST", multiple=True,
    help="For a server of that name or address, and for no torrent; may be repeated.",
)  # fmt: skip
@DAYS
@click.option("--label", default="", help="Whose it is, for people.")
@click.option(
    "--request", metavar="FILE", type=click.Path(),
    help="For the key of this request (PEM, PKCS #10), which stays where it is.",
)  # fmt: skip
@ONCE
@OUT
@FORCE
@folder_options
@api_options
@pass_invocation
def issue(
    invocation: Invocation, name: str, names: tuple[str, ...], words: tuple[str, ...],
    hosts: tuple[str, ...], days: float | None, label: str, request: str | None, once: bool,
    output: str | None, force: bool, folder: str | None, passphrase_file: str | None,
) -> None:  # fmt: skip
    """Issue a certificate.

    It is for all torrents of the CA unless it is said for which, or that it is for a server.

    \b
    Examples, for somebody with another program, and for the swarm's own HTTPS tracker:
      p2pctl swarm-ca issue films --for film.mkv --label bob -o bob
      p2pctl swarm-ca issue films --server tracker.example.org --days 365 -o tracker
    """
    if hosts and (names or words):
        raise click.UsageError("--server is for a server, --for and --torrent are for peers")
    with in_words():
        client = client_of(invocation, folder, passphrase_file)
        params: JsonObject = {"name": name, "names": list(names), "label": label}
        if words:
            params["ids"] = _ids(invocation, words, folder)
        if request is not None:
            params["request"] = read_text(request)
        if days is not None:
            params["days"] = days
        if hosts:
            params["hosts"] = list(hosts)
        prefix = output or label or f"{name}-{'server' if hosts else 'peer'}"
        files = Written(prefix, force, with_key=request is None)
        files.check()
        given = client.call("swarm_ca_issue", **params, renewable=not once)
        write_given(files, given)
    tell_given(invocation, given, files)


@swarm_ca.command()
@click.argument("name", metavar="[CA SERIAL]", required=False)
@click.argument("serial", metavar="", required=False)
@OUT
@FORCE
@folder_options
@api_options
@pass_invocation
def renew(
    invocation: Invocation, name: str | None, serial: str | None, output: str | None, force: bool,
    folder: str | None, passphrase_file: str | None,
) -> None:  # fmt: skip
    """Renew a certificate, or all that the node itself has.

    One that a CA issued is renewed for the same key, and written to files. Nodes renew their
    certificates by themselves, a third of its life before one ends.
    """
    if (name is None) != (serial is None):
        raise click.UsageError("say a CA and a serial, or none of them")
    with in_words():
        if name is None:
            _renew_own(invocation)
            return
        client = client_of(invocation, folder, passphrase_file)
        files = Written(output or f"{name}-{serial}", force, with_key=False)
        files.check()
        given = client.call("swarm_ca_renew", name=name, serial=serial)
        write_given(files, given)
    tell_given(invocation, given, files)


@swarm_ca.command()
@CA
@TORRENTS
@FOR
@click.option("--uses", type=click.IntRange(1), default=1, show_default=True, help="Nodes.")
@click.option("--hours", type=float, default=24.0, show_default=True, help="Until it ends.")
@DAYS
@click.option("--label", default="", help="Whose it is. [what the node calls itself]")
@ONCE
@click.option(
    "--address", "addresses", metavar="URL", multiple=True,
    help="Where other nodes reach the control API, like http://10.0.0.5:9091; may be repeated.",
)  # fmt: skip
@click.option("--revoke", metavar="ID", help="Revoke the token with this id.")
@api_options
@pass_invocation
def token(
    invocation: Invocation, name: str, words: tuple[str, ...], names: tuple[str, ...], uses: int,
    hours: float, days: float | None, label: str, once: bool, addresses: tuple[str, ...],
    revoke: str | None,
) -> None:  # fmt: skip
    """Print a token that enrols other nodes.

    With it another node gets a certificate by itself.

    The torrents that are named go with it. Who has the token can enrol: hand it on by a way that
    others do not read.
    """
    with in_words():
        if revoke is not None:
            invocation.client.call("swarm_ca_token_remove", name=name, id=revoke)
            invocation.say(f"{plain(revoke)}: revoked")
            return
        params: JsonObject = {"names": list(names), "addresses": list(addresses)}
        if words:
            params["ids"] = _ids(invocation, words, None)
        if days is not None:
            params["days"] = days
        made = invocation.client.call(
            "swarm_ca_token", name=name, uses=uses, hours=hours, label=label,
            renewable=not once, **params,
        )  # fmt: skip
    if invocation.as_json:
        invocation.tell(made)
        return
    what = "all torrents of the CA" if made["names"] == ["*"] else ", ".join(made["names"])
    nodes = counted(made["uses"], "node")
    invocation.warn(f"token {made['id']}, for {nodes} until {moment(made['expires_date'])}")
    invocation.warn(f"for {plain(what, 200)}; asked at {', '.join(made['addresses'])}")
    invocation.warn("on the other node: p2pctl swarm-ca enrol TOKEN, which is shown this once:")
    invocation.say(made["token"])


@swarm_ca.command()
@click.argument("text", metavar="TOKEN")
@TORRENTS
@click.option("--no-add", is_flag=True, help="Do not add the torrents that come with it.")
@click.option("--paused", is_flag=True, help="Add them stopped.")
@click.option("--download-dir", metavar="DIR", help="Where they go, on the daemon's machine.")
@click.option("--label", "own_label", default="", help="What the node calls itself. [host name]")
@api_options
@pass_invocation
def enrol(
    invocation: Invocation, text: str, words: tuple[str, ...], no_add: bool, paused: bool,
    download_dir: str | None, own_label: str,
) -> None:  # fmt: skip
    """Have a certificate with a token, and its torrents.

    "-" reads the token from stdin. The daemon makes a key, which it keeps, and asks the node that
    the token names. With --torrent it is told for which torrents that are here already the
    certificate is, like magnets.
    """
    with in_words():
        params: JsonObject = {"token": sys.stdin.read(20_000) if text == "-" else text}
        if words:
            params["ids"] = _ids(invocation, words, None)
        if paused:
            params["paused"] = True
        if download_dir is not None:
            params["download_dir"] = download_dir
        found = invocation.client.call_patiently(
            "swarm_ca_enrol", add=not no_add, label=own_label, **params
        )
    if invocation.as_json:
        invocation.tell(found)
        return
    tell_enrolled(invocation, found)


@swarm_ca.command()
@CA
@click.option("-o", "--output", type=click.Path(), help="Where to write it. [stdout]")
@FORCE
@folder_options
@api_options
@pass_invocation
def export(
    invocation: Invocation, name: str, output: str | None, force: bool, folder: str | None,
    passphrase_file: str | None,
) -> None:  # fmt: skip
    """Write the CA's certificate, which anybody may have."""
    with in_words():
        found = client_of(invocation, folder, passphrase_file).call("swarm_ca_list", name=name)
        (row,) = found["cas"]
        if row["problem"]:
            raise P2pdError(row["problem"])
        if output is not None:
            write_text(output, row["certificate"], force=force)
            invocation.say(f"{plain(output)}: the certificate of {plain(name)}")
            return
    click.echo(row["certificate"], nl=False)


for _command in (revoke, revoked, import_crl):
    swarm_ca.add_command(_command)


def _ids(invocation: Invocation, words: tuple[str, ...], folder: str | None) -> list[int]:
    if folder is not None:
        raise click.UsageError("--torrent asks a daemon: with --folder say --for and the name")
    return [torrent["id"] for torrent in choose(invocation.client, list(words))]


def _renew_own(invocation: Invocation) -> None:
    rows = invocation.client.call("swarm_ca_list")["certificates"]
    if not rows:
        raise P2pdError("the node has no certificate that it was given or gave itself")
    done = []
    for row in rows:
        answer = invocation.client.call_patiently("swarm_ca_renew", id=row["id"])
        done.append(answer["certificate_of_node"])
    invocation.show_rows(done, own_table, "")
