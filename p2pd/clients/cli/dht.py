"""p2pctl dht: how the DHT stands, its items, and torrents that their owners renew (BEP 44, 46)."""

from __future__ import annotations

import base64
import os
import re
from typing import Any

import click

from p2pd.base.errors import FormatError, P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.choosing import chooses_torrents
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.columns import Columns
from p2pd.clients.secret_file import make_secret, read_secret
from p2pd.clients.selection import Wanted
from p2pd.clients.text import counted, moment, plain, size
from p2pd.discovery.dht.mutable_items import public_key_of, sign, torrent_value
from p2pd.formats.bencode import encode
from p2pd.formats.magnet import parse_magnet
from p2pd.formats.metainfo import parse_torrent
from p2pd.formats.mutable_link import MutableLink

MOST_TORRENT = 64 * 1024 * 1024


@click.group(invoke_without_command=True)
@api_options
@pass_invocation
@click.pass_context
def dht(context: click.Context, invocation: Invocation) -> None:
    """Show how the DHT stands; read and write its items; follow and publish torrents.

    \b
    p2pctl dht get 2e4f8a1c9d0b3e6f7a5c4d2b1e0f9a8b7c6d5e4f
    p2pctl dht make-key dumps.key
    p2pctl dht publish --key dumps.key dump.torrent
    p2pctl dht follow "magnet:?xs=urn:btpk:8543…d63e" --label dumps
    """
    if context.invoked_subcommand is None:
        with in_words():
            _show(invocation)


@dht.command(name="on")
@api_options
@pass_invocation
def switch_on(invocation: Invocation) -> None:
    """Look up and announce torrents that are not private."""
    _switch(invocation, enabled=True)


@dht.command(name="off")
@api_options
@pass_invocation
def switch_off(invocation: Invocation) -> None:
    """Run no node of the DHT."""
    _switch(invocation, enabled=False)


@dht.command()
@chooses_torrents
@api_options
@pass_invocation
def scrape(invocation: Invocation, wanted: Wanted) -> None:
    """Ask how many seeds and peers torrents have, by what nodes know of them."""
    with in_words():
        ids = [torrent["id"] for torrent in wanted.find(invocation.client)]
        rows = invocation.client.call_patiently("dht_scrape", ids=ids)["torrents"]
        invocation.show_rows(rows, _scrape_table, "nothing was asked")


# -- items ---------------------------------------------------------------------------------------


@dht.command()
@click.argument("place", metavar="TARGET_OR_KEY")
@click.option("--salt", default="", help="In hex, with a public key.")
@api_options
@pass_invocation
def get(invocation: Invocation, place: str, salt: str) -> None:
    """Show an item: by its target (40 hex digits), or the newest of a public key (64)."""
    with in_words():
        asked = {"public_key": place, "salt": salt} if len(place) == 64 else {"target": place}
        item = invocation.client.call_patiently("dht_get", **asked)["item"]
        if item is None:
            raise P2pdError("no node of the DHT that was asked has it")
        if invocation.as_json:
            invocation.tell(item)
        for line in _item_lines(item):
            invocation.say(line)


@dht.command()
@click.argument("words", metavar="TEXT")
@click.option("--key", "key_file", help="A file with a key: then it is a mutable item.")
@click.option("--salt", default="", help="In hex, to tell the items of one key apart.")
@click.option("--keep", is_flag=True, help="Put it again every hour.")
@api_options
@pass_invocation
def put(invocation: Invocation, words: str, key_file: str | None, salt: str, keep: bool) -> None:
    """Have nodes keep a text, for two hours, and say where it is."""
    with in_words():
        if key_file is None:
            answer = invocation.client.call_patiently("dht_put", text=words, keep=keep)
        else:
            answer = _put_signed(invocation, key_file, salt, encode(words.encode()), keep=keep)
        _tell_put(invocation, answer)


# -- torrents that their owners renew ------------------------------------------------------------


@dht.command(name="make-key")
@click.argument("key_file", metavar="FILE")
def make_key(key_file: str) -> None:
    """Make a new key in a file for yourself alone, and show its public half."""
    with in_words():
        click.echo(public_key_of(make_secret(key_file)).hex())


