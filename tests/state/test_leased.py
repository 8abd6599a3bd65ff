"""What workers take of a shared limit, by themselves and at any interleaving."""

from collections.abc import Callable
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from exeat.model.limit import Increase, Kind
from tests.state.world import MS, SECOND, World, make_limit

WORKERS = 3


class Step(NamedTuple):
    """One thing that happens to one worker; `size` says how much of it."""

    what: str
    place: int
    size: int


def steps(*what: str) -> st.SearchStrategy[list[Step]]:
    """What may happen, in any order."""
    one = st.builds(Step, st.sampled_from(what), st.integers(0, WORKERS - 1), st.integers(1, 40))
    return st.lists(one, max_size=60)


def play(world: World, what: list[Step], check: Callable[[], None], end: Callable[[int], None] | None = None) -> None:
    """Let it happen, and check after each step."""
    for step in what:
        match step.what:
            case "request":
                for _ in range(step.size):
                    world.request(step.place)
            case "deliver":
                world.lenders[step.place].deliver()
            case "turn":
                world.turn()
            case "wait":
                world.wait(step.size * 7 * MS)
            case "kill":
                world.kill(step.place)
            case _:
                assert end is not None
                end(step.place)
        check()


USUAL = ("request", "request", "deliver", "turn", "wait")


@given(steps(*USUAL, "kill"), st.integers(1, 300))
def test_quota_is_never_exceeded(what: list[Step], amount: int) -> None:
    """Whatever the order of requests, answers, returns and deaths: no more pass than the quota has."""
    world = World(make_limit(Kind.QUOTA, amount, unit="year"), WORKERS)

    def check() -> None:
        assert len(world.passed) <= amount

    play(world, what, check)
    world.demand()
    check()


@given(steps(*USUAL), st.integers(1, 300))
def test_all_of_a_quota_can_be_used(what: list[Step], amount: int) -> None:
    """Without deaths, exactly the quota passes as soon as there is demand, whoever asks."""
    world = World(make_limit(Kind.QUOTA, amount, unit="year"), WORKERS)
    play(world, what, lambda: None)
    world.turn()
    world.demand()
    assert len(world.passed) == amount


@given(steps(*USUAL), st.integers(1, 300), st.sampled_from([Kind.QUOTA, Kind.RATE, Kind.CONCURRENCY]))
def test_nobody_is_refused_while_something_lies_idle(what: list[Step], amount: int, kind: Kind) -> None:
    """Whatever was taken ahead, and wherever it lies: when the first is refused, all of the limit has passed."""
    world = World(make_limit(kind, amount, unit="year", period=10_000 * SECOND, burst=amount), WORKERS)

    def check() -> None:
        assert len(world.passed) == amount

    world.when_refused = check
    play(world, what, lambda: None)
    world.turn()
    for place in range(WORKERS):
        for _ in range(amount + 1):
            world.request(place)
    world.turn()
    check()


