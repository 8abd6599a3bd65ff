"""A plugin of pytest that fails a run in which a secret or key was written anywhere: files, captured output, logs."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.support.markers import MARKERS

FOLDER = pytest.StashKey[Path]()
CAPTURED = pytest.StashKey[list[tuple[str, str]]]()
LEAKS = pytest.StashKey[list[str]]()
LEAKED = 10  # the exit code: none of pytest's own, and never what a repetition of tests could make good


@pytest.fixture(scope="session", autouse=True)
def _folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Know where the run writes."""
    request.config.stash[FOLDER] = tmp_path_factory.getbasetemp()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what a test printed and logged: its last report has all of it."""
    report = yield
    if report.when == "teardown":
        kept = item.config.stash.setdefault(CAPTURED, [])
        kept += [(f"{report.nodeid}, {title}", text) for title, text in report.sections]
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search all that was written, when everything has ended."""
    stash = session.config.stash
    leaks = [leak for where, text in stash.get(CAPTURED, []) for leak in MARKERS.leaks_in(text, where)]
    if FOLDER in stash:
        leaks += MARKERS.leaks_below(stash[FOLDER])
    leaks = [*leaks, *stash.get(LEAKS, [])]
    if leaks:
        stash[LEAKS] = leaks
        session.exitstatus = LEAKED
        if hasattr(session.config, "workeroutput"):  # one of several processes: whoever started it has to fail
            session.config.workeroutput["leaks"] = leaks


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what one of several processes has found."""
    node.config.stash.setdefault(LEAKS, []).extend(getattr(node, "workeroutput", {}).get("leaks", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what was found."""
    leaks = config.stash.get(LEAKS, [])
    if leaks:
        terminalreporter.section("secrets that were written", red=True)
        for leak in leaks:
            terminalreporter.line(leak)
