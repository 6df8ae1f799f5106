"""p2pctl create: make a .torrent file of a file or folder, here or where the daemon is."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Literal

import click

from p2pd.base.addresses import split_host_port
from p2pd.base.errors import FormatError, P2pdError
from p2pd.clients.cli.choosing import complete_labels
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.making import bars, made_remotely
from p2pd.clients.cli.swarm_ca_files import read_text
from p2pd.clients.text import plain, size
from p2pd.clients.whole_file import write_whole
from p2pd.formats.creator import CreationOptions
from p2pd.formats.metainfo import Metainfo, parse_torrent
from p2pd.formats.x509.pem import certificate_pem
from p2pd.formats.x509.swarm_ca import read_ca
from p2pd.storage.torrent_creator import create_torrent

_SIZE = re.compile(r"(\d{1,12})([KM]?)(?:i?B)?\Z", re.IGNORECASE)


def _nodes(
    context: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, int], ...]:
    try:
        return tuple(map(split_host_port, values))
    except FormatError as problem:
        raise click.BadParameter(str(problem)) from None


def _bytes(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    match = _SIZE.match(value)
    if match is None:
        raise click.BadParameter("a size is a number of bytes, or one with K or M")
    return int(match[1]) << {"": 0, "K": 10, "M": 20}[match[2].upper()]


@click.command()
@click.argument("path", type=click.Path())
@click.option("-o", "--output", type=click.Path(), help="Where to write it [NAME.torrent].")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option(
    "--type",
    "version",
    type=click.Choice(["v1", "v2", "hybrid"]),
    default="v1",
    show_default=True,
    help="Which clients can use it: v2 is BEP 52, hybrid is both.",
)
@click.option(
    "-t", "--tracker", "trackers", multiple=True, help="Announce URL, a tier each; repeatable."
)
@click.option("-w", "--web-seed", "web_seeds", multiple=True, help="Web seed URL; repeatable.")
@click.option(
    "--node", "nodes", metavar="HOST:PORT", callback=_nodes, multiple=True,
    help="A node of the DHT to begin with; repeatable.",
)  # fmt: skip
@click.option(
    "--tls-ca", metavar="FILE|CA",
    help="Private to nodes with a certificate of this CA: its certificate, or what the daemon's "
    "CA is called (swarm-ca).",
)  # fmt: skip
@click.option("--private", is_flag=True, help="Peers from its trackers only (BEP 27).")
@click.option("--source", help="A word that makes the info-hash another one.")
@click.option("--comment", help="A comment for people.")
@click.option(
    "--piece-size", callback=_bytes, metavar="SIZE", help="Like 256K or 4M [grows with the data]."
)
@click.option("--no-date", is_flag=True, help="Leave out when it was made.")
@click.option(
    "--threads", type=click.IntRange(1, 64), default=min(8, os.cpu_count() or 2), help="To hash."
)
@click.option("--remote", is_flag=True, help="PATH is on the daemon's machine, which hashes it.")
@click.option("--add", is_flag=True, help="With --remote: seed it there, without a check.")
@click.option(
    "--label", "labels", metavar="LABEL", multiple=True, shell_complete=complete_labels,
    help="With --add: label it; may be repeated.",
)  # fmt: skip
@api_options
@pass_invocation
def create(
    invocation: Invocation,
    path: str,
    output: str | None,
    force: bool,
    version: Literal["v1", "v2", "hybrid"],
    trackers: tuple[str, ...],
    web_seeds: tuple[str, ...],
    nodes: tuple[tuple[str, int], ...],
    tls_ca: str | None,
    private: bool,
    source: str | None,
    comment: str | None,
    piece_size: int | None,
    no_date: bool,
    threads: int,
    remote: bool,
    add: bool,
    labels: tuple[str, ...],
) -> None:
    """Make a .torrent file of a file or a folder.

    With --remote it is made of what lies below the daemon's download folder, or below one of
    storage.content_folders there.
    """
    if (add and not remote) or (labels and not add):
        raise click.UsageError("--add is for --remote, and --label for --add")
    options = CreationOptions(
        version=version,
        piece_length=piece_size,
        private=private,
        source=source,
        trackers=tuple((url,) for url in trackers),
        web_seeds=web_seeds,
        nodes=nodes,
        comment=comment,
        creation_date=None if no_date else int(time.time()),
        authority=None if tls_ca is None else _authority(invocation, tls_ca),
    )
    path = os.path.abspath(path)
    target = Path(output if output is not None else f"{os.path.basename(path)}.torrent")
    with in_words():
        if target.exists() and not force:
            raise P2pdError(f"{target} is there already: --force writes over it")
        if remote:
            data = made_remotely(invocation, path, options, {"add": add, "labels": list(labels)})
        else:
            data = _hash(invocation, path, options, threads)
        metainfo = parse_torrent(data)
        write_whole(target, data)
    _report(invocation, target, data, metainfo)


def _authority(invocation: Invocation, place: str) -> str:
    """The certificate of a CA, from a file or the daemon."""
    with in_words():
        if os.path.isfile(place):
            return certificate_pem(read_ca(read_text(place), place))
        if "/" in place or place.endswith((".pem", ".crt")):
            raise P2pdError(f"{place}: there is no such file")
        (row,) = invocation.client.call("swarm_ca_list", name=place)["cas"]
        if row["problem"]:
            raise P2pdError(row["problem"])
        return str(row["certificate"])


def _hash(invocation: Invocation, path: str, options: CreationOptions, threads: int) -> bytes:
    with bars(invocation) as progress:
        task = progress.add_task(plain(os.path.basename(path), 40), total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return create_torrent(path, options, workers=threads, progress=show)


def _report(invocation: Invocation, target: Path, data: bytes, metainfo: Metainfo) -> None:
    hashes = metainfo.info_hashes
    facts = {
        "path": str(target),
        "name": metainfo.name,
        "hash_string": hashes.hash_string,
        "info_hash_v1": hashes.v1.hex() if hashes.v1 else "",
        "info_hash_v2": hashes.v2.hex() if hashes.v2 else "",
        "piece_size": metainfo.piece_length,
        "torrent_bytes": len(data),
    }
    if invocation.as_json:
        invocation.tell(facts)
        return
    invocation.say(f"{target}: {size(len(data))}, pieces of {size(metainfo.piece_length)}")
    for name in ("info_hash_v1", "info_hash_v2"):
        if facts[name]:
            invocation.say(f"{name}: {facts[name]}")
