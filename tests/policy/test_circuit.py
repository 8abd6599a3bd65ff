"""A circuit: what opens it, what it lets pass, how it closes, and that it never stays as it is for ever."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.circuit import Circuit
from exeat.policy.circuit import PARTS, TRANSITIONS, CircuitState, Event, Stage

RULES = Circuit()
BY_FAILURES = Circuit(ratio=None)
BY_RATIO = Circuit(failures=None, calls=10)
BY_SLOWNESS = Circuit(failures=None, ratio=None, calls=4, slow_s=1.0)
START = 1000.0


def opened(rules: Circuit | None = RULES, now: float = START) -> CircuitState:
    """A circuit that has just opened by failures."""
    circuit = CircuitState(rules)
    fail(circuit, now)
    return circuit


def fail(circuit: CircuitState, now: float, times: int = 5) -> bool:
    """Calls that fail; whether the last one changed the stage."""
    return [circuit.judge(0.01, failed=True, now=now) for _ in range(times)][-1]


def probed(circuit: CircuitState, now: float, *, failed: bool) -> None:
    """A probe and how it went."""
    assert circuit.is_due(now)
    assert circuit.judge_probe(circuit.begin_probe(now), now, failed=failed)


def stage_of(circuit: CircuitState) -> Stage:
    """Where it stands now."""
    return circuit.stage


# What opens it


@pytest.mark.parametrize(
    ("rules", "calls", "reason"),
    [
        (BY_FAILURES, "fffff", "5 calls failed in a row"),
        (BY_FAILURES, "ffff.ffff", ""),
        (Circuit(failures=1), "f", "a call failed"),
        (BY_RATIO, "f.f.f.f.f.", ""),
        (BY_RATIO, ".f.f.f.f.f", "5 of 10 calls failed"),
        (BY_RATIO, "fffffffff", ""),
        (BY_RATIO, "ffffffffff", "10 of 10 calls failed"),
        (BY_RATIO, "......ffff.f", ""),
        (BY_RATIO, "......ffffff", "6 of 12 calls failed"),
        (BY_SLOWNESS, "ffffffff", ""),
        (BY_SLOWNESS, "..ss", "2 of 4 calls were slow"),
        (BY_SLOWNESS, "sss", ""),
        (BY_SLOWNESS, "....s....s", ""),
        (None, "ffffffffffffffffffffffffffffffffsssss", ""),
    ],
)
def test_what_opens_it(rules: Circuit | None, calls: str, reason: str) -> None:
    """It opens by calls that fail in a row, by a part of them that fails, or by slow ones, and says why."""
    circuit, now = CircuitState(rules), START
    for call in calls:
        now += 0.1
        changed = circuit.judge(2.0 if call == "s" else 0.01, now, failed=call == "f")
        assert changed is (circuit.stage is Stage.OPEN)
        if changed:
            break
    assert circuit.reason == reason
    assert circuit.is_closed is (not reason)


def test_what_is_long_ago_does_not_count() -> None:
    """A part of the calls is one of those in the window."""
    circuit = CircuitState(BY_RATIO)
    for _ in range(9):
        circuit.judge(0.01, failed=True, now=START)
    assert not circuit.judge(0.01, failed=True, now=START + 20.0)
    assert circuit.failures == 1
    assert circuit.is_closed


@given(
    st.lists(st.tuples(st.floats(0, 3), st.booleans()), min_size=1, max_size=80),
    st.sampled_from([1.0, 10.0, 33.0]),
)
def test_the_window_is_as_long_as_it_says(calls: list[tuple[float, bool]], window_s: float) -> None:
    """Failures count for as long as the window, or for a tenth of it less."""
    circuit = CircuitState(Circuit(failures=None, ratio=100, calls=10_000, window_s=window_s))
    now, failed_at = START, []
    for after, failed in calls:
        now += after
        circuit.judge(0.0, now, failed=failed)
        failed_at += [now] * failed
        circuit.judge(0.0, now, failed=True)  # a failure makes it look at its window
        failed_at.append(now)
        assert circuit.failures <= sum(now - at <= window_s + 1e-6 for at in failed_at)
        assert circuit.failures >= sum(now - at < window_s * (1 - 1 / PARTS) - 1e-6 for at in failed_at)
        assert len(circuit.ring) < PARTS  # its memory is bounded


# How it closes


def test_the_way_back() -> None:
    """It rests, lets one call through, then a growing share, and closes."""
    circuit = opened()
    assert stage_of(circuit) is Stage.OPEN
    assert circuit.until == START + 5.0
    assert not circuit.is_due(START + 4.9)
    number = circuit.begin_probe(START + 5.0)
    assert stage_of(circuit) is Stage.PROBING
    assert not circuit.is_due(START + 5.1)
    assert circuit.judge_probe(number, START + 5.2, failed=False)
    assert stage_of(circuit) is Stage.RECOVERING
    assert circuit.share(START + 5.2) == pytest.approx(0.1)
    assert circuit.share(START + 10.2) == pytest.approx(0.55)
    assert not circuit.tend(START + 15.1)
    assert circuit.tend(START + 15.2)
    assert circuit.is_closed
    assert (circuit.share(START + 15.2), circuit.reason) == (1.0, "")


def test_a_rest_doubles_until_it_has_recovered() -> None:
    """Each time that it opens again before it has closed, it rests twice as long, up to the limit."""
    circuit, now, rests = opened(), START, []
    for _ in range(6):
        rests.append(circuit.until - now)
        now = circuit.until
        probed(circuit, now, failed=True)
    assert rests == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    now = circuit.until
    probed(circuit, now, failed=False)
    assert fail(circuit, now + 1.0)  # while it recovers
    assert circuit.until == now + 1.0 + 60.0
    now = circuit.until
    probed(circuit, now, failed=False)
    assert circuit.tend(now + 10.0)
    assert fail(circuit, now + 11.0)
    assert circuit.until == now + 11.0 + 5.0


def test_what_was_sent_before_says_nothing() -> None:
    """Calls that were under way when it opened, or rested, change nothing when they end."""
    circuit = opened()
    assert not fail(circuit, START + 1.0, 50)
    assert not circuit.judge(0.5, START + 1.0, failed=False)
    number = circuit.begin_probe(START + 5.0)
    assert not fail(circuit, START + 5.1, 50)
    assert circuit.judge_probe(number, START + 5.2, failed=False)
    assert not any(circuit.judge(3.0, failed=True, now=START + 6.0) for _ in range(50))  # sent before the probe passed
    assert fail(circuit, START + 6.0)


def test_a_probe_that_is_abandoned() -> None:
    """A probe that ends without a verdict keeps nobody from trying, and says nothing later."""
    circuit = opened()
    first = circuit.begin_probe(START + 5.0)
    circuit.abandon_probe(first, START + 5.5)
    assert circuit.is_due(START + 5.5)
    second = circuit.begin_probe(START + 5.5)
    assert not circuit.judge_probe(first, START + 6.0, failed=True)
    circuit.abandon_probe(first, START + 6.0)
    assert not circuit.is_due(START + 6.0)
    assert circuit.judge_probe(second, START + 7.0, failed=False)


@pytest.mark.parametrize("failed", [False, True])
def test_a_probe_that_takes_long(failed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Where a probe takes longer than the rest did, another one may try, but what the first one brings still counts."""
    circuit = opened()
    first = circuit.begin_probe(START + 5.0)
    assert not circuit.is_due(START + 9.9)
    assert circuit.is_due(START + 10.0)
    second = circuit.begin_probe(START + 10.0)
    assert circuit.judge_probe(first, START + 12.0, failed=failed)
    assert stage_of(circuit) is (Stage.OPEN if failed else Stage.RECOVERING)
    assert not circuit.judge_probe(second, START + 13.0, failed=not failed)
    if failed:
        third = circuit.begin_probe(circuit.until)
        assert not circuit.judge_probe(second, circuit.until, failed=False)  # from before the rest
        assert circuit.judge_probe(third, circuit.until, failed=False)


