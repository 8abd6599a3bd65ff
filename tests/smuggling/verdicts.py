"""What must hold after a run through a chain; a breach names the consumers who may have caused it."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal, get_args

from tests.smuggling.chains import SECRET, Range
from tests.smuggling.hostile import CANARY_MARKS
from tests.smuggling.readings import READINGS
from tests.smuggling.runs import Run
from tests.support.access import attempts_of
from tests.support.capture import Connection
from tests.support.messages import Message

Rule = Literal["canary", "unreadable", "unauthorised", "credential", "foreign answer"]
RULES: tuple[Rule, ...] = get_args(Rule)
_MEANT_FOR = re.compile(rb"for=([a-z0-9-]+);")


@dataclass(frozen=True)
class Breach:
    """A rule that was broken, by which consumers' requests perhaps, and what shows it."""

    rule: Rule
    consumers: tuple[str, ...]
    shown: str


def breaches(run: Run) -> list[Breach]:
    """Everything that is wrong; nothing should be."""
    return [
        *chain.from_iterable(map(_upstream_breaches, run.range.capture.connections)),
        *_unauthorised(run.range),
        *_canaries_admitted(run.range),
        *_foreign_answers(run),
    ]


def _upstream_breaches(connection: Connection) -> Iterator[Breach]:
    """What is wrong with the bytes of one connection, whoever sent them."""
    received = bytes(connection.received)
    senders = tuple(sorted({_sender(message) for message in _messages(connection)}))
    if connection.fault is not None:
        yield Breach("unreadable", senders, f"{connection.fault}\n{received[-500:]!r}")
    for reading in READINGS:
        for target in reading.targets(received):
            if CANARY_MARKS.search(target):
                yield Breach("canary", senders, f"{reading}: {target!r}")
    for message in _messages(connection):
        is_clean = b"exeat" not in message.head.lower()
        if message.values(b"authorization") != [b"Bearer " + SECRET] or not is_clean:
            yield Breach("credential", (_sender(message),), repr(message.head))


def _messages(connection: Connection) -> list[Message]:
    return [*connection.messages, *([connection.partial] if connection.partial else [])]


def _sender(message: Message) -> str:
    return b",".join(message.values(b"case")).decode("latin-1")


def _unauthorised(made: Range) -> Iterator[Breach]:
    """Requests upstream that are no attempt of an access line with the same consumer, method and path."""
    admitted: Counter[tuple[str, str, str]] = Counter()
    for line in made.lines:
        request = str(line["consumer"]), str(line["method"]), str(line["path"])
        admitted[request] += len(attempts_of(line))
    arrived = Counter(
        (_sender(message), message.method.decode("latin-1"), message.target.partition(b"?")[0].decode("latin-1"))
        for connection in made.capture.connections
        for message in _messages(connection)
    )
    for request in (arrived - admitted).elements():
        yield Breach("unauthorised", request[:1], repr(request))


def _canaries_admitted(made: Range) -> Iterator[Breach]:
    """Canaries that the gateway took for requests: behind a front that passes none, even those that it then refused."""
    for line in made.lines:
        is_seen = CANARY_MARKS.search(str(line["path"]).encode())
        if is_seen and (line["attempts"] or made.chain.front is not None):
            yield Breach("canary", (str(line["consumer"]),), f"access line: {line}")


def _foreign_answers(run: Run) -> Iterator[Breach]:
    """Answers that name another caller, and calls of bystanders that got anything but their own."""
    for name, received in run.answers.items():
        strangers = {found.decode() for found in _MEANT_FOR.findall(received)} - {name}
        if strangers:
            yield Breach("foreign answer", (name, *strangers), repr(received[:500]))
    for call in run.calls:
        if not call.is_own:
            yield Breach("foreign answer", (call.consumer,), repr(call))