@dht.command()
@click.argument("torrent", metavar="TORRENT")
@click.option("--key", "key_file", required=True, help="A file with a key; see make-key.")
@click.option("--salt", default="", help="In hex, to tell torrents of one key apart.")
@api_options
@pass_invocation
def publish(invocation: Invocation, torrent: str, key_file: str, salt: str) -> None:
    """Say that a torrent is the newest of a key's owner, and go on saying it.

    TORRENT is a .torrent file, a magnet link or an info-hash (v1). The daemon puts what was signed
    here again every hour; the key stays in its file. Shows the link for those who follow it.
    """
    with in_words():
        value = torrent_value(_v1_hash(torrent))
        answer = _put_signed(invocation, key_file, salt, value, keep=True)
        link = MutableLink(public_key_of(read_secret(key_file)), _salt(salt)).to_uri()
        _tell_put(invocation, {**answer, "link": link})


@dht.command()
@api_options
@pass_invocation
def published(invocation: Invocation) -> None:
    """List what is put again every hour."""
    with in_words():
        rows = invocation.client.call("dht_published")["items"]
        invocation.show_rows(rows, _published_table, "nothing is published")


@dht.command()
@click.argument("number", type=int)
@api_options
@pass_invocation
def forget(invocation: Invocation, number: int) -> None:
    """Put an item no more: nodes forget it within two hours."""
    with in_words():
        invocation.client.call("dht_forget", id=number)


@dht.command()
@click.argument("link")
@click.option("--dir", "download_dir", help="Where its torrents go.")
@click.option("--label", "labels", multiple=True, help="What they are labelled.")
@click.option("--paused/--started", "paused", default=None, help="Whether the first is started.")
@api_options
@pass_invocation
def follow(invocation: Invocation, /, link: str, **options: Any) -> None:
    """Have the newest torrent of a key's owner, now and whenever there is a newer one."""
    with in_words():
        chosen = {name: value for name, value in options.items() if value not in (None, ())}
        if "labels" in chosen:
            chosen["labels"] = list(chosen["labels"])
        answer = invocation.client.call_patiently("dht_follow", link=link, **chosen)
        invocation.show_rows([answer["followed"]], _followed_table, "")


@dht.command()
@api_options
@pass_invocation
def followed(invocation: Invocation) -> None:
    """List whose torrents are followed."""
    with in_words():
        rows = invocation.client.call("dht_followed")["followed"]
        invocation.show_rows(rows, _followed_table, "nothing is followed")


@dht.command()
@click.argument("number", type=int)
@api_options
@pass_invocation
def check(invocation: Invocation, number: int) -> None:
    """Ask now whether there is a newer torrent."""
    with in_words():
        answer = invocation.client.call_patiently("dht_follow_check", id=number)
        invocation.show_rows([answer["followed"]], _followed_table, "")


@dht.command()
@click.argument("number", type=int)
@api_options
@pass_invocation
def unfollow(invocation: Invocation, number: int) -> None:
    """Follow it no more; the torrent that is here stays."""
    with in_words():
        invocation.client.call("dht_unfollow", id=number)


# -- what is shown -------------------------------------------------------------------------------


def _switch(invocation: Invocation, *, enabled: bool) -> None:
    with in_words():
        invocation.client.call("session_set", dht_enabled=enabled)
        _show(invocation)


def _show(invocation: Invocation) -> None:
    found = invocation.client.call("dht_status")
    if invocation.as_json:
        invocation.tell(found)
    for line in _status_lines(found):
        invocation.say(line)


def _status_lines(found: JsonObject) -> list[str]:
    state = "on" if found["enabled"] else f"off: {plain(found['why_not'])}"
    if found["read_only"]:
        state += ", read-only"
    torrents = counted(found["torrents"], "torrent")
    lines = [f"{state}; {torrents}, {found['torrents_looked_up']} looked up just now"]
    for node in found["nodes"]:
        lines += _node_lines(node)
    dropped = counted(found["dropped"], "datagram")
    lines.append(f"{size(found['sent_bytes'])} sent, {dropped} dropped for the limit")
    if found["followed"] or found["published"]:
        published = counted(found["published"], "item")
        lines.append(f"{found['followed']} followed, {published} published")
    for problem in (found["bootstrap_error"], found["last_error"]):
        if problem:
            lines.append(f"problem: {plain(problem)}")
    return lines


def _node_lines(node: JsonObject) -> list[str]:
    family = "IPv6" if node["ipv6"] else "IPv4"
    address = plain(node["external_address"])
    told = f"called {address} by others" if address else "nobody has told it its address yet"
    return [
        f"{family} node {node['node_id']}, {told}",
        f"  {node['good']} good, {node['questionable']} questionable, {node['bad']} bad nodes, "
        f"{counted(node['replacements'], 'replacement')}",
        f"  asked: {_by_kind(node['queries_out'])}; {node['timeouts']} without an answer",
        f"  was asked: {_by_kind(node['queries_in'])}; {node['refused']} refused, "
        f"{node['malformed']} malformed",
        f"  keeps {counted(node['stored_peers'], 'peer')} of "
        f"{counted(node['stored_info_hashes'], 'torrent')}, "
        f"{counted(node['stored_items'], 'item')}, {size(node['stored_bytes'])}; "
        f"{node['lookups_running']} look-ups run, {node['lookups_waiting']} wait",
    ]


