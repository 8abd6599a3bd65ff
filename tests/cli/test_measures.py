"""Samples of metrics between processes: nothing is counted twice, and what waits is bounded."""

from collections.abc import Callable, Mapping

import orjson

from exeat.cli.control.measuring import Measuring
from exeat.cli.measures import WAITING_LIMIT, Measures, render_measures
from exeat.policy.circuit import Stage
from exeat.proxy.endpoint_report import notable
from exeat.telemetry import metrics
from exeat.telemetry.metrics import Sample, Totals, Values

Shown = Mapping[tuple[str, Values], float | list[float]]


def shown(measuring: Measuring) -> Shown:
    """All samples, by name and labels."""
    return {(sample.metric, sample.labels): sample.value for sample in measuring.samples()}


def nothing_runs() -> Mapping[str, object]:
    return {}


def endpoint_of(name: str, state: Stage, *, pending: int = 0, failures: int = 0, reason: str = "") -> dict[str, object]:
    """An endpoint as `Balancing.report()` tells of it."""
    return {
        "endpoint": name, "state": str(state), "pending": pending, "failures": failures, "reason": reason,
        "held": False, "rests_s": None,
    }  # fmt: skip


def ended(count: int) -> Sample:
    """So many exchanges have ended."""
    return Sample(metrics.EXCHANGES.name, ("api", "200", ""), count)


def test_what_workers_have_added_adds_up() -> None:
    """Counters and histograms of all workers are one."""
    measuring = Measuring(nothing_runs)
    durations = Sample(metrics.DURATION.name, ("api",), [1, 2, *[0] * 15, 0.5])
    for pid in (1, 2, 1):
        measuring.take(render_measures(pid, [ended(3), durations], []))
    found = shown(measuring)
    assert found["exeat_exchanges", ("api", "200", "")] == 9
    assert found["exeat_exchange_duration_seconds", ("api",)] == [3, 6, *[0] * 15, 1.5]


def test_gauges_are_of_who_lives() -> None:
    """The last word of each process counts, and none of one that is gone."""
    measuring = Measuring(nothing_runs)
    for value in (5, 7):
        measuring.take(render_measures(1, [], [Sample(metrics.IN_FLIGHT.name, ("1",), value)]))
    assert shown(measuring)["exeat_exchanges_in_flight", ("1",)] == 7
    measuring.take(render_measures(1, [ended(1)], []))
    assert ("exeat_exchanges_in_flight", ("1",)) not in shown(measuring)
    assert shown(measuring)["exeat_exchanges", ("api", "200", "")] == 1


def test_of_several_that_know_a_limit_the_least_counts() -> None:
    """What is left is as the worker knows it that knows the least; a pause, as the one that knows the longest."""
    measuring = Measuring(nothing_runs)
    labels = ("upstream", "api", "quota-day")
    for pid, left, pause in ((1, 0.7, 3.0), (2, 0.2, 9.0)):
        now = [Sample(metrics.LIMIT_LEFT.name, labels, left), Sample(metrics.COOLING.name, ("api",), pause)]
        measuring.take(render_measures(pid, [], now))
    found = shown(measuring)
    assert found["exeat_limit_left_ratio", labels] == 0.2
    assert found["exeat_upstream_cooling_seconds", ("api",)] == 9.0


def test_a_name_that_isnt_declared_is_left_out() -> None:
    """A worker of another build can't break the page."""
    measuring = Measuring(nothing_runs)
    measuring.take(render_measures(1, [Sample("exeat_of_tomorrow", (), 1)], [Sample("exeat_other", (), 1)]))
    assert not any(name.startswith("exeat_o") for name, _ in shown(measuring))


def test_how_the_gateway_is() -> None:
    """What GET /status says is there as gauges, too."""
    endpoints = [
        endpoint_of("api https://a.test", Stage.OPEN, reason="consecutive"),
        endpoint_of("api https://b.test", Stage.CLOSED, failures=1),
        endpoint_of("api https://c.test", Stage.RECOVERING, reason="consecutive"),
        endpoint_of("api https://d.test", Stage.PROBING, pending=1),
    ]
    worker = {"ready": True, "records_fail": None, "endpoints": notable(endpoints, 0)}
    state: dict[str, object] = {
        "workers": [worker, {**worker, "ready": False}],
        "records_stay": "the database can't be reached",
        "journals": [{"name": "worker-1", "segments": 4}],
    }
    found = shown(Measuring(lambda: state))
    assert found["exeat_workers", ()] == 1
    assert found["exeat_database_up", ()] == 0
    assert found["exeat_records_kept", ()] == 1
    assert found["exeat_journal_segments", ("worker-1",)] == 4
    resting = {labels for name, labels in found if name == "exeat_endpoint_resting"}
    assert resting == {("api", "https://a.test", "consecutive"), ("api", "https://d.test", "probing")}


class Line:
    """A line to the control process, which may be away."""

    def __init__(self) -> None:
        self.is_there = True
        self.sent: list[bytes] = []

    def send(self, payload: bytes) -> bool:
        if self.is_there:
            self.sent.append(payload)
        return self.is_there


def test_what_is_added_waits_for_the_control_process() -> None:
    """Nothing that was counted is lost while it is started again, up to a bound."""
    line = Line()
    measures = Measures(line.send)
    line.is_there = False
    for count in range(WAITING_LIMIT + 10):
        measures.hear(render_measures(1, [ended(count)], []))
    line.is_there = True
    measures.come()
    assert len(line.sent) == WAITING_LIMIT
    assert orjson.loads(line.sent[1])["added"][0][2] == 1


def test_the_supervisors_own_counts_go_with_a_workers() -> None:
    """They are passed on once."""
    line = Line()
    measures = Measures(line.send)
    measures.count(metrics.EVENTS, "limit.nearly")
    measures.count(metrics.EVENTS, "limit.nearly")
    for _ in range(2):
        measures.hear(render_measures(1, [], []))
    added = [sample for payload in line.sent for sample in orjson.loads(payload)["added"]]
    assert added == [["exeat_events", ["limit.nearly"], 2]]


def test_totals() -> None:
    """Adding up keeps what was given as it is."""
    totals, value = Totals(), [1.0, 2.0]
    sample = Sample("h", (), value)
    add: Callable[[list[Sample]], None] = totals.add
    add([sample])
    add([sample])
    assert totals.samples() == [Sample("h", (), [2.0, 4.0])]
    assert value == [1.0, 2.0]
