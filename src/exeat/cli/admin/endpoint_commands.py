"""The options of `exeat upstream endpoints`, `trip`, `drain`, `reset` and `restore`; their work loads when needed."""

# ruff: noqa: PLC0415 - the imports within functions are what makes every command start fast

from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(metavar="NAME", help="The upstream's name.")]
One = Annotated[
    str | None,
    typer.Argument(
        metavar="[ENDPOINT]", help="Its URL, or as much of it as no other one has; the only one, if not said."
    ),
]
Any_ = Annotated[
    str | None,
    typer.Argument(metavar="[ENDPOINT]", help="Its URL, or as much of it as no other one has; all, if not said."),
]
For = Annotated[str | None, typer.Option("--for", metavar="TIME", help="For how long, as in 10m.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; the revision keeps it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]


def add_endpoint_commands(group: typer.Typer) -> None:
    """Make the commands known below `exeat upstream`."""
    for command in (endpoints, trip, drain, reset, restore):
        group.command(command.__name__)(command)


def endpoints(name: Name, as_json: AsJson = False) -> None:  # noqa: FBT002 - an option of the command line
    """Print how the endpoints of an upstream are, and what was said of them by hand."""
    from exeat.cli.admin.endpoints import list_endpoints

    raise typer.Exit(list_endpoints(name, as_json=as_json))


def trip(name: Name, endpoint: One = None, for_: For = None, why: Why = "", as_json: AsJson = False) -> None:  # noqa: FBT002
    """Open the circuit of an endpoint: it gets no calls, for a time or until it is reset."""
    _do("trip", name, endpoint, for_, why, as_json=as_json)


def drain(name: Name, endpoint: One = None, for_: For = None, why: Why = "", as_json: AsJson = False) -> None:  # noqa: FBT002
    """Take an endpoint out of use: no new calls go to it, and those under way end as they would have."""
    _do("drain", name, endpoint, for_, why, as_json=as_json)


def reset(name: Name, endpoint: Any_ = None, why: Why = "", as_json: AsJson = False) -> None:  # noqa: FBT002
    """Close the circuit of an endpoint at once, whoever or whatever has opened it."""
    _do("reset", name, endpoint, None, why, as_json=as_json)


def restore(name: Name, endpoint: Any_ = None, why: Why = "", as_json: AsJson = False) -> None:  # noqa: FBT002
    """Take back that an endpoint is drained or tripped: it gets calls again, a growing share at first."""
    _do("restore", name, endpoint, None, why, as_json=as_json)


def _do(action: str, name: str, endpoint: str | None, length: str | None, why: str, *, as_json: bool) -> None:
    from exeat.cli.admin.endpoints import Order, change_endpoint

    raise typer.Exit(change_endpoint(Order(action, name, endpoint, length, why), as_json=as_json))
