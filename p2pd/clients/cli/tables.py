"""The tables that p2pctl shows. Every name in them has been through `plain`."""

from __future__ import annotations

from collections.abc import Iterable

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.giving import limits_words
from p2pd.clients.cli.speeds import KB, NO_LIMIT, limit_in_both_units
from p2pd.clients.columns import Columns
from p2pd.clients.text import (
    amount_done,
    counted,
    duration,
    has_metadata,
    moment,
    percent,
    plain,
    rate,
    ratio,
    size,
    source_word,
    status,
)

LIST_FIELDS = [
    "added_date", "disk_state", "error", "error_string", "eta", "hash_string", "id", "labels",
    "metadata_percent_complete", "move", "name", "peers_connected", "percent_done",
    "queue_position", "rate_download", "rate_upload", "size_when_done", "status", "total_size",
    "upload_ratio",
]  # fmt: skip

SNUBBED = "S"
"""Not in `flag_str`: Transmission's clients have no such letter."""

STOPPED = 0
PRIORITY_WORDS = {-1: "low", 0: "normal", 1: "high"}


def torrent_table(torrents: Iterable[JsonObject]) -> Columns:
    """One line a torrent."""
    torrents = list(torrents)
    labels = "Labels" if any(torrent["labels"] for torrent in torrents) else ""
    table = Columns(
        "Id>", "Done>", "Size>", "State", "Down>", "Up>", "Ratio>", "Peers>", "Left>", labels,
        "Name", spare=("Labels", "Ratio", "Peers", "Size", "Left", "Up", "Down", "State"),
    )  # fmt: skip
    for torrent in torrents:
        table.add_row(
            str(torrent["id"]),
            percent(torrent["percent_done"]),
            size(torrent["size_when_done"]) if has_metadata(torrent) else "",
            status(torrent),
            rate(torrent["rate_download"]),
            rate(torrent["rate_upload"]),
            ratio(torrent["upload_ratio"]),
            str(torrent["peers_connected"]),
            duration(torrent["eta"]),
            plain(",".join(torrent["labels"]), 60),
            plain(torrent["name"], 255),
            style=torrent_style(torrent),
        )
    return table


def torrent_style(torrent: JsonObject) -> str:
    """How its line looks on a terminal."""
    if torrent["error"]:
        return "red"
    if torrent["status"] == STOPPED:
        return "dim"
    return "green" if torrent["rate_download"] or torrent["rate_upload"] else ""


def file_table(files: Iterable[JsonObject]) -> Columns:
    """One line a file."""
    table = Columns(
        "Index>", "Done>", "Size>", "Wanted", "Priority", "Name",
        spare=("Size", "Wanted", "Priority"),
    )  # fmt: skip
    for file in files:
        share = file["bytes_completed"] / file["length"] if file["length"] else 1.0
        table.add_row(
            str(file["index"]),
            percent(share),
            size(file["length"]),
            "yes" if file["wanted"] else "no",
            PRIORITY_WORDS.get(file["priority"], "normal"),
            plain(file["name"]),
            style="" if file["wanted"] else "dim",
        )
    return table


def peer_table(peers: Iterable[JsonObject]) -> Columns:
    """One line a peer."""
    table = Columns(
        "Address", "Done>", "Down>", "Up>", "Rating>", "Flags", "Transport", "Node", "Client",
        spare=("Transport", "Rating", "Flags", "Node"),
    )  # fmt: skip
    for peer in peers:
        named = peer.get("certificate_name")
        table.add_row(
            _address(peer),
            percent(peer["progress"]),
            rate(peer["rate_to_client"]),
            rate(peer["rate_to_peer"]),
            str(peer["rating"]),
            plain(peer["flag_str"]) + SNUBBED * bool(peer["is_snubbed"]),
            plain(peer["transport"]),
            _node(peer),
            plain(peer["client_name"], 60) + (f" ({plain(named, 60)})" if named else ""),
        )
    return table


def _node(peer: JsonObject) -> str:
    """Which node a peer proved to be: its name, or how its key begins."""
    return plain(peer["node_name"], 30) or plain(peer["node_key"])[:16]


def source_table(sources: Iterable[JsonObject]) -> Columns:
    """One line a source of peers."""
    table = Columns(
        "Source", "Known>", "Connected>", "Last", "Next", "Remark",
        spare=("Next", "Last"),
    )  # fmt: skip
    for source in sources:
        table.add_row(
            source_word(source["name"]),
            str(source["peers_known"]),
            str(source["peers_connected"]),
            moment(source["last_time"]) if source["last_time"] else "",
            moment(source["next_time"]) if source["next_time"] else "",
            _remark(source),
            style="" if source["enabled"] else "dim",
        )
    return table


def _remark(source: JsonObject) -> str:
    """Why a source is not asked, or what went wrong with it last."""
    off = "" if source["enabled"] else f"off: {source['disabled_reason']}"
    return plain(off or source["error_string"], 300)


