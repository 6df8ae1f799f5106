"""p2pctl completion: the script that has a shell complete p2pctl."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = "_P2PCTL_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that has a shell complete commands, options and torrents.

    \b
    Where it goes:
      bash  eval "$(p2pctl completion bash)"                in ~/.bashrc
      zsh   eval "$(p2pctl completion zsh)"                 in ~/.zshrc, after compinit
      fish  p2pctl completion fish > ~/.config/fish/completions/p2pctl.fish
    """
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(context.find_root().command, {}, "p2pctl", VARIABLE).source())
