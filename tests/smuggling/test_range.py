"""The range finds what it is there to find: a forwarder with one fault is caught, by the rule that the fault breaks."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.smuggling.chains import SERVERS, Chain
from tests.smuggling.hostile import CHUNKED, Hostile, canary, cl_te, length, request, te_cl
from tests.smuggling.leaky import Leak, LeakyForwarder
from tests.smuggling.runs import run_cases
from tests.smuggling.verdicts import RULES, Rule, breaches
from tests.support.gateway import MadeKey

DIRECT = Chain()
HARMLESS = Hostile("harmless", (request("harmless"),))
TWO_LENGTHS = (b"X: y\nContent-Length: 0", length(len(canary("lone-LF"))))
FRAMING: dict[Leak, Hostile] = {
    "goes by length": Hostile("CL.TE", (cl_te("CL.TE", CHUNKED),)),
    "goes by coding": Hostile("TE.CL", (te_cl("TE.CL", CHUNKED),)),
    "takes a lone LF": Hostile("lone-LF", (request("lone-LF", *TWO_LENGTHS, body=canary("lone-LF")),)),
}
OTHERS: dict[Leak, Rule] = {
    "logs nothing": "unauthorised",
    "passes the key": "credential",
    "mixes answers": "foreign answer",
}


def rules_broken(leak: Leak, case: Hostile, folder: Path, chain: Chain = DIRECT) -> set[Rule]:
    """The rules that a run with one case and the usual bystanders breaks."""

    def make(next_port: int, keys: Mapping[str, MadeKey], _: Path) -> LeakyForwarder:
        return LeakyForwarder(next_port, keys, leak)

    run = run_cases(chain, [case] + [HARMLESS] * 3, folder, make=make)
    return {breach.rule for breach in breaches(run)}


@pytest.mark.parametrize("leak", FRAMING)
def test_two_readings_are_found(leak: Leak, tmp_path: Path) -> None:
    """One hostile request is enough to find a forwarder that copies what it reads in its own way."""
    assert rules_broken(leak, FRAMING[leak], tmp_path) >= {"canary", "unreadable"}


@pytest.mark.parametrize("server", SERVERS)
def test_a_real_server_serves_what_a_leak_lets_through(server: str, tmp_path: Path) -> None:
    """The canary gets past nginx and past HAProxy, as a request of its own."""
    leak: Leak = "takes a lone LF"
    assert "canary" in rules_broken(leak, FRAMING[leak], tmp_path, Chain(back=server))


@pytest.mark.parametrize("leak", FRAMING)
def test_harmless_requests_show_nothing(leak: Leak, tmp_path: Path) -> None:
    """The same forwarder breaks no rule where nobody attacks it: it is the attack that is found."""
    assert rules_broken(leak, HARMLESS, tmp_path) == set()


@pytest.mark.parametrize(("leak", "rule"), OTHERS.items())
def test_every_other_rule_can_be_broken(leak: Leak, rule: Rule, tmp_path: Path) -> None:
    """A request that is logged nowhere, a credential too many and an answer for somebody else are found."""
    assert rule in rules_broken(leak, HARMLESS, tmp_path)


def test_every_rule_is_shown_to_be_broken() -> None:
    """No rule is without a forwarder that breaks it."""
    assert set(RULES) == {"canary", "unreadable", *OTHERS.values()}