def test_without_a_ramp() -> None:
    """With a ramp of nothing, one good probe brings the whole share."""
    circuit = opened(Circuit(ramp_s=0.0))
    probed(circuit, START + 5.0, failed=False)
    assert circuit.share(START + 5.0) == 1.0
    assert circuit.tend(START + 5.0)


# What others say


def test_told_to_rest() -> None:
    """It rests for as long as it is told, or as it does anyway, and doubles from there."""
    circuit = CircuitState(RULES)
    assert circuit.rest(20.0, "elsewhere", START)
    assert not circuit.rest(5.0, "elsewhere, too", START)
    assert (circuit.until, circuit.reason) == (START + 20.0, "elsewhere")
    probed(circuit, START + 20.0, failed=True)
    assert circuit.until == START + 20.0 + 40.0
    assert circuit.recover(START + 21.0)
    assert circuit.stage is Stage.RECOVERING
    assert not circuit.recover(START + 22.0)


def test_held() -> None:
    """What is held rests until its time or a word ends it, whatever others see."""
    circuit = CircuitState(None)
    assert circuit.rest(inf, "by hand", START, held=True)
    assert not circuit.rest(1.0, "elsewhere", START)
    assert not circuit.is_due(START + 1e9)
    assert circuit.reason == "by hand"
    assert not circuit.rest(3.0, "by hand again", START, held=True)
    assert circuit.is_due(START + 3.0)
    assert circuit.recover(START + 1.0)


