"""p2pctl secret: a secret for a swarm; and how other commands are given one."""

from __future__ import annotations

import click

from p2pd.clients.cli.invocation import (
    Command,
    Invocation,
    api_options,
    in_words,
    pass_invocation,
)
from p2pd.clients.swarm_secrets import checked, new_secret, secret_in, write_secret


@click.command()
@click.option("--out", type=click.Path(), metavar="FILE", help="A new file for it, mode 0600.")
@api_options
@pass_invocation
def secret(invocation: Invocation, /, out: str | None) -> None:
    """Make a secret for a swarm, which only who knows it can join.

    It is made here, of random numbers, and no daemon is asked. Give it to those who are to belong
    to the swarm, in another way than the torrent.

    \b
    Examples:
      p2pctl secret --out film.secret
      p2pctl add film.torrent --secret-file film.secret
    """
    made = new_secret()
    if out is None:
        invocation.say(made)
    else:
        with in_words():
            write_secret(out, made)
        invocation.say(f"{out}: a new secret")
    if invocation.as_json:
        invocation.tell({"file": out} if out else {"secret": made})


def given_secret(path: str) -> str:
    """The secret that the option names."""
    with in_words():
        if path == "-":
            return checked(click.prompt("Secret", hide_input=True, err=True))
        return secret_in(path)


def secret_option(command: Command) -> Command:
    """Decorate a command with the option that gives a torrent a secret."""
    return click.option(
        "--secret-file", "secret", type=click.Path(allow_dash=True), metavar="FILE",
        help="Only for who knows the secret, or the passphrase, in this file (- asks for it): "
        "see p2pctl secret.",
    )(command)  # fmt: skip
