"""What `exeat demo` prints when it serves: where, the keys, the lines to try; coloured on a terminal."""

from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from exeat.cli.sample.document import Keys
from exeat.cli.sample.examples import Example, Gateway, Group


@dataclass(frozen=True, slots=True)
class Facts:
    """What the page tells; `remark` is a word about the address, `dashboard` its URL, if there is one."""

    gateway: Gateway
    document: Path
    keys: Keys
    groups: list[Group]
    remark: str | None
    has_traffic: bool
    dashboard: str | None
    token: str


def render_page(facts: Facts, *, colour: bool) -> str:
    """The page; lines are never wrapped, so that they can be copied."""
    out = StringIO()
    console = Console(file=out, force_terminal=colour, color_system="standard" if colour else None, highlight=False)
    for text in [*_top(facts), *_lines(facts.groups), *_bottom(facts)]:
        console.print(text, soft_wrap=True)
    return out.getvalue()


def _top(facts: Facts) -> list[Text]:
    keys = facts.keys
    rows = [
        ("gateway", facts.gateway.url, "also in a browser: /-/"),
        *([("dashboard", facts.dashboard, "in a browser; log in with the token")] if facts.dashboard else []),
        *([("token", facts.token, "administrator 'admin'")] if facts.dashboard else []),
        ("document", str(facts.document), "change it and see; five upstreams, one destination, three consumers"),
        ("key", keys.demo.key, "consumer 'demo'"),
        ("key", keys.guest.key, "consumer 'guest', who may do little"),
    ]
    lines = [Text("Exeat demo", style="bold"), *(_row(*row) for row in rows)]
    return [*lines, Text(facts.remark, style="yellow")] if facts.remark else lines


def _row(name: str, value: str, remark: str) -> Text:
    return Text.assemble(f"  {name:<10}", (value, "bold cyan"), (f"   {remark}", "dim"))


def _lines(groups: list[Group]) -> list[Text]:
    lines = []
    for heading, examples in groups:
        lines += [Text(""), Text(heading, style="bold")]
        lines += [line for example in examples for line in _example(example)]
    return lines


def _example(example: Example) -> list[Text]:
    style = "green" if example.status < 400 else "yellow"  # noqa: PLR2004
    title = Text.assemble((f"  # {example.title} ", "dim"), (f"({example.status})", style))
    return [title, Text(f"  {example.line}")]


def _bottom(facts: Facts) -> list[Text]:
    if facts.has_traffic:
        text = "Ctrl-C ends it. Access lines follow, of your calls and of the demo's own (not with --no-traffic)."
    else:
        text = "Ctrl-C ends it. An access line follows for each of your calls."
    return [Text(""), Text(text, style="bold")]
