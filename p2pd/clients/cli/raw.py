"""p2pctl api: any method of the control API, for scripts."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.daemon import value_of
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.columns import Columns
from p2pd.clients.text import plain


def complete_methods(
    context: click.Context, option: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The methods that the running daemon has."""
    try:
        document = context.ensure_object(Invocation).hurried_client().call("system_methods")
    except P2pdError:
        return []
    return [
        CompletionItem(name, help=words)
        for name, words in _methods(document)
        if name.startswith(begun)
    ]


@click.command()
@click.argument("method", required=False, shell_complete=complete_methods)
@click.argument("given", metavar="[NAME=VALUE]...", nargs=-1)
@api_options
@pass_invocation
def api(invocation: Invocation, method: str | None, given: tuple[str, ...]) -> None:
    """Call a method of the control API and print its answer, which is always JSON.

    VALUE is JSON, or else a string as it stands. Without METHOD the methods are listed.

    \b
    Examples:
      p2pctl api session_stats
      p2pctl api torrent_get 'fields=["id", "name"]' 'ids="recently_active"'
    """
    if method is None:
        _list(invocation)
        return
    params: dict[str, Any] = {}
    for wish in given:
        name, equals, value = wish.partition("=")
        if not equals:
            raise click.UsageError(f"{name}: a param is NAME=VALUE")
        params[name] = value_of(value)
    with in_words():
        invocation.tell(invocation.client.call_patiently(method, **params))


def _list(invocation: Invocation) -> None:
    with in_words():
        document = invocation.client.call("system_methods")
    if invocation.as_json:
        invocation.tell(document)
        return
    table = Columns("Method", "What it does")
    for name, words in _methods(document):
        table.add_row(plain(name), plain(words))
    invocation.show(table)


def _methods(document: JsonObject) -> list[tuple[str, str]]:
    return sorted((method["name"], method.get("summary", "")) for method in document["methods"])