def _by_kind(counts: dict[str, int]) -> str:
    return (
        ", ".join(f"{count} {plain(kind)}" for kind, count in sorted(counts.items())) or "nothing"
    )


def _item_lines(item: JsonObject) -> list[str]:
    text = item["text"]
    lines = [f"text: {plain(text)}" if text is not None else f"bencoded: {item['value']}"]
    if item.get("public_key"):
        lines.append(f"number {item['seq']} of {item['public_key']} {item['salt']}".rstrip())
    if item.get("info_hash"):
        lines.append(f"torrent {item['info_hash']}")
    return lines


def _scrape_table(rows: list[JsonObject]) -> Columns:
    table = Columns("Id>", "Seeds>", "Peers>", "Nodes>", "Torrent")
    for row in rows:
        seeds, peers = ("?" if row[name] is None else str(row[name]) for name in ("seeds", "peers"))
        table.add_row(str(row["id"]), seeds, peers, str(row["nodes"]), row["hash_string"])
    return table


def _published_table(rows: list[JsonObject]) -> Columns:
    table = Columns("Id>", "Number>", "Nodes>", "Next", "Torrent or text", "")
    for row in rows:
        shown = row.get("info_hash") or row["text"] or row["target"]
        problem = plain(row["problem"], 300)
        table.add_row(
            str(row["id"]), str(row.get("seq", "-")), str(row["nodes"]), moment(row["next_date"]),
            plain(shown, 80), problem, style="red" if problem else "",
        )  # fmt: skip
    return table


def _followed_table(rows: list[JsonObject]) -> Columns:
    table = Columns("Id>", "Number>", "Next", "Torrent", "Link", "", cut=False)
    for row in rows:
        shown = row["name"] or row["hash_string"] or "-"
        number = str(row["seq"]) if row["seq"] >= 0 else "-"
        problem = plain(row["problem"], 300)
        table.add_row(
            str(row["id"]), number, moment(row["next_date"]), plain(shown, 80), row["link"],
            problem, style="red" if problem else "",
        )  # fmt: skip
    return table


def _tell_put(invocation: Invocation, answer: JsonObject) -> None:
    if invocation.as_json:
        invocation.tell(answer)
    invocation.say(f"{answer['target']} at {counted(answer['nodes'], 'node')}")
    if "link" in answer:
        invocation.say(answer["link"])


# -- what is signed ------------------------------------------------------------------------------


def _put_signed(
    invocation: Invocation, key_file: str, salt: str, value: bytes, *, keep: bool
) -> JsonObject:
    """Sign it as the number after the one that is there, and have it put in its place."""
    secret, client = read_secret(key_file), invocation.client
    public, raw_salt = public_key_of(secret), _salt(salt)
    there = client.call_patiently("dht_get", public_key=public.hex(), salt=raw_salt.hex())["item"]
    ours = [
        row["seq"]
        for row in client.call("dht_published")["items"]
        if row.get("public_key") == public.hex() and row.get("salt") == raw_salt.hex()
    ]
    seq = max([*ours, -1 if there is None else there["seq"]]) + 1
    item = sign(secret, seq, value, raw_salt)
    cas = {} if there is None else {"cas": there["seq"]}
    return client.call_patiently(
        "dht_put",
        value=base64.b64encode(value).decode("ascii"),
        public_key=public.hex(),
        salt=raw_salt.hex(),
        seq=seq,
        signature=item.signature.hex(),
        keep=keep,
        **cas,
    )


def _salt(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise P2pdError("the salt is not in hex") from None


def _v1_hash(torrent: str) -> bytes:
    """The v1 info-hash of what was named. Raises P2pdError."""
    if re.fullmatch(r"[0-9a-fA-F]{40}", torrent):
        return bytes.fromhex(torrent)
    if torrent[:7].lower() == "magnet:":
        hashes = parse_magnet(torrent).info_hashes
    else:
        try:
            with open(torrent, "rb") as file:
                hashes = parse_torrent(file.read(MOST_TORRENT)).info_hashes
        except OSError as problem:
            raise P2pdError(f"{os.fspath(torrent)}: {problem.strerror}") from None
    if hashes.v1 is None:
        raise FormatError("an item of the DHT names a torrent by its v1 hash, and it has none")
    return hashes.v1
