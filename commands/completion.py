"""`footfall completion bash`: the script with which a shell completes commands, options and client ids."""

import click
from click.shell_completion import get_completion_class

#: Where each shell looks for it.
_WHERE = {
    "bash": "footfall completion bash > ~/.local/share/bash-completion/completions/footfall",
    "zsh": 'footfall completion zsh > "${fpath[1]}/_footfall"',
    "fish": "footfall completion fish > ~/.config/fish/completions/footfall.fish",
}


@click.command(epilog="\b\n" + "\n".join(_WHERE.values()))
@click.argument("shell", type=click.Choice(list(_WHERE)))
def command(shell: str) -> int:
    """Print the script that completes commands, options and client ids in SHELL."""
    from commands.cli import footfall

    script = get_completion_class(shell)
    assert script is not None, "click knows the three"
    click.echo(script(footfall, {}, "footfall", "_FOOTFALL_COMPLETE").source())
    return 0
