"""What a worker refuses to begin, and when it begins again."""

import pytest

from exeat.model.limits import Limits
from exeat.proxy.overload import Overload
from tests.support.playbook import KEYED, Stage, scene

HOST = "Host: gateway.test"


@pytest.mark.parametrize(
    ("used", "short"),
    [
        ([99, 100, 101], [False, False, True]),
        ([101, 99, 96, 95, 99], [True, True, True, False, False]),
        ([101, None, 90], [True, True, False]),
    ],
)
def test_memory_comes_and_goes(used: list[int | None], short: list[bool]) -> None:
    """Above the limit is too much; there is enough again only somewhat below it."""
    overload = Overload(Limits(memory_bytes=100))
    assert [overload.note_memory(each) for each in used] == short
    assert overload.may_refuse is short[-1]


def test_without_limits() -> None:
    """Nothing is ever refused, nor looked at."""
    overload = Overload(Limits())
    assert overload.note_memory(10**12) is False
    assert overload.may_refuse is False


@scene()
def test_what_has_begun_goes_on(stage: Stage) -> None:
    """A shortage of memory ends nothing that is under way; it refuses calls, and says so to who asks for readiness."""
    busy, late, probe = stage.caller(), stage.caller(), stage.caller()
    busy.says("GET /api/ HTTP/1.1", HOST, KEYED)
    stage.worker.overload = Overload(Limits(memory_bytes=100))
    stage.worker.overload.note_memory(101)
    late.says("POST /api/ HTTP/1.1", HOST, KEYED, "Content-Length: 4", body="body")
    assert late.hears_problem(503, "overloaded")["retry_after"] == 1
    probe.says("GET /-/ready HTTP/1.1", HOST)
    probe.hears_problem(503, "overloaded")
    probe.says("GET /-/live HTTP/1.1", HOST)
    assert b"live" in probe.takes()
    stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
    assert b"200 OK" in busy.takes()
    stage.worker.overload.note_memory(90)
    late.says("GET /api/ HTTP/1.1", HOST, KEYED)
    stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
    assert b"200 OK" in late.takes()
    assert [record["error"] for record in stage.records] == ["overloaded", None, None]
