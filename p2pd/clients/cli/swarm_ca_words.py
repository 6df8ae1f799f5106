"""What p2pctl swarm-ca says of what it did."""

from __future__ import annotations

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import Invocation
from p2pd.clients.cli.swarm_ca_files import Written
from p2pd.clients.cli.swarm_ca_tables import ca_table, own_table
from p2pd.clients.text import moment, plain


def show_all(invocation: Invocation, found: JsonObject) -> None:
    """All CAs, and the node's own certificates."""
    if invocation.as_json:
        invocation.tell(found)
        return
    if found["cas"]:
        invocation.show(ca_table(found["cas"]))
        for sentence in (each for row in found["cas"] for each in row["warnings"]):
            invocation.warn(plain(sentence, 300))
    else:
        invocation.say("there are no CAs: p2pctl swarm-ca create NAME makes one")
    if found["certificates"]:
        invocation.say("")
        invocation.say("Certificates of this node:")
        invocation.show(own_table(found["certificates"]))
        for row in found["certificates"]:
            if row["problem"]:
                invocation.say(f"{row['ca_name'].removeprefix('CN=')}: {row['problem']}")


def tell_given(invocation: Invocation, given: JsonObject, files: Written) -> None:
    """What was issued, and where it is."""
    if invocation.as_json:
        invocation.tell({**given, "files": files.paths})
        return
    what = "all torrents of the CA" if "*" in given["names"] else ", ".join(given["names"])
    if given["hosts"]:
        what = f"the server {', '.join(given['hosts'])}"
    invocation.say(
        f"certificate {given['serial']}, for {plain(what, 200)}, "
        f"until {moment(given['expires_date'])}"
    )
    for path, content in files.told():
        invocation.say(f"{plain(path)}: {content}")


def tell_enrolled(invocation: Invocation, found: JsonObject) -> None:
    """What came of a token."""
    own = found["certificate_of_node"]
    what = "all torrents of it" if "*" in own["names"] else ", ".join(own["names"])
    invocation.say(
        f"enrolled with {plain(own['ca_name'].removeprefix('CN='), 100)}, for {plain(what, 200)}, "
        f"until {moment(own['expires_date'])}; renewed by itself"
    )
    for id_ in found["added"]:
        invocation.say(f"torrent {id_}: added")
    for id_ in found["ids"]:
        invocation.say(f"torrent {id_}: has the certificate")
    if not found["ids"] and not found["problems"]:
        invocation.say("torrents of that CA get the certificate when they are added")
    for problem in found["problems"]:
        invocation.warn(problem)
