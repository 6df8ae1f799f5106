"""What the details of a torrent say: facts, and rows of files, peers and trackers. Pure."""

from __future__ import annotations

from p2pd.clients.api_client import JsonObject
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
from p2pd.clients.top.cells import BAD, CARE, DOWN, GOOD, QUIET, UP, Column, Row, bar, cell

FILE_COLUMNS = (
    Column("index", "#", 4, right=True, rank=1),
    Column("name", "File", 0),
    Column("done", "Done", 14),
    Column("size", "Size", 10, right=True, rank=2),
    Column("priority", "Priority", 8),
)
PEER_COLUMNS = (
    Column("address", "Address", 24),
    Column("client", "Client", 0, rank=1),
    Column("flags", "Flags", 6),
    Column("done", "Done", 6, right=True),
    Column("down", "Down", 11, right=True),
    Column("up", "Up", 11, right=True),
    Column("rating", "Rating", 6, right=True, rank=2),
    Column("country", "From", 4, rank=3),
)
TRACKER_COLUMNS = (
    Column("tier", "Tier", 4, right=True, rank=3),
    Column("tracker", "Tracker", 0),
    Column("state", "State", 8, rank=2),
    Column("seeds", "Seeds", 6, right=True),
    Column("peers", "Peers", 6, right=True),
    Column("answer", "Last answer", 34, rank=1),
)
PRIORITY_STYLES = {-1: QUIET, 0: "", 1: CARE}
LADDER = ("skip", "low", "normal", "high")
"""The priorities of a file in their order."""


def file_step(file: JsonObject) -> int:
    """Where on the ladder a file is."""
    return 2 + max(-1, min(1, file["priority"])) if file["wanted"] else 0


def file_row(file: JsonObject) -> Row:
    """The cells of FILE_COLUMNS."""
    share = file["bytes_completed"] / file["length"] if file["length"] else 1.0
    word = LADDER[file_step(file)]
    style = PRIORITY_STYLES.get(file["priority"], "") if file["wanted"] else QUIET
    return Row(
        (
            cell(str(file["index"]), QUIET),
            cell(plain(file["name"], 500)),
            (*bar(share, 7, GOOD if share == 1 else DOWN), (percent(share).rjust(7), "")),
            cell(size(file["length"])),
            cell(word, style),
        ),
        "" if file["wanted"] else QUIET,
    )


def peer_row(peer: JsonObject) -> Row:
    """The cells of PEER_COLUMNS."""
    host = f"[{peer['address']}]" if ":" in peer["address"] else peer["address"]
    snubbed = "S" * bool(peer["is_snubbed"])
    return Row(
        (
            cell(plain(f"{host}:{peer['port']}")),
            cell(plain(peer["client_name"], 60)),
            cell(plain(peer["flag_str"]) + snubbed, BAD if snubbed else ""),
            cell(percent(peer["progress"])),
            cell(rate(peer["rate_to_client"]), DOWN),
            cell(rate(peer["rate_to_peer"]), UP),
            cell(str(peer["rating"]), BAD if peer["rating"] < 25 else ""),
            cell(plain(peer["country"]), QUIET),
        )
    )


def tracker_row(tracker: JsonObject, now: float) -> Row:
    """The cells of TRACKER_COLUMNS."""
    asked, good = tracker["has_announced"], tracker["last_announce_succeeded"]
    answer = plain(tracker["last_announce_result"], 200)
    if not asked:
        answer = answer or "not asked yet"
    elif good:
        answer = counted(tracker["last_announce_peer_count"], "peer")
        if left := duration(tracker["next_announce_time"] - now):
            answer += f", again in {left}"
    words = {0: "off", 1: "waits", 3: "asks now"}
    return Row(
        (
            cell(str(tracker["tier"]), QUIET),
            cell(plain(tracker["announce"], 300)),
            cell(words.get(tracker["announce_state"], "")),
            cell(str(tracker["seeder_count"]) if tracker["seeder_count"] >= 0 else ""),
            cell(str(tracker["leecher_count"]) if tracker["leecher_count"] >= 0 else ""),
            cell(answer, BAD if asked and not good else ""),
        )
    )


def source_row(source: JsonObject, now: float) -> Row:
    """The cells of TRACKER_COLUMNS for a way to peers that is no tracker."""
    answer = source["error_string"] if source["enabled"] else source["disabled_reason"]
    if not answer and source["peers_known"]:
        answer = f"{source['peers_connected']} connected"
    if left := duration(source["next_time"] - now) if source["next_time"] else "":
        answer += f"{', again' if answer else 'asked'} in {left}"
    known = str(source["peers_known"]) if source["peers_known"] else ""
    wrong = source["enabled"] and source["error_string"]
    return Row(
        (
            cell(""),
            cell(source_word(source["name"]), QUIET),
            cell("" if source["enabled"] else "off", QUIET),
            cell(""),
            cell(known),
            cell(plain(answer, 200), BAD if wrong else QUIET),
        ),
        "" if source["enabled"] else QUIET,
    )


def facts(torrent: JsonObject) -> list[tuple[str, str, str]]:
    """Name, value and style of each fact of the overview; those that are empty are left out."""
    known = has_metadata(torrent)
    pieces = f"{torrent['piece_count']} of {size(torrent['piece_size'])}"
    given, taken = torrent["peers_sending_to_us"], torrent["peers_getting_from_us"]
    peers = f"{torrent['peers_connected']} connected, {given} sending, {taken} getting"
    every = [
        ("Error", torrent["error_string"], BAD),
        ("State", status(torrent), ""),
        ("Done", amount_done(torrent), ""),
        ("Time left", duration(torrent["eta"]), ""),
        ("Down", rate(torrent["rate_download"]), DOWN),
        ("Up", rate(torrent["rate_upload"]), UP),
        ("Peers", peers, ""),
        ("Size", size(torrent["total_size"]) if known else "", ""),
        ("Downloaded", size(torrent["downloaded_ever"]), ""),
        ("Uploaded", size(torrent["uploaded_ever"]), ""),
        ("Ratio", ratio(torrent["upload_ratio"]), ""),
        ("Corrupt", size(torrent["corrupt_ever"]) if torrent["corrupt_ever"] else "", CARE),
        ("Folder", torrent["download_dir"], ""),
        ("Labels", ", ".join(torrent["labels"]), ""),
        ("Pieces", pieces if torrent["piece_count"] else "", ""),
        ("Files", str(torrent["file_count"] or ""), ""),
        ("Private", "yes" if torrent["is_private"] else "", ""),
        ("Added", moment(torrent["added_date"]), ""),
        ("Completed", moment(torrent["done_date"]) if torrent["done_date"] else "", ""),
        ("Downloading", duration(torrent["seconds_downloading"]), ""),
        ("Seeding", duration(torrent["seconds_seeding"]), ""),
        ("Info-hash", torrent["hash_string"], QUIET),
        ("Comment", torrent["comment"], ""),
    ]
    return [(name, plain(value, 1000), style) for name, value, style in every if value]