def test_who_does_not_answer_is_not_waited_for_long() -> None:
    """A worker that hangs with what it has taken ahead holds up refusals once; what it gives back later is used."""
    world = World(make_limit(Kind.QUOTA, 1000, unit="year"), 2)
    for _ in range(100):
        world.request(0)
        world.turn()
    world.lenders[0].is_stuck = True
    for _ in range(1000):
        world.request(1)
    world.turn()
    began = world.now
    held = 900 - (len(world.passed) - 100)
    assert (held > 0, world.refused) == (True, 0)
    world.wait(SECOND // 2)
    assert world.refused == 1000 - (900 - held)
    world.request(1)
    world.turn()
    assert (world.now - began, world.refused) == (SECOND // 2, 1000 - (900 - held) + 1)
    world.lenders[0].is_stuck = False
    world.turn()
    for _ in range(1000):
        world.request(1)
    world.turn()
    assert len(world.passed) == 1000


@given(steps(*USUAL, "end"), st.integers(1, 100))
def test_what_was_not_sent_can_be_used_again(what: list[Step], amount: int) -> None:
    """What goes back is there for others: passed, less what went back, is exactly the quota."""
    world = World(make_limit(Kind.QUOTA, amount, unit="year"), WORKERS)
    held = [0] * WORKERS
    returned = 0

    def end(place: int) -> None:
        nonlocal returned
        if held[place]:
            held[place] -= 1
            returned += 1
            world.cells[place].give_back(world.now, 1, world.now)

    def count(place: int) -> Callable[[bool], None]:
        def done(passed: bool) -> None:  # noqa: FBT001 - a callback
            held[place] += passed

        return done

    for step in what:
        if step.what == "request":
            for _ in range(step.size):
                world.request(step.place, done=count(step.place))
        else:
            play(world, [step], lambda: None, end)
        assert len(world.passed) - returned <= amount
    world.turn()
    world.demand()
    assert len(world.passed) - returned == amount


@given(
    steps(*USUAL, "kill"), st.integers(1, 200), st.sampled_from([MS // 7, MS, 3 * MS, 50 * MS, SECOND, 3600 * SECOND])
)
def test_rate_is_never_exceeded(what: list[Step], burst: int, interval: int) -> None:
    """In any span of time pass at most the burst and one more for each whole interval in it."""
    limit = make_limit(Kind.RATE, 1, burst=burst, period=interval)
    world = World(limit, WORKERS)
    play(world, what, lambda: None)
    world.demand(3)
    passed = world.passed
    ends = [at - place * interval for place, at in enumerate(passed)]
    lowest: list[int] = []  # of all that come later
    for end in reversed(ends):
        lowest.append(min(end, lowest[-1]) if lowest else end)
    lowest.reverse()
    # at j - at i >= (j - i + 1 - burst) * interval, for all i <= j
    assert all(low - ends[place] >= (1 - burst) * interval for place, low in enumerate(lowest))


@given(steps(*USUAL), st.integers(1, 200))
def test_all_of_a_rate_can_be_used(what: list[Step], burst: int) -> None:
    """Without deaths, the whole burst of a slow rate passes, also what expired in some worker's hand."""
    world = World(make_limit(Kind.RATE, 1, burst=burst, period=10_000 * SECOND), WORKERS)
    play(world, what, lambda: None)
    world.turn()
    world.demand()
    assert len(world.passed) == burst


@given(steps(*USUAL, "end", "end"), st.integers(1, 30))
def test_concurrency_is_never_exceeded(what: list[Step], amount: int) -> None:
    """No more run at once than may, and when all have ended, as many may run again."""
    world = World(make_limit(Kind.CONCURRENCY, amount), WORKERS)
    running = [0] * WORKERS

    def end(place: int) -> None:
        if running[place]:
            running[place] -= 1
            world.running -= 1
            world.cells[place].give_back(world.now, 1)

    def count(place: int) -> Callable[[bool], None]:
        def done(passed: bool) -> None:  # noqa: FBT001 - a callback
            running[place] += passed

        return done

    for step in what:
        if step.what == "request":
            for _ in range(step.size):
                world.request(step.place, done=count(step.place))
        else:
            play(world, [step], lambda: None, end)
        assert world.running <= amount
    world.turn()
    for place in range(WORKERS):
        while running[place]:
            end(place)
    world.turn()
    world.demand()
    assert world.running == amount


def test_permits_of_the_dead_are_free() -> None:
    """What runs in a worker that dies doesn't run any more."""
    world = World(make_limit(Kind.CONCURRENCY, 5), WORKERS)
    world.demand(3)
    assert world.running == 5
    for place in range(WORKERS):
        world.kill(place)
    world.running = 0
    world.demand(3)
    assert world.running == 5


def test_few_questions() -> None:
    """Under load, one question serves at least fifty requests."""
    for limit in (make_limit(Kind.QUOTA, 10**6, unit="year"), make_limit(Kind.RATE, 10**6)):
        world = World(limit, WORKERS)
        for _ in range(200):
            for place in range(WORKERS):
                for _ in range(10):  # two thousand a second, each
                    world.request(place)
            world.turn()
            world.wait(5 * MS)
        assert len(world.passed) == 200 * WORKERS * 10
        assert sum(lender.asked for lender in world.lenders) * 50 <= len(world.passed)


def test_idle_workers_hold_nothing() -> None:
    """A while after the last request, everything is back with the ledger."""
    world = World(make_limit(Kind.QUOTA, 10_000, unit="year"), WORKERS)
    for _ in range(1000):
        world.request(0)
        world.turn()
    world.wait(SECOND)
    assert [window.used for window in world.ledger.windows.values()] == [1000]


def test_slices_expire() -> None:
    """What is left of a slice of a rate can't be spent after its time, also where nobody has visited it since."""
    world = World(make_limit(Kind.RATE, 10_000), WORKERS)
    cell = world.cells[0]
    for _ in range(30):
        world.request(0)
        world.turn()
    assert cell.ready_at(world.now, 1) == world.now
    world.now += 51 * MS
    assert cell.ready_at(world.now, 1) > world.now
    assert cell.must_ask(world.now, 1)


def test_charges_go_beyond() -> None:
    """What a call came to cost is counted, also where that is more than there was."""
    world = World(make_limit(Kind.BUDGET, 100, unit="year", currency="EUR"), WORKERS)
    world.request(0, 60)
    world.turn()
    world.cells[0].charge(world.now, 75, world.now)
    world.turn()
    world.wait(SECOND)
    assert [window.used for window in world.ledger.windows.values()] == [135]
    world.request(1, 1)
    world.turn()
    world.wait(SECOND)
    assert (len(world.passed), world.refused) == (1, 1)


def test_late_settlement_belongs_to_its_window() -> None:
    """What began in the minute before is settled there: it frees nothing in this one."""
    world = World(make_limit(Kind.BUDGET, 100, unit="minute", currency="EUR"), 1)
    world.request(0, 100)
    world.turn()
    began = world.now
    world.wait(61 * SECOND)
    world.request(0, 100)
    world.turn()
    world.cells[0].charge(world.now, -40, began)
    world.cells[0].give_back(world.now, 10, began)
    world.turn()
    world.request(0, 1)
    world.turn()
    world.wait(SECOND)
    assert (len(world.passed), world.refused) == (2, 1)
    assert sorted(window.used for window in world.ledger.windows.values()) == [50, 100]


def test_windows_follow_each_other() -> None:
    """In the next window of the calendar, all of the quota is there again."""
    world = World(make_limit(Kind.QUOTA, 7, unit="minute"), WORKERS)
    world.demand(3)
    assert len(world.passed) == 7
    world.wait(61 * SECOND)
    world.demand(3)
    assert len(world.passed) == 14


def test_increase_holds_until_its_time() -> None:
    """A budget is higher while its increase lasts."""
    until = 1_700_000_000 * SECOND + 10 * SECOND
    world = World(make_limit(Kind.BUDGET, 10, unit="year", increase=Increase(15, until)), 1)
    for _ in range(12):
        world.request(0)
        world.turn()
    assert len(world.passed) == 12
    world.wait(11 * SECOND)
    world.request(0)
    world.turn()
    world.wait(SECOND)
    assert len(world.passed) == 12
