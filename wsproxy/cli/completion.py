"""`wsproxy completion`: let the shell complete commands, options and captures."""

import click

_INSTALL = {
    "bash": 'eval "$(wsproxy completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(wsproxy completion zsh)"   # in ~/.zshrc, after compinit',
    "fish": "wsproxy completion fish > ~/.config/fish/completions/wsproxy.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(sorted(_INSTALL)))
def completion(shell: str) -> None:
    """
    Print the completion script for a shell.

    \b
    Examples:
      eval "$(wsproxy completion bash)"          (in ~/.bashrc)
      eval "$(wsproxy completion zsh)"           (in ~/.zshrc, after compinit)
      wsproxy completion fish > ~/.config/fish/completions/wsproxy.fish
    """
    from click.shell_completion import get_completion_class

    from wsproxy.cli.main import main

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(main, {}, "wsproxy", "_WSPROXY_COMPLETE").source().strip()
    lines = script.split("\n")
    # zsh wants its #compdef in the first line.
    lines.insert(1 if lines[0].startswith("#") else 0, f"# To install: {_INSTALL[shell]}")
    click.echo("\n".join(lines))
