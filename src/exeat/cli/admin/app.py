"""The options of the commands that change the configuration; the commands themselves load when they are run."""

# ruff: noqa: PLC0415 - the imports within functions are what makes every command start fast

from typing import Annotated, Literal

import typer

from exeat.cli.admin.endpoint_commands import add_endpoint_commands
from exeat.cli.admin.preset_commands import add_preset_commands

AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; the revision keeps it.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Its id, as `list` prints it.")]
Expires = Annotated[
    str | None, typer.Option("--expires", metavar="TIME", help="When it ends: 90d (from now), or ISO 8601.")
]
Label = Annotated[str, typer.Option("--label", metavar="TEXT", help="What people call it.")]
Prune = Annotated[bool, typer.Option("--prune/--no-prune", help="Whether what the document doesn't name is removed.")]
HasPassword = Annotated[bool, typer.Option("--password/--no-password", help="Without one, they log in with a token.")]
Role = Literal["viewer", "operator", "administrator"]

upstream = typer.Typer(no_args_is_help=True, help="See and change upstreams, one at a time.")
consumer = typer.Typer(no_args_is_help=True, help="See and change consumers, one at a time.")
destination = typer.Typer(no_args_is_help=True, help="See and change destinations, one at a time.")
section = typer.Typer(
    no_args_is_help=True, help="See and change the sections audit, cors, domains, limits, network and webhooks."
)
webhook = typer.Typer(no_args_is_help=True, help="See that events arrive where they are sent.")
credential = typer.Typer(no_args_is_help=True, help="Keep secrets in the vault: they go in, and never come out.")
revision = typer.Typer(no_args_is_help=True, help="See what was changed, when and by whom; go back.")
admin = typer.Typer(no_args_is_help=True, help="See and change who may use the admin API.")
token = typer.Typer(no_args_is_help=True, help="Tokens of administrators, for programs.")
admin.add_typer(token, name="token")


def add_commands(app: typer.Typer, keys: typer.Typer) -> None:
    """Make the commands known; those of keys join `exeat key create`."""
    app.command("apply")(apply)
    app.command("export")(export)
    for name, group in (("upstream", upstream), ("consumer", consumer), ("destination", destination)):
        app.add_typer(group, name=name)
    app.add_typer(section, name="section")
    app.add_typer(credential, name="credential")
    app.add_typer(revision, name="revision")
    app.add_typer(admin, name="admin")
    app.add_typer(webhook, name="webhook")
    app.command("migrate")(migrate)
    keys.command("list")(list_keys)
    keys.command("rotate")(rotate_key)
    keys.command("revoke")(revoke_key)


def apply(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="The document, instead of -f; - is standard input.")
    ] = None,
    named: Annotated[
        str | None, typer.Option("--file", "-f", metavar="FILE", help="The document; - is standard input.")
    ] = None,
    yes: Yes = False,  # noqa: FBT002 - an option of the command line
    dry_run: DryRun = False,  # noqa: FBT002
    prune: Prune = True,  # noqa: FBT002
    why: Why = "",
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Make the database's objects what a document says: all of it or nothing, once you have seen the difference."""
    from exeat.cli.admin.apply import Options, apply_document

    raise typer.Exit(apply_document((file, named), Options(yes, dry_run, prune, why, as_json)))