@pytest.mark.parametrize("stage", list(Stage))
def test_reset(stage: Stage) -> None:
    """From wherever it is, a reset closes it, and begins anew with the shortest rest."""
    circuit = CircuitState(RULES)
    if stage is not Stage.CLOSED:
        circuit.rest(50.0, "elsewhere", START)
    if stage is Stage.PROBING:
        circuit.begin_probe(START + 50.0)
    if stage is Stage.RECOVERING:
        circuit.recover(START + 50.0)
    assert circuit.stage is stage
    assert circuit.reset(START + 51.0) is (stage is not Stage.CLOSED)
    assert (circuit.is_closed, circuit.reason) == (True, "")
    fail(circuit, START + 52.0)
    assert circuit.until == START + 57.0


# Whatever happens


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "ok",
                "fail",
                "late",
                "slow",
                "pass",
                "miss",
                "give up",
                "rest",
                "hold",
                "recover",
                "reset",
                "rules",
                "off",
            ]
        ),
        st.floats(0, 30),
    ),
    max_size=60,
)


@given(STEPS, st.sampled_from([RULES, BY_RATIO, BY_SLOWNESS, Circuit(failures=1, ramp_s=0.0), None]))
def test_it_never_stays_as_it_is(steps: list[tuple[str, float]], rules: Circuit | None) -> None:
    """Whatever has happened, calls that go well bring it back; until then one probe at a time passes."""
    circuit, now, out = CircuitState(rules), START, 0
    for step, after in steps:
        now += after
        out = follow(circuit, step, now, out)
        assert circuit.is_closed is (circuit.stage is Stage.CLOSED)
        assert 0.0 <= circuit.share(now) <= 1.0
        assert (circuit.share(now) > 0) is (circuit.stage in {Stage.CLOSED, Stage.RECOVERING})
        if circuit.stage in {Stage.OPEN, Stage.PROBING}:
            assert circuit.until <= now + 60.0 or circuit.held or circuit.reason == "elsewhere"
    if circuit.held:
        circuit.recover(now)
    if circuit.stage in {Stage.OPEN, Stage.PROBING}:
        now = max(now, circuit.until)
        probed(circuit, now, failed=False)
    circuit.tend(now + 10.001)
    assert circuit.is_closed


def follow(circuit: CircuitState, step: str, now: float, out: int) -> int:
    """Let something happen; the number of the probe that is under way, 0 for none."""
    match step:
        case "pass" | "miss" if circuit.is_due(now):
            number = circuit.begin_probe(now)
            assert number != out
            assert not circuit.is_due(now)  # one at a time
            assert circuit.judge_probe(number, now, failed=step == "miss")
            return 0
        case "give up" if circuit.is_due(now):
            return circuit.begin_probe(now)
        case "give up":
            circuit.abandon_probe(out, now)
        case "ok" | "fail" | "slow" | "late":
            took_s = {"slow": 2.0, "late": 25.0}.get(step, 0.01)
            circuit.judge(took_s, now, failed=step in {"fail", "late"})
        case "rest" | "hold":
            circuit.rest(inf if step == "hold" else 7.0, "elsewhere", now, held=step == "hold")
        case "recover":
            circuit.recover(now)
        case "reset":
            circuit.reset(now)
        case "rules" | "off":
            circuit.follow(RULES if step == "rules" else None)
        case _:
            pass  # no probe is due
    circuit.tend(now)
    return out


def test_the_table_leads_everywhere_and_back() -> None:
    """Every stage can be reached from a closed circuit, and leads back to one; every event has its place."""
    reached = {Stage.CLOSED}
    for _ in Stage:
        reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}
    leads_back = {Stage.CLOSED}
    for _ in Stage:
        leads_back |= {before for (before, _), after in TRANSITIONS.items() if after in leads_back}
    assert reached == leads_back == set(Stage)
    assert {event for _, event in TRANSITIONS} == set(Event)
