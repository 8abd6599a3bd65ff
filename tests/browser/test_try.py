"""Trying a call at the browser: it is explained without being sent, and sent as a consumer would."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.stage import ADA, Stage
from tests.browser.visitor import Visitor, visiting

pytestmark = pytest.mark.timeout(180)
KEPT = "JSON.stringify([localStorage, sessionStorage, document.cookie, location.href, history.state])"


def compose(visitor: Visitor, upstream: str, path: str) -> None:
    """Fill in the form."""
    page = visitor.page
    page.get_by_role("textbox", name="Key").fill(visitor.stage.key)
    page.get_by_role("combobox", name="Upstream").fill(upstream)
    page.get_by_role("option", name=upstream).click()
    page.get_by_role("textbox", name="Path").fill(path)


def test_send(browser: Browser, stage: Stage) -> None:
    """A call that is sent is an exchange like any other; its key stays nowhere."""
    with visiting(browser, stage, ADA) as visitor:
        visitor.go("Try it")
        compose(visitor, "weather", "/tried")
        visitor.press("Send")
        visitor.sees("from weather")
        visitor.sees("celsius")
        assert stage.weather.requests[-1].target == "/tried"
        assert stage.key not in visitor.page.evaluate(KEPT)
        visitor.meets_no_barrier()
        visitor.page.get_by_role("link", name="Its exchange").click()
        expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("/tried")
        visitor.page.go_back()
        expect(visitor.page.get_by_role("textbox", name="Key")).to_have_value("")


def test_explain(browser: Browser, stage: Stage) -> None:
    """A call that would be refused says where and why; nothing is sent."""
    with visiting(browser, stage, ADA) as visitor:
        visitor.go("Try it")
        compose(visitor, "mail", "/explained")
        before = len(stage.weather.requests)
        visitor.press("Explain")
        visitor.sees("grant")
        visitor.meets_no_barrier()
        assert len(stage.weather.requests) == before
