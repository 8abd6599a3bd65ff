"""The options of `exeat audit`; the commands themselves load when they are run."""

# ruff: noqa: PLC0415 - the imports within functions are what makes every command start fast

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True, help="Search, follow, export and verify the audit trail.")

AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]
Consumer = Annotated[str | None, typer.Option("--consumer", metavar="NAME", help="Of this consumer.")]
Upstream = Annotated[str | None, typer.Option("--upstream", metavar="NAME", help="To this upstream.")]
Status = Annotated[
    str | None,
    typer.Option("--status", metavar="STATUS", help="A status, a class such as 5xx, or failed: any failure."),
]
Error = Annotated[str | None, typer.Option("--error", metavar="CODE", help="That ended with this code.")]
Outcome = Annotated[
    str | None, typer.Option("--outcome", metavar="OUTCOME", help="completed, refused, failed or interrupted.")
]
Kind = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="exchange or change.")]
Path_ = Annotated[str | None, typer.Option("--path", metavar="TEXT", help="Whose path holds this text, in any case.")]
Where = Annotated[
    list[str] | None, typer.Option("--where", metavar="FIELD=VALUE", help="Any other field; may be repeated.")
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="From then on: 15m, 30d (ago), or ISO 8601.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then.")]


@app.command()
def search(
    consumer: Consumer = None,
    upstream: Upstream = None,
    status: Status = None,
    error: Error = None,
    outcome: Outcome = None,
    kind: Kind = None,
    path: Path_ = None,
    where: Where = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="How many at once.")] = 50,
    cursor: Annotated[
        str | None, typer.Option("--cursor", metavar="CURSOR", help="Go on where a search ended.")
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002 - an option of the command line
) -> None:
    """Print records, newest first; with --json each as it was recorded, one a line."""
    from exeat.cli.audit.query import Options
    from exeat.cli.audit.search import search_records

    fields = {"consumer": consumer, "upstream": upstream, "error": error, "outcome": outcome, "kind": kind}
    options = Options(fields, where or (), status, since, until, path)
    raise typer.Exit(search_records(options, cursor=cursor, limit=limit, as_json=as_json))


@app.command()
def tail(
    consumer: Consumer = None,
    upstream: Upstream = None,
    status: Status = None,
    error: Error = None,
    outcome: Outcome = None,
    path: Path_ = None,
    where: Where = None,
    limit: Annotated[int, typer.Option("--lines", "-n", metavar="N", min=0, max=10_000, help="How many first.")] = 10,
    follows: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what arrives.")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Print the last records, oldest first, and with -f those that arrive, until Ctrl-C."""
    from exeat.cli.audit.query import Options
    from exeat.cli.audit.search import tail_records

    fields = {"consumer": consumer, "upstream": upstream, "error": error, "outcome": outcome}
    options = Options(fields, where or (), status, None, None, path)
    raise typer.Exit(tail_records(options, limit=limit, follows=follows, as_json=as_json))


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to: .jsonl, .csv or .parquet.")],
    consumer: Consumer = None,
    upstream: Upstream = None,
    status: Status = None,
    error: Error = None,
    outcome: Outcome = None,
    path: Path_ = None,
    where: Where = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write records to a file, in their order, with the seals that prove them where all records are asked for."""
    from exeat.cli.audit.export import export_records
    from exeat.cli.audit.query import Options

    fields = {"consumer": consumer, "upstream": upstream, "error": error, "outcome": outcome}
    raise typer.Exit(export_records(file, Options(fields, where or (), status, since, until, path)))


@app.command()
def verify(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="An export to verify; the database, without it.")
    ] = None,
    since: Since = None,
    until: Until = None,
    heads: Annotated[
        Path | None,
        typer.Option("--heads", metavar="FILE", help="What --json printed before: nothing of it may be gone since."),
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Prove that no record was edited, removed, inserted or reordered; exit code 1 names the first that was."""
    from exeat.cli.audit.verify import verify_trail

    raise typer.Exit(verify_trail(file, since=since, until=until, heads=heads, as_json=as_json))


@app.command()
def body(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="The id of the exchange, as Exeat-Request-Id says it.")
    ],
    side: Annotated[
        Literal["request", "response"], typer.Option("--side", metavar="SIDE", help="request or response.")
    ] = "response",
) -> None:
    """Print what is kept of a body, opened with the keyring."""
    from exeat.cli.audit.bodies import show_body

    raise typer.Exit(show_body(identifier, side))


@app.command()
def prune(
    before: Annotated[
        str,
        typer.Option("--before", metavar="TIME", help="From before that day (UTC): 400d (ago), or 2026-05-01."),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,  # noqa: FBT002
) -> None:
    """Remove whole days (UTC) of old records for good. That is recorded, and what remains can still be verified."""
    from exeat.cli.audit.prune import prune_trail

    raise typer.Exit(prune_trail(before, is_sure=yes))


@app.command()
def resume(
    chain: Annotated[
        str | None, typer.Argument(metavar="[CHAIN]", help="A chain that `exeat doctor` calls stuck.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every chain of this data directory that is stuck.")] = False,  # noqa: FBT002
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,  # noqa: FBT002
) -> None:
    """Go on behind records that a database which went back to an earlier copy has lost; the trail names them."""
    from exeat.cli.audit.resume import resume_chains

    raise typer.Exit(resume_chains(chain, every=every, is_sure=yes))
