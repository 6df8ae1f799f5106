"""p2pctl top: starts the full-screen view, or says how to install what it needs."""

from __future__ import annotations

import sys
import threading
import time

import click

from p2pd.clients.api_client import ApiClient, HttpTransport
from p2pd.clients.cli.invocation import (
    FailedError,
    Invocation,
    api_options,
    in_words,
    pass_invocation,
)
from p2pd.clients.event_stream import EventStream

TOLD_SECONDS = 0.5
"""Between two messages of the daemon, at most: what a key did is seen soon."""

TIMEOUT_SECONDS = 20.0
"""For the looks: who waits for longer than this is told."""


@click.command()
@click.option(
    "--interval", type=click.FloatRange(min=0.2, max=3600), default=1.0, show_default=True,
    help="Seconds between looks.",
)  # fmt: skip
@api_options
@pass_invocation
def top(invocation: Invocation, interval: float) -> None:
    """Show the torrents live on the whole screen, with their files, peers, trackers and pieces.

    The key ? tells what the others do. It needs Textual (the extra top of p2pd).
    """
    if invocation.as_json:
        raise click.UsageError("top is for people: p2pctl watch --json is for programs")
    try:
        from p2pd.clients.top.app import TopApp
        from p2pd.clients.top.feed import SETTING_FIELDS, STAT_FIELDS, Feed
        from p2pd.clients.top.follower import Follower
        from p2pd.clients.top.poller import Poller
        from p2pd.clients.top.torrent_list import FIELDS
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "textual":
            raise
        how = f"{sys.executable} -m pip install 'textual>=8'"
        raise FailedError(f"p2pctl top needs Textual: {how}") from None
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise FailedError("p2pctl top needs a terminal; p2pctl list and watch do not")
    with in_words():
        # Asked before the screen is taken: a daemon that is not there is a line, and status 3.
        invocation.client.call("session_get", fields=["version"])
        looking = ApiClient(HttpTransport(invocation.url, TIMEOUT_SECONDS), invocation.token_found)
        follower = Follower(
            lambda: EventStream(invocation.door(invocation.url), invocation.token_found),
            {"fields": FIELDS, "session_fields": SETTING_FIELDS, "statistics": STAT_FIELDS,
             "interval": min(interval, TOLD_SECONDS)},
        )  # fmt: skip
        threading.Thread(target=follower.run, name="follower", daemon=True).start()
        feed = Feed(looking, time.monotonic, follower)
        app = TopApp(invocation.client, lambda publish: Poller(feed, publish, interval))
    app.run()
    follower.end()
    if app.return_code:
        sys.exit(app.return_code)
