"""What Exeat forwards means the same to every real parser: as many requests, and each of them the same."""

from dataclasses import replace

import pytest
import uvloop

from tests.smuggling.callers import echo
from tests.smuggling.chains import Chain
from tests.smuggling.fuzz import fuzzed
from tests.smuggling.garden import PARSERS, SENTINEL, Seen, Told, as_seen, ask_all
from tests.smuggling.hostile import CANARY_MARKS, CHUNKED, all_hostile, cl_te
from tests.smuggling.runs import Run, run_cases
from tests.smuggling.verdicts import breaches
from tests.support.capture import Script
from tests.support.messages import Message, read_whole

SEED = 100
FUZZED = 400
KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# What no gateway may forward, for parsers do not agree about it.
AMBIGUOUS = {
    "CL.TE": cl_te("x", CHUNKED),
    "lone LF": cl_te("x", b"X: y\nTransfer-Encoding: chunked"),
}


def last_of_its_connection(message: Message) -> Script:
    """An echo after which the upstream closes: so the next request comes on a connection of its own."""
    script = echo(message)
    return Script(script.raw.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), close=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Everything hostile, and random changes of correct requests, through Exeat alone."""
    cases = [*all_hostile(SEED), *fuzzed(SEED, FUZZED)]
    return run_cases(Chain(), cases, tmp_path_factory.mktemp("chain"), answers=last_of_its_connection)


@pytest.fixture(scope="module")
def forwarded(run: Run) -> list[bytes]:
    """The bytes that Exeat forwarded for each request that it accepted, except the bystanders'."""
    connections = [connection for connection in run.range.capture.connections if connection.messages]
    assert [len(connection.messages) for connection in connections] == [1] * len(connections)
    return [
        bytes(connection.received)
        for connection in connections
        if not connection.messages[0].target.startswith(b"/own/")
    ]


@pytest.fixture(scope="module")
def told(forwarded: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Told, ...]]:
    """What each parser told about each of them, and then about what is ambiguous."""
    return uvloop.run(ask_all(tmp_path_factory.mktemp("garden"), [*forwarded, *AMBIGUOUS.values()]))


def test_only_one_reading_leaves(run: Run, forwarded: list[bytes]) -> None:
    """The rules of every chain hold for this run too, and enough is forwarded to be worth comparing."""
    assert breaches(run) == []
    assert len(forwarded) >= 200


@pytest.mark.parametrize("parser", PARSERS)
def test_every_parser_sees_the_same(parser: str, forwarded: list[bytes], told: dict[str, tuple[Told, ...]]) -> None:
    """One request and the sentinel behind it, as the strict reader sees them; or a refusal whose reason is known."""
    for data, answer in zip(forwarded, told[parser], strict=False):
        messages = read_whole("request", data + SENTINEL)
        if answer.requests:
            shown = [comparable(parser, seen) for seen in answer.requests]
            assert shown == [comparable(parser, as_seen(message)) for message in messages], data
        else:
            assert answer.statuses in {(400,), (405,), (501,)}, data
            assert may_refuse(parser, messages[0]), data


def comparable(parser: str, seen: Seen) -> Seen:
    """A request without what a parser can't show of it."""
    match parser:
        case "nginx" | "waitress":  # the one frames a body that it has whole anew, the other unpacks chunks
            return replace(seen, length=None, coding=None)
        case "uvicorn":  # ASGI doesn't tell an empty query from none
            return replace(seen, target=seen.target.removesuffix("?"))
        case _:
            return seen


def may_refuse(parser: str, message: Message) -> bool:
    """Correct requests that some servers refuse: methods that they don't know, and what else they don't take."""
    if message.method.decode() not in KNOWN_METHODS:
        return True
    return (parser == "nginx" and b"%00" in message.target) or (parser == "tornado" and bool(message.trailers))


@pytest.mark.parametrize("number", range(len(AMBIGUOUS)), ids=AMBIGUOUS)
def test_the_garden_tells_parsers_apart(number: int, told: dict[str, tuple[Told, ...]]) -> None:
    """Bytes with two meanings are read in more than one way: some parser sees the canary, and some doesn't."""
    answers = [answers[number - len(AMBIGUOUS)] for answers in told.values()]
    sees_canary = {any(CANARY_MARKS.search(seen.target.encode()) for seen in told.requests) for told in answers}
    assert sees_canary == {True, False}
