"""What is known of endpoints: from other workers, from checks, by hand; what lives on; and the laws of choice."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from exeat.model.circuit import Balance, Circuit
from exeat.model.upstream import Endpoint
from exeat.policy.circuit import Stage
from exeat.proxy.tiers import EndpointState
from tests.support.office import Office, api, letter

# What others know


def test_heard_of() -> None:
    """What another worker saw counts here, and isn't told of as its own; who saw it tries first."""
    office = Office(api((1, 0), (1, 0)))
    office.rest("a", 5.0)
    assert office.calls(3) == "bbb"
    office.now += 5.2
    assert office.calls(3) == "bbb"
    office.balancing.recover(office.id("a"))
    assert "a" in office.calls(20)
    office.balancing.rest("api https://nobody.test", 5.0, "elsewhere")
    office.balancing.recover("api https://nobody.test")
    assert office.told == []
    office.now += 10.0
    office.balancing.tend()
    assert office.stages() == {"a": "closed", "b": "closed"}


def test_checks() -> None:
    """Checks begin a rest and end it; they end no rest that calls began, nor one by hand."""
    office = Office(api((1, 0), (1, 0)))
    a, b = office.id("a"), office.id("b")
    office.balancing.check_passed(a)
    office.balancing.check_failed(a, 30.0, "health check: status 500")
    office.balancing.check_failed(a, 30.0, "health check: status 500")
    assert office.calls(2) == "bb"
    office.balancing.check_passed(a)
    assert office.stages()["a"] == "recovering"
    assert [(name, change) for name, change, _, _ in office.told] == [
        ("a", "open"),
        ("a", "resting"),
        ("a", "recovering"),
    ]
    office.told.clear()
    office.balancing.rest(b, inf, "by hand", held=True)
    office.balancing.check_failed(b, 30.0, "health check: status 500")
    office.balancing.check_passed(b)
    assert office.stages()["b"] == "open"
    office.rest("a", 50.0)
    office.balancing.check_passed(a)
    assert office.stages()["a"] == "open"
    assert office.told == []


def test_checks_that_stop() -> None:
    """What checks have begun ends by itself when no other check follows."""
    office = Office(api((1, 0)))
    office.balancing.check_failed(office.id("a"), 30.0, "health check: status 500")
    office.refuses()
    office.now += 30.0
    assert office.call() == "a"


# Configuration


def test_a_new_configuration() -> None:
    """What is known of an endpoint lives on; weights and rules are new at once; who is gone is forgotten."""
    office = Office(api((1, 0), (1, 0), (1, 0)))
    office.calls(6, fails="a")
    assert office.stages() == {"a": "open", "b": "closed", "c": "closed"}
    office.follow(api((5, 0), (3, 0), circuit=Circuit(failures=1)))
    assert office.stages() == {"a": "open", "b": "closed"}
    assert office.calls(4) == "bbbb"
    office.follow(api((5, 0), (3, 0), (1, 0), circuit=Circuit(failures=1)))
    assert sorted(office.calls(8)) == list("bbbbbbcc")
    assert office.call(fails="bc") in "bc"
    assert list(office.stages().values()).count("open") == 2
    office.follow(api((5, 0), (3, 0), (1, 0), circuit=None))
    assert set(office.stages().values()) == {"recovering", "closed"}
    office.follow()
    assert office.balancing.report() == []


def test_an_older_configuration() -> None:
    """An exchange that began before goes by what it began with, and disturbs nothing."""
    before = api((1, 0), (1, 0))
    office = Office(before)
    office.follow(api((1, 0)))
    gone = [office.balancing.choose(before, before.endpoints, (), office.now) for _ in range(4)]
    assert sorted(letter(chosen.id) for chosen, _ in gone) == list("aabb")
    for _, state in gone:
        office.balancing.judge(state, failed=False, took_s=0.0, now=office.now)
        office.balancing.leave(state)
    office.follow(api((1, 0)))
    assert office.stages() == {"a": "closed"}


# Whatever happens

ENDPOINTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=5).filter(
    lambda endpoints: any(weight for weight, _ in endpoints)
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["call", "retry", "fail", "pass", "leave", "time", "long", "rest", "recover", "check", "well"]),
        st.integers(0, 7),
    ),
    max_size=80,
)


@given(ENDPOINTS, st.sampled_from(["weighted", "least-pending"]), STEPS)
def test_the_laws_of_choice(endpoints: list[tuple[int, int]], balance: Balance, steps: list[tuple[str, int]]) -> None:
    """No call goes to who rests while another is well, but a probe that is due; others come before the tried."""
    office = Office(api(*endpoints, balance=balance))
    under_way: list[tuple[Endpoint, EndpointState]] = []
    for step, number in steps:
        one = office.upstream.endpoints[number % len(endpoints)]
        match step:
            case "call" | "retry":
                chosen = lawful(office, (one,) if step == "retry" else ())
                under_way += [] if chosen is None else [chosen]
            case "fail" | "pass" if under_way:
                state = under_way[number % len(under_way)][1]
                office.balancing.judge(state, failed=step == "fail", took_s=0.0, now=office.now)
            case "leave" if under_way:
                office.balancing.leave(under_way.pop(number % len(under_way))[1])
            case "time" | "long":
                office.now += number * (5.0 if step == "long" else 0.5)
                office.balancing.tend()
            case "rest" | "recover":
                if step == "rest":
                    office.balancing.rest(one.id, 4.0, "elsewhere")
                else:
                    office.balancing.recover(one.id)
            case "check":
                office.balancing.check_failed(one.id, 6.0, "health check")
            case _:
                office.balancing.check_passed(one.id)
        pending = {str(known["endpoint"]): known["pending"] for known in office.balancing.report()}
        for each in office.upstream.endpoints:
            assert pending.get(each.id, 0) == sum(chosen is each for chosen, _ in under_way)


def lawful(office: Office, tried: tuple[Endpoint, ...]) -> tuple[Endpoint, EndpointState] | None:
    """Choose, and compare with what is known of all."""
    known = {each.id: office.circuit(each) for each in office.upstream.endpoints}
    well = [each for each in office.upstream.endpoints if known[each.id].share(office.now) > 0]
    closed = [each for each in well if known[each.id].is_closed and each.weight]
    due = {each.id for each in office.upstream.endpoints if known[each.id].is_due(office.now)}
    if not well and not due:
        office.refuses(*tried)
        return None
    chosen, state = office.choose(*tried)
    if state.probes is not None:
        assert chosen.id in due
        assert known[chosen.id].stage is Stage.PROBING
    else:
        assert chosen in well
        if not tried:
            assert all(chosen.priority <= each.priority for each in closed)
    if any(each not in tried for each in well):
        assert chosen not in tried
    return chosen, state
