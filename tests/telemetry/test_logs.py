"""What a process says about itself: one line per event, above a threshold."""

import io

import orjson
import pytest

from exeat.telemetry.logs import Log

LEVELS = ["debug", "info", "warning", "error"]


def say(level: str, *, as_json: bool) -> list[str]:
    """The lines of a log of a level to which one event of each level was said."""
    out = io.StringIO()
    log = Log("worker 1", level=level, as_json=as_json, out=out)
    log.debug("one", number=1)
    log.info("two", text="a b")
    log.warning("three")
    log.error("four", nothing=None)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("as_json", [True, False])
def test_the_threshold(level: str, as_json: bool) -> None:  # noqa: FBT001 - parametrized
    """Events below the level aren't said."""
    assert len(say(level, as_json=as_json)) == 4 - LEVELS.index(level)


def test_json() -> None:
    """An event is one object with its time, level, process, message and facts."""
    event = orjson.loads(say("debug", as_json=True)[0])
    assert event.pop("time").endswith("Z")
    assert event == {"level": "debug", "process": "worker 1", "message": "one", "number": 1}


def test_readable() -> None:
    """A person reads the same in one line."""
    assert say("debug", as_json=False)[1].partition(" ")[2] == "info    worker 1: two  text=a b"


def test_a_bug() -> None:
    """A fault is named by its type and its places, never by its values."""
    out = io.StringIO()
    log = Log("worker 1", as_json=True, out=out)
    try:
        {"a": 1}["marker-of-a-secret"]
    except KeyError as error:
        log.bug(error, id="1")
    event = orjson.loads(out.getvalue())
    assert (event["level"], event["message"], event["id"]) == ("error", "bug: KeyError", "1")
    assert event["at"][0].endswith("test_a_bug")
    assert "marker" not in out.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_one_event_is_one_line(as_json: bool) -> None:  # noqa: FBT001 - parametrized
    """A line end or a terminal sequence in a fact doesn't make another line (log injection)."""
    out = io.StringIO()
    Log("worker 1", as_json=as_json, out=out).info("message", fact="a\nfake line\r\x1b[2J")
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()
