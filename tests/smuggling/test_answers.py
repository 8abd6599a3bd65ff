"""Hostile answers through Exeat and a real proxy: no caller gets bytes that were meant for another."""

import asyncio
from pathlib import Path

import pytest
import uvloop

from tests.smuggling.answers import HostileAnswer, all_answers, poison
from tests.smuggling.callers import LIMIT_S, Bystander, Call, echo
from tests.smuggling.chains import Chain, running
from tests.smuggling.runs import BYSTANDERS, Answers, Run, run_cases
from tests.smuggling.verdicts import RULES, Rule, breaches
from tests.support.capture import Script
from tests.support.messages import Message

# nginx 1.22 hands an interim answer of its upstream on as a final one without end. What follows it is a correct answer
# to whoever stands before nginx, and nginx never serves the next request on that connection.
STUCK_BEHIND_NGINX = {"S030", "S031"}


def hostile_or_echo(answers: list[HostileAnswer]) -> Answers:
    """Answer each case's own request as it says, and every other with an echo."""
    scripts = {answer.asked.consumer.encode(): answer.script for answer in answers}

    def answer_to(message: Message) -> Script:
        return scripts.get(message.value(b"case") or b"") or echo(message)

    return answer_to


@pytest.fixture(scope="module")
def answers(chain: Chain) -> list[HostileAnswer]:
    """Every case that the chain's servers can take."""
    return [answer for answer in all_answers() if chain.back != "nginx" or answer.id not in STUCK_BEHIND_NGINX]


@pytest.fixture(scope="module")
def run(chain: Chain, answers: list[HostileAnswer], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All cases in one go; the tests look at what came of them."""
    cases = [answer.asked for answer in answers]
    return run_cases(chain, cases, tmp_path_factory.mktemp("chain"), answers=hostile_or_echo(answers))


@pytest.mark.parametrize("rule", RULES)
def test_no_answer_goes_astray(run: Run, rule: Rule) -> None:
    """Whatever follows an answer goes to nobody; the next caller's request is served as if nothing had been."""
    assert [breach for breach in breaches(run) if breach.rule == rule] == []


def test_every_answer_was_asked_for(run: Run, answers: list[HostileAnswer]) -> None:
    """Each case's request reached the upstream."""
    arrived = {message.value(b"case") for message in run.range.capture.calls}
    asked = {answer.asked.consumer.encode() for answer in answers if not answer.script.early}
    assert arrived >= asked
    assert len(run.calls) == len(answers)


def test_an_answer_on_an_idle_connection_is_for_nobody(chain: Chain, tmp_path: Path) -> None:
    """What the upstream says unasked ends the connection, and the next callers get their own answers."""

    async def run() -> tuple[int, list[Call]]:
        async with running(chain, list(BYSTANDERS), tmp_path, echo) as made, asyncio.timeout(LIMIT_S):
            bystanders = [Bystander(name, made.keys[name], made.entrance) for name in BYSTANDERS]
            async with asyncio.TaskGroup() as group:
                for bystander in bystanders:
                    group.create_task(bystander.call())
            idle = made.capture.open
            for connection in idle:
                connection.push(poison("nobody"))
            await made.capture.changes.until(lambda: all(connection.is_lost for connection in idle))
            for bystander in bystanders:
                await bystander.call()
                await bystander.leave()
        return len(idle), [call for bystander in bystanders for call in bystander.calls]

    idle, calls = uvloop.run(run())
    assert idle
    assert len(calls) == 2 * len(BYSTANDERS)
    assert [call for call in calls if not call.is_own] == []