def _source(source: JsonObject) -> str:
    """A source of peers in a line; nothing if there is nothing to say of it."""
    known = counted(source["peers_known"], "peer") if source["peers_known"] else ""
    last = f"last {moment(source['last_time'])}" if source["last_time"] else ""
    following = f"next {moment(source['next_time'])}" if source["next_time"] else ""
    facts = ", ".join(filter(None, (known, last, following, _remark(source))))
    return f"{source_word(source['name'])}: {facts}" if facts else ""


def ban_table(bans: Iterable[JsonObject]) -> Columns:
    """One line a ban."""
    table = Columns("Address", "Since", "Until", "Reason")
    for ban in bans:
        until = "it is lifted" if ban["until"] < 0 else moment(ban["until"])
        who = f"node {plain(ban['node_key'])}" if ban["node_key"] else _address(ban)
        table.add_row(who, moment(ban["since"]), until, plain(ban["reason"], 300))
    return table


def _address(row: JsonObject) -> str:
    """A host or a peer; of a ban of one peer whose port is not known, the host and its id."""
    if not row["port"]:
        own = " (one peer there)" if row["peer_id"] else ""
        return plain(row["address"]) + own
    host = f"[{row['address']}]" if ":" in row["address"] else row["address"]
    return plain(f"{host}:{row['port']}")


def info_table(torrent: JsonObject) -> Columns:
    """Everything about a torrent, a fact a line; facts that are empty are left out."""
    table = Columns("", "", cut=False)
    for name, value in (*_identity(torrent), *_state(torrent), *_history(torrent)):
        if value:
            table.add_row(name, plain(value, 4000))
    for tracker in torrent["tracker_stats"]:
        table.add_row("Tracker", _tracker(tracker))
    for found in filter(None, map(_source, torrent["discovery"])):
        table.add_row("Peers from", found)
    return table


def _elsewhere(torrent: JsonObject) -> str:
    """The folder where it is now, if it goes to another one when it is complete."""
    current: str = torrent["current_dir"]
    return "" if current == torrent["download_dir"] else current


def _identity(torrent: JsonObject) -> list[tuple[str, str]]:
    pieces = f"{torrent['piece_count']} of {size(torrent['piece_size'])}"
    return [
        ("Name", torrent["name"]),
        ("Id", str(torrent["id"])),
        ("Info-hash v1", torrent["info_hash_v1"]),
        ("Info-hash v2", torrent["info_hash_v2"]),
        ("Magnet", torrent["magnet_link"]),
        ("Folder", torrent["download_dir"]),
        ("Until complete in", _elsewhere(torrent)),
        ("Moving", _move(torrent["move"])),
        ("Labels", ", ".join(torrent["labels"])),
        ("Owner", torrent["owner"]),
        ("Group", torrent["group"]),
        ("Priority", {-1: "low", 1: "high"}.get(torrent["bandwidth_priority"], "")),
        ("Place in the queue", str(torrent["queue_position"])),
        ("Comment", torrent["comment"]),
        ("Made by", torrent["creator"]),
        ("Made", moment(torrent["date_created"]) if torrent["date_created"] else ""),
        ("Private", "yes" if torrent["is_private"] else ""),
        ("Secret", "its peers have to know it" if torrent["has_secret"] else ""),
        ("Pieces", pieces if torrent["piece_count"] else ""),
        ("Files", str(torrent["file_count"] or "")),
    ]


def _state(torrent: JsonObject) -> list[tuple[str, str]]:
    sending, getting = torrent["peers_sending_to_us"], torrent["peers_getting_from_us"]
    peers = f"{torrent['peers_connected']} connected, {sending} sending, {getting} getting"
    checking, mode = torrent["status"] == 2, torrent["seed_choking"]
    known = has_metadata(torrent)
    return [
        ("State", status(torrent)),
        ("Error", torrent["error_string"]),
        ("Certificate", _certificate(torrent.get("tls"))),
        ("Checked", percent(torrent["recheck_progress"]) if checking else ""),
        ("Done", amount_done(torrent)),
        ("Size", size(torrent["total_size"]) if known else ""),
        ("Have", size(torrent["have_valid"]) if known else ""),
        ("Down", rate(torrent["rate_download"])),
        ("Up", rate(torrent["rate_upload"])),
        ("Down at most", _in_force(torrent["download_limit_in_force"])),
        ("Up at most", _in_force(torrent["upload_limit_in_force"])),
        ("Time left", duration(torrent["eta"])),
        ("Order", _order(torrent)),
        ("Super-seeding", torrent["super_seeding"]),
        ("Seeding mode", "" if mode == "session" else mode.replace("_", " ")),
        ("Gives", limits_words(torrent["seed_limits_in_force"])),
        ("Peers", peers),
        ("Lets in", "trusted nodes alone" if torrent["trusted_only"] else ""),
    ]


def torrents_named(name: str) -> str:
    """For which torrents a certificate is that has this name."""
    return "all torrents of the CA" if name == "*" else name


def _certificate(tls: JsonObject | None) -> str:
    if tls is None:
        return ""
    if not tls["certificate_name"]:
        return "none"
    line = f"for {torrents_named(tls['certificate_name'])}, until {moment(tls['not_after'])}"
    return "; ".join([line, *tls["warnings"]])


