"""What every test in a browser may ask for: the browser itself, and a gateway that they share."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.stage import Stage, staged
from tests.support.programs import find_program

# No sandbox where root runs it; nothing that would ask other hosts.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-quic", "--no-first-run"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; it ends with the test's file: its loop would be in the way of others in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_program("chromium"), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """A gateway that looks back on some calls. A test leaves upstreams, consumers and limits as they were."""
    with staged(busy=True) as stage:
        yield stage
