"""The list of what is accepted and refused is true, and the page shows it."""

import re
from pathlib import Path

import pytest

from tests.support.playbook import CHUNKED as IN_CHUNKS
from tests.support.playbook import KEYED, Party, Stage, message, on_stage, plain
from tests.wire.differences import ANSWERS, CHUNKED, PARTS, REQUESTS, Rule
from tests.wire.oracle import Ended, answer_by_h11, chunked_by_h11, request_by_h11

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "http1.md"
END = b"\r\n\r\n"
OK = ("HTTP/1.1 200 OK", "Content-Length: 0")


def name_of(rule: Rule) -> str:
    return rule.rule


def status_of(caller: Party) -> int:
    """The status of the one final answer that has arrived."""
    found = re.findall(rb"^HTTP/1\.1 ([2-5][0-9]{2}) ", caller.takes_raw(), re.MULTILINE)
    assert len(found) == 1, found
    return int(found[0])


def ask(stage: Stage, request: bytes) -> int:
    """The status that a request brings, from an upstream that answers 200."""
    caller = stage.caller()
    caller.sends(request)
    if stage.dialled:
        stage.upstream().says(*OK)
    return status_of(caller)


def answer(stage: Stage, raw: bytes) -> int:
    """The status that comes to the caller where an upstream answers with these bytes."""
    caller = stage.caller()
    caller.says("GET /api/ HTTP/1.1", "Host: gateway.test", KEYED)
    stage.upstream().sends(raw)
    return status_of(caller)


def h11_judges_so(rule: Rule, accepts: object) -> None:
    """h11 judges as Exeat does, unless the rule says that it differs."""
    assert bool(accepts) is ((rule.status < 400) is (rule.differs is None))
    assert rule.differs is None or rule.differs(rule.example)


@pytest.mark.parametrize("rule", REQUESTS, ids=name_of)
def test_of_requests(rule: Rule) -> None:
    """A request has the status that its rule says, and nothing reaches the upstream if it is refused."""
    with on_stage(plain()) as stage:
        assert ask(stage, rule.example + END) == rule.status
        assert bool(stage.dialled) is (rule.status < 400)
    h11_judges_so(rule, request_by_h11(rule.example))


@pytest.mark.parametrize("rule", ANSWERS, ids=name_of)
def test_of_answers(rule: Rule) -> None:
    """An answer has the status that its rule says; 502 is the gateway's own."""
    with on_stage(plain()) as stage:
        assert answer(stage, rule.example + END) == rule.status
    h11_judges_so(rule, answer_by_h11(rule.example))


@pytest.mark.parametrize("rule", CHUNKED, ids=name_of)
def test_of_chunked_bodies(rule: Rule) -> None:
    """A chunked body is judged alike in a request and in an answer, where the status is 502 instead of 400."""
    with on_stage(plain()) as stage:
        head = message("POST /api/ HTTP/1.1", "Host: gateway.test", KEYED, IN_CHUNKS)
        assert ask(stage, head + rule.example) == rule.status
    with on_stage(plain()) as stage:
        status = answer(stage, message("HTTP/1.1 200 OK", IN_CHUNKS) + rule.example)
        assert status == (502 if rule.status == 400 else rule.status)
    h11_judges_so(rule, isinstance(chunked_by_h11(rule.example), Ended))


def row_of(rule: Rule) -> str:
    """A rule as a row of the page; a chunked body is refused with 400 in a request and with 502 in an answer."""
    status = "400, 502" if rule in CHUNKED and rule.status == 400 else rule.status
    return f"| {rule.rule} | {rule.source} | {rule.does} | {status} |"


def test_the_page_shows_the_list() -> None:
    """Every rule is a row of the page, under its heading and in its order, and the page has no other row."""
    shown: dict[str, list[str]] = {}
    part = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            part = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith("| rule "):
            shown.setdefault(part, []).append(line)
    assert shown == {name: [row_of(rule) for rule in rules] for name, rules in PARTS.items()}
