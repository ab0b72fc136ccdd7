"""The command that teaches a shell to complete the others."""

import click
from click.shell_completion import get_completion_class

from digitserve_client.console import examples

EXAMPLES = examples(
    ("digitserve completion bash > ~/.local/share/bash-completion/completions/digitserve", "bash"),
    ("digitserve completion zsh > ~/.zfunc/_digitserve", "zsh, with ~/.zfunc in fpath"),
    ("digitserve completion fish > ~/.config/fish/completions/digitserve.fish", "fish"),
)


@click.command(epilog=EXAMPLES, short_help="Print what completes commands in a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Prints the script by which SHELL completes commands, options and paths."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"there are no completions for {shell}")
    root = context.find_root()
    click.echo(kind(root.command, {}, "digitserve", "_DIGITSERVE_COMPLETE").source())