def export(
    everything: Annotated[bool, typer.Option("--all", help="With what file and environment say.")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Print the document that the database holds, as `apply` takes it."""
    from exeat.cli.admin.export import export_document

    raise typer.Exit(export_document(everything=everything, as_json=as_json))


def migrate(as_json: AsJson = False) -> None:  # noqa: FBT002
    """Give the database the tables of this version; a gateway that starts does so too."""
    from exeat.cli.admin.migrate import migrate_database

    raise typer.Exit(migrate_database(as_json=as_json))


def list_keys(
    of: Annotated[str | None, typer.Option("--consumer", metavar="NAME", help="Of this consumer.")] = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Print the keys that the database holds, never their text."""
    from exeat.cli.admin.keys import list_keys as run

    raise typer.Exit(run(of, as_json=as_json))


def rotate_key(
    identifier: Id,
    grace: Annotated[
        Literal["immediate", "1h", "24h", "7d"],
        typer.Option("--grace", metavar="TIME", help="How long the old one works on: immediate, 1h, 24h or 7d."),
    ] = "24h",
    expires: Expires = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Make a key in the place of another one, and show it this once."""
    from exeat.cli.admin.keys import rotate_key as run

    raise typer.Exit(run(identifier, grace, expires, as_json=as_json))


def revoke_key(identifier: Id, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Take a key back, for good: it is refused within a second."""
    from exeat.cli.admin.keys import revoke_key as run

    raise typer.Exit(run(identifier, as_json=as_json))


def _add_object_commands(group: typer.Typer, kind: str, example: str) -> None:
    """`list`, `show`, `set` and `remove` of a kind of object."""

    def list_them(as_json: AsJson = False) -> None:  # noqa: FBT002
        from exeat.cli.admin.objects import list_objects

        raise typer.Exit(list_objects(kind, as_json=as_json))

    def show(name: Name, as_json: AsJson = False) -> None:  # noqa: FBT002
        from exeat.cli.admin.objects import show_object

        raise typer.Exit(show_object(kind, name, as_json=as_json))

    def set_it(
        name: Name,
        fields: Annotated[
            list[str] | None,
            typer.Argument(metavar="[FIELD=VALUE]...", help=f"Members to change, as in {example}; null removes one."),
        ] = None,
        file: Annotated[
            str | None,
            typer.Option("--file", "-f", metavar="FILE", help="All of it, in YAML or JSON; - is standard input."),
        ] = None,
        as_json: AsJson = False,  # noqa: FBT002
    ) -> None:
        from exeat.cli.admin.objects import set_object

        raise typer.Exit(set_object(kind, name, fields or (), file, as_json=as_json))

    def remove(name: Name, as_json: AsJson = False) -> None:  # noqa: FBT002
        from exeat.cli.admin.objects import remove_object

        raise typer.Exit(remove_object(kind, name, as_json=as_json))

    article = "an" if kind == "upstream" else "a"
    group.command("list", help=f"Print all {kind}s, whichever source they are written in.")(list_them)
    group.command("show", help=f"Print one {kind} as it is written, without secrets.")(show)
    group.command("set", help=f"Make {article} {kind}, change members of it, or put a file in its place.")(set_it)
    group.command("remove", help=f"Remove {article} {kind}{' and revoke its keys' if kind == 'consumer' else ''}.")(
        remove
    )


_add_object_commands(upstream, "upstream", "url=https://api.example.com")
add_preset_commands(upstream)
add_endpoint_commands(upstream)
_add_object_commands(consumer, "consumer", "grants=github,stripe")
_add_object_commands(destination, "destination", "private=10.0.0.0/8")
_add_object_commands(section, "section", "origins=https://app.example.com")


@credential.command("list")
def list_credentials(as_json: AsJson = False) -> None:  # noqa: FBT002
    """Print the names of what is in the vault, and what uses it."""
    from exeat.cli.admin.credentials import list_credentials as run

    raise typer.Exit(run(as_json=as_json))


@credential.command("set")
def set_credential(name: Name, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Set a credential; its value comes from standard input, or from a prompt that doesn't show it."""
    from exeat.cli.admin.credentials import set_credential as run

    raise typer.Exit(run(name, as_json=as_json))


@credential.command("remove")
def remove_credential(name: Name, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Remove a credential that nothing refers to."""
    from exeat.cli.admin.credentials import remove_credential as run

    raise typer.Exit(run(name, as_json=as_json))


@revision.command("list")
def list_revisions(
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=1000, help="How many.")] = 20,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Print the last changes, newest first."""
    from exeat.cli.admin.revisions import list_revisions as run

    raise typer.Exit(run(limit, as_json=as_json))


Number = Annotated[int, typer.Argument(metavar="NUMBER", min=0, help="The revision's number.")]


@revision.command("show")
def show_revision(number: Number, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Print one change, whole."""
    from exeat.cli.admin.revisions import show_revision as run

    raise typer.Exit(run(number, as_json=as_json))


@revision.command("rollback")
def roll_back(
    number: Number,
    yes: Yes = False,  # noqa: FBT002
    dry_run: DryRun = False,  # noqa: FBT002
    why: Why = "",
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Make the objects what they were after a revision; keys and credentials stay as they are."""
    from exeat.cli.admin.revisions import roll_back as run

    raise typer.Exit(run(number, why, is_sure=yes, is_dry=dry_run, as_json=as_json))


@admin.command("list")
def list_administrators(as_json: AsJson = False) -> None:  # noqa: FBT002
    """Print who may use the admin API, and as what."""
    from exeat.cli.admin.administrators import list_administrators as run

    raise typer.Exit(run(as_json=as_json))


@admin.command("create")
def create_administrator(
    name: Name,
    role: Annotated[
        Role, typer.Option("--role", metavar="ROLE", help="viewer, operator or administrator.")
    ] = "operator",
    password: HasPassword = True,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Make an administrator; the password comes from standard input, or from a prompt that doesn't show it."""
    from exeat.cli.admin.administrators import create_administrator as run

    raise typer.Exit(run(name, role, has_password=password, as_json=as_json))


@admin.command("password")
def set_password(name: Name, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Set a password, which ends their sessions; it comes from standard input or a prompt."""
    from exeat.cli.admin.administrators import set_password as run

    raise typer.Exit(run(name, as_json=as_json))


@admin.command("remove")
def remove_administrator(name: Name, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Remove an administrator with their tokens and sessions; never the last one."""
    from exeat.cli.admin.administrators import remove_administrator as run

    raise typer.Exit(run(name, as_json=as_json))


@webhook.command("test")
def send_test(name: Name, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Send a signed message of the type `webhook.test` to a webhook, once, and say what became of it."""
    from exeat.cli.admin.webhooks import send_test as run

    raise typer.Exit(run(name, as_json=as_json))


@token.command("list")
def list_tokens(as_json: AsJson = False) -> None:  # noqa: FBT002
    """Print tokens, never their text: your own, or for an administrator everybody's."""
    from exeat.cli.admin.administrators import list_tokens as run

    raise typer.Exit(run(as_json=as_json))


@token.command("create")
def create_token(
    owner: Annotated[
        str | None,
        typer.Option("--administrator", metavar="NAME", help="Whose; your own, if you use a token of yours."),
    ] = None,
    role: Annotated[
        Role | None, typer.Option("--role", metavar="ROLE", help="At most its administrator's; that, if not said.")
    ] = None,
    label: Label = "",
    expires: Expires = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Make a token, and show it this once."""
    from exeat.cli.admin.administrators import create_token as run

    raise typer.Exit(run(owner, role, label, expires, as_json=as_json))


@token.command("revoke")
def revoke_token(identifier: Id, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Take a token back, for good."""
    from exeat.cli.admin.administrators import revoke_token as run

    raise typer.Exit(run(identifier, as_json=as_json))
