"""The options of `exeat upstream add` and `presets`; their work loads when needed."""

# ruff: noqa: PLC0415 - the imports within functions are what makes every command start fast

from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(metavar="NAME", help="The upstream's name.")]
Fields = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FIELD=VALUE]...", help="What the preset has to know, as in with.site=acme, and more."),
]
Of = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Print all that one of them says.")]
PresetName = Annotated[
    str | None, typer.Option("--preset", metavar="NAME", help="The API; the one that is called as the upstream is.")
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--secret-file", metavar="[NAME=]FILE", help="The file that a secret is in, - is standard input; repeatable."
    ),
]
Variables = Annotated[
    list[str] | None,
    typer.Option("--secret-env", metavar="[NAME=]VARIABLE", help="The variable that a secret is in; repeatable."),
]
Verify = Annotated[bool, typer.Option("--verify/--no-verify", help="Whether a call shows that the secret is accepted.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the lines that a document has for it; nothing is called or changed.")
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; the revision keeps it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]


def add_preset_commands(group: typer.Typer) -> None:
    """Make the commands known below `exeat upstream`."""
    for command in (add, presets):
        group.command(command.__name__)(command)


def add(  # noqa: PLR0917 - a command's options are its parameters; nobody passes them by position
    name: Name,
    fields: Fields = None,
    preset: PresetName = None,
    files: Files = None,
    variables: Variables = None,
    verify: Verify = True,  # noqa: FBT002 - an option of the command line
    dry_run: DryRun = False,  # noqa: FBT002
    why: Why = "",
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Make an upstream of a well-known API: ask for what is missing, see that the secret is accepted."""
    from exeat.cli.admin.adding import Wanted, add_upstream

    wanted = Wanted(name, preset, tuple(fields or ()), tuple(files or ()), tuple(variables or ()), why)
    raise typer.Exit(add_upstream(wanted, verifies=verify, dry_run=dry_run, as_json=as_json))


def presets(name: Of = None, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Print the well-known APIs that need little more than a secret."""
    from exeat.cli.admin.presets import list_presets

    raise typer.Exit(list_presets(name, as_json=as_json))
