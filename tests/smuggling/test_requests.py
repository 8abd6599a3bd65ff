"""Hostile requests through Exeat and a real proxy: the upstream sees what was authorised, and nothing more."""

from collections import Counter

import pytest

from tests.smuggling.callers import answer_to
from tests.smuggling.chains import CHAINS, Chain
from tests.smuggling.fuzz import fuzzed
from tests.smuggling.hostile import Hostile, all_hostile
from tests.smuggling.runs import BYSTANDERS, Run, run_cases
from tests.smuggling.verdicts import RULES, Rule, breaches

FUZZED = 100


@pytest.fixture(scope="module")
def cases(chain: Chain) -> list[Hostile]:
    """Every chain has mutations and random changes of its own."""
    seed = CHAINS.index(chain)
    return [*all_hostile(seed), *fuzzed(seed, FUZZED)]


@pytest.fixture(scope="module")
def run(chain: Chain, cases: list[Hostile], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All cases in one go; the tests look at what came of them."""
    return run_cases(chain, cases, tmp_path_factory.mktemp("chain"))


@pytest.mark.parametrize("rule", RULES)
def test_nothing_is_smuggled(run: Run, rule: Rule) -> None:
    """No request and no answer goes where it doesn't belong, however the bytes are read."""
    assert [breach for breach in breaches(run) if breach.rule == rule] == []


def test_the_range_is_no_wall(run: Run, cases: list[Hostile]) -> None:
    """What is judged is worth it: every case was sent, many were let through and many were not, and all are logged."""
    assert set(run.answers) == {case.consumer for case in cases}
    assert len(run.calls) == len(cases)
    answered = Counter(answer[9:12] for answer in run.answers.values())
    assert run.arrived >= 80
    assert answered[b"200"] >= 60
    assert answered[b"400"] >= 150
    own = [name for name, answer in run.answers.items() if answer_to(name.encode(), b"/a") in answer]
    assert len(own) >= 60
    assert {str(line["consumer"]) for line in run.range.lines if line["attempts"]} >= {*own, *BYSTANDERS}