def _history(torrent: JsonObject) -> list[tuple[str, str]]:
    return [
        ("Downloaded", size(torrent["downloaded_ever"])),
        ("Uploaded", size(torrent["uploaded_ever"])),
        ("Ratio", ratio(torrent["upload_ratio"])),
        ("Corrupt", size(torrent["corrupt_ever"]) if torrent["corrupt_ever"] else ""),
        ("Added", moment(torrent["added_date"])),
        ("Completed", moment(torrent["done_date"]) if torrent["done_date"] else ""),
        ("Last active", moment(torrent["activity_date"])),
        ("Downloading", duration(torrent["seconds_downloading"])),
        ("Seeding", duration(torrent["seconds_seeding"])),
    ]


def _move(move: JsonObject | None) -> str:
    if move is None:
        return ""
    facts = f"to {move['location']}: {move['stage']}, {percent(move['progress'])}"
    return f"{facts}; {move['error_string']}" if move["error_string"] else facts


def _order(torrent: JsonObject) -> str:
    if not torrent["sequential_download"]:
        return ""
    first = torrent["sequential_download_from_piece"]
    return f"in sequence from piece {first}" if first else "in sequence"


def _in_force(limit: int) -> str:
    return "" if limit == NO_LIMIT else limit_in_both_units(limit // KB)


def _tracker(tracker: JsonObject) -> str:
    return plain(f"{tracker['announce']}: {tracker_result(tracker)}", 2000)


def tracker_result(tracker: JsonObject) -> str:
    """What a tracker answered last, and when."""
    if not tracker["has_announced"]:
        return plain(tracker["last_announce_result"], 500) or "not asked yet"
    if tracker["last_announce_succeeded"]:
        return f"{counted(tracker['last_announce_peer_count'], 'peer')} at {_last(tracker)}"
    return plain(f"{tracker['last_announce_result']} at {_last(tracker)}", 500)


def _last(tracker: JsonObject) -> str:
    return moment(tracker["last_announce_time"])


ANNOUNCE_WORDS = {0: "off", 1: "waits", 3: "asks now"}


def tracker_table(trackers: Iterable[JsonObject]) -> Columns:
    """One line a tracker."""
    table = Columns(
        "Tier>", "Tracker", "State", "Seeds>", "Peers>", "Next", "Last answer",
        spare=("Tier", "Next", "Peers", "Seeds", "State"),
    )  # fmt: skip
    for tracker in trackers:
        failed = tracker["has_announced"] and not tracker["last_announce_succeeded"]
        table.add_row(
            str(tracker["tier"]),
            plain(tracker["announce"], 80),
            ANNOUNCE_WORDS.get(tracker["announce_state"], ""),
            _known(tracker["seeder_count"]),
            _known(tracker["leecher_count"]),
            moment(tracker["next_announce_time"]) if tracker["next_announce_time"] else "",
            tracker_result(tracker),
            style="red" if failed else "",
        )
    return table


def web_seed_table(seeds: Iterable[JsonObject]) -> Columns:
    """One line a web seed."""
    table = Columns(
        "Web seed", "State", "Rate>", "Got>", "Next", "Last trouble",
        spare=("Next", "Got", "Rate", "State"),
    )  # fmt: skip
    for seed in seeds:
        bad = seed["state"] in ("dropped", "refused", "waiting")
        table.add_row(
            plain(seed["url"], 80),
            plain(seed["state"], 20),
            rate(seed["download_bytes_per_second"]) if seed["is_downloading"] else "",
            size(seed["downloaded"]) if seed["downloaded"] else "",
            moment(seed["next_time"]) if seed["next_time"] else "",
            plain(seed["error_string"], 200),
            style="red" if bad else "",
        )
    return table


def _known(count: int) -> str:
    return str(count) if count >= 0 else ""


def stats_table(answer: JsonObject) -> Columns:
    """Totals of this run and of all, and what is in use."""
    table = Columns("", "This run>", "All runs>")
    current, every = answer["current_stats"], answer["cumulative_stats"]
    for words, name, shown in (
        ("Downloaded", "downloaded_bytes", size),
        ("Uploaded", "uploaded_bytes", size),
        ("Torrents added", "files_added", str),
        ("Time running", "seconds_active", duration),
        ("Runs", "session_count", str),
    ):
        table.add_row(words, shown(current[name]), shown(every[name]))
    for words, value in _in_use(answer):
        table.add_row(words, value, "")
    return table


def _in_use(answer: JsonObject) -> list[tuple[str, str]]:
    active, count = answer["active_torrent_count"], answer["torrent_count"]
    cache, descriptors = answer["block_cache"], answer["descriptors"]
    return [
        ("Torrents active", f"{active} of {count}"),
        ("Down", rate(answer["download_speed"]) or "idle"),
        ("Up", rate(answer["upload_speed"]) or "idle"),
        ("Waits to be written", size(answer["write_backlog_bytes"])),
        ("Block cache", f"{size(cache['used_bytes'])} of {size(cache['limit_bytes'])}"),
        ("Connections", f"{descriptors['connections']} of {descriptors['connections_limit']}"),
        ("Open files", f"{descriptors['open_files']} of {descriptors['open_files_limit']}"),
    ]
