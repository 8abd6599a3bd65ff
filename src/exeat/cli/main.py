"""The `exeat` command: its sub-commands, each of which loads its own code only when it is run."""

# ruff: noqa: PLC0415 - the imports within functions are what makes every command start fast

from pathlib import Path
from typing import Annotated

import typer

from exeat.cli.admin.app import Expires, Label, add_commands
from exeat.cli.audit.app import app as audit

app = typer.Typer(
    name="exeat",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
keys = typer.Typer(no_args_is_help=True, help="Make keys for the callers of the gateway; replace and revoke them.")
app.add_typer(keys, name="key")
keyring = typer.Typer(no_args_is_help=True, help="Look at the master keys that secrets are sealed under; rotate them.")
app.add_typer(keyring, name="keyring")
app.add_typer(audit, name="audit")

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="The document; without it EXEAT_CONFIG, else ./exeat.yaml."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]


@app.callback()
def exeat() -> None:
    """Outbound API gateway: applications hold one key, Exeat holds the credentials.

    Settings come from the environment (EXEAT_…) and from .env, what may be called from the document (exeat.yaml).
    Exit codes: 0 fine, 1 failed, 2 wrong configuration or usage, 3 refused (explain).
    """


@app.command()
def serve(config: Config = None) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; SIGHUP and changed files reload it, SIGUSR2 replaces its workers."""
    from exeat.cli.serve import serve as run

    raise typer.Exit(run(config))


@app.command("reload")
def reload_gateway(
    workers: Annotated[  # noqa: FBT002 - an option of the command line
        bool, typer.Option("--workers", help="Put a new process in the place of each worker instead, one by one.")
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Have the gateway that runs here read its document again (like SIGHUP); wait until it is in force."""
    from exeat.cli.reload import reload

    raise typer.Exit(reload(workers=workers, as_json=as_json))


@app.command()
def demo(
    traffic: Annotated[bool, typer.Option("--traffic/--no-traffic", help="Whether it makes calls of its own.")] = True,  # noqa: FBT002
) -> None:
    """Try it at once: a gateway, a sample API behind it, and lines to copy; no network, no set-up."""
    from exeat.cli.demo import demo as run

    raise typer.Exit(run(with_traffic=traffic))


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The document; without it EXEAT_CONFIG, else ./exeat.yaml.")
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002 - an option of the command line
) -> None:
    """Say everything that is wrong with a document, without running it."""
    from exeat.cli.check import check as run

    raise typer.Exit(run(file, as_json=as_json))


@app.command()
def explain(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A key, its SHA-256, or the name of a consumer.")],
    method: Annotated[str, typer.Argument(metavar="METHOD", help="GET, POST, …")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A path as in /github/user, or a URL.")],
    config: Config = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", metavar="FIELD", help="A field as 'Name: value'; repeatable.")
    ] = None,
    address: Annotated[str | None, typer.Option("--from", metavar="ADDRESS", help="The caller's address.")] = None,
    no_dns: Annotated[bool, typer.Option("--no-dns", help="Don't resolve names.")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Say what would happen to one request, phase by phase, without sending it."""
    from exeat.cli.explain import Question, explain_request

    question = Question(key, method, target, tuple(header or ()), address)
    raise typer.Exit(explain_request(question, config=config, dns=not no_dns, as_json=as_json))


@keys.command("create")
def create_key(
    consumer: Annotated[str | None, typer.Argument(metavar="[CONSUMER]", help="Whose key it will be.")] = None,
    label: Label = "",
    expires: Expires = None,
    networks: Annotated[
        list[str] | None, typer.Option("--network", metavar="NETWORK", help="Where it may be used from; repeatable.")
    ] = None,
    limits: Annotated[
        list[str] | None,
        typer.Option("--limit", metavar="LIMIT", help="How much it may call: 'rate: 100/minute'; repeatable."),
    ] = None,
    print_only: Annotated[bool, typer.Option("--print-only", help="For the document: don't keep it.")] = False,  # noqa: FBT002
    aws: Annotated[bool, typer.Option("--aws", help="Print the pair with which clients of AWS sign, too.")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Make a key, shown once: in the database if that knows the consumer, else for the document, with its lines."""
    from exeat.cli.key import Wanted, create

    wanted = Wanted(consumer, label, expires, tuple(networks or ()), aws=aws)
    raise typer.Exit(create(wanted, limits or (), prints_only=print_only, as_json=as_json))


@keys.command("aws")
def show_aws_pair(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key, or its id.")],
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Print the access key and secret with which clients of AWS sign for a key; made from the gateway's keyring."""
    from exeat.cli.aws_pair import show_pair

    raise typer.Exit(show_pair(key, as_json=as_json))


@keyring.command("list")
def list_keyring(as_json: AsJson = False) -> None:  # noqa: FBT002
    """Print the ids of the master keys, and which one seals; never the keys."""
    from exeat.cli.keyring import list_keys

    raise typer.Exit(list_keys(as_json=as_json))


@keyring.command("rotate")
def rotate_keyring(as_json: AsJson = False) -> None:  # noqa: FBT002
    """Put a new master key in front: it seals from the next start on, the old ones open what they sealed."""
    from exeat.cli.keyring import rotate

    raise typer.Exit(rotate(as_json=as_json))


@keyring.command("reseal")
def reseal_keyring(as_json: AsJson = False) -> None:  # noqa: FBT002
    """After a rotation: seal anew what older keys have sealed in the database, and say which are needed no more."""
    from exeat.cli.keyring import reseal_stored

    raise typer.Exit(reseal_stored(as_json=as_json))


@app.command()
def usage(
    by: Annotated[
        str,
        typer.Option("--by", metavar="NAMES", help="consumer, key, upstream, status_class, error, answered, instance."),
    ] = "consumer,upstream",
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="From then on: 6h, 30d (ago), or ISO 8601.")
    ] = "30d",
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then.")] = None,
    steps: Annotated[bool, typer.Option("--steps", help="By minute, hour or day, as suits the range.")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Print requests, errors, bytes, latency and cost of a range of time."""
    from exeat.cli.usage import show_usage

    raise typer.Exit(show_usage(by, since=since, until=until, steps=steps, as_json=as_json))


@app.command()
def top(
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", min=0.2, help="How often it looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print what happens in one interval, and end.")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Watch a running gateway: the busiest upstreams and consumers, failures, latency; Ctrl-C ends it."""
    from exeat.cli.top.command import top as run

    raise typer.Exit(run(every, once=once, as_json=as_json))


@app.command()
def doctor(
    days: Annotated[int, typer.Option("--days", metavar="N", min=0, help="How far back records are compared.")] = 2,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Look for what would stop this gateway from working, and say how to mend it; exit code 1 if there is something."""
    from exeat.cli.doctor import examine

    raise typer.Exit(examine(days, as_json=as_json))


@app.command()
def schema() -> None:
    """Print the JSON Schema of the document, for editors."""
    from exeat.cli.schema import schema as run

    raise typer.Exit(run())


@app.command()
def version(as_json: AsJson = False) -> None:  # noqa: FBT002
    """Print the version."""
    from exeat.cli.version import version as run

    raise typer.Exit(run(as_json=as_json))


add_commands(app, keys)


def main() -> None:
    """Run the command line; whatever goes wrong, no traceback is shown."""
    from exeat.cli.output import complain_of_bug, let_go

    try:
        app()
    except Exception as error:  # noqa: BLE001 - the outermost boundary
        raise SystemExit(complain_of_bug(error)) from None
    finally:
        let_go()


if __name__ == "__main__":
    main()
