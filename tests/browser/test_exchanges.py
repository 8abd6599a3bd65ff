"""Exchanges: they arrive as they happen, are found again, and say why they ended as they did."""

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.stage import ADA, VIC, Stage
from tests.browser.visitor import Visitor, visiting

pytestmark = pytest.mark.timeout(180)
ENOUGH = 3  # clicks, from the first page to the reason


def row(visitor: Visitor, path: str) -> Locator:
    return visitor.page.get_by_role("table", name="Exchanges").get_by_role("row").filter(has_text=path)


def test_live(browser: Browser, stage: Stage) -> None:
    """An exchange arrives on the page as it ends; not while it is paused, but right after."""
    with visiting(browser, stage, VIC) as visitor:
        visitor.go("Exchanges")
        visitor.sees("Live")
        stage.call("/weather/arrives-live")
        expect(row(visitor, "/arrives-live")).to_be_visible()
        visitor.press("Pause")
        visitor.sees("Paused")
        request_id = stage.call("/weather/while-paused").headers["exeat-request-id"]
        stage.wait_for_record(request_id)
        expect(row(visitor, "/while-paused")).to_have_count(0)
        visitor.press("Resume")
        expect(row(visitor, "/while-paused")).to_be_visible()


def test_why_a_call_was_refused(browser: Browser, stage: Stage) -> None:
    """From the overview to the reason of a refused call it takes at most three clicks."""
    with visiting(browser, stage, VIC) as visitor:
        visitor.sees_page("Overview")
        cause = visitor.page.locator("#causes").get_by_role("link", name="method-not-granted")
        first = row(visitor, "/inbox").first
        path = (cause, first)
        for place in path:
            place.click()
        assert len(path) <= ENOUGH
        visitor.sees("What the caller can do:")
        expect(visitor.page.get_by_role("link", name="Change the grants of shop")).to_be_visible()
        visitor.sees("method-not-granted")
        visitor.sees("POST")


def test_find_by_id(browser: Browser, stage: Stage) -> None:
    """Who has the id of a request from an answer of Exeat finds the exchange with the search, by the keyboard alone."""
    request_id = stage.call("/weather/status/500").headers["exeat-request-id"]
    stage.wait_for_record(request_id)
    with visiting(browser, stage, VIC) as visitor:
        visitor.sees_page("Overview")
        visitor.page.keyboard.press("/")
        search = visitor.page.get_by_role("textbox", name="Search exchanges")
        expect(search).to_be_focused()
        visitor.page.keyboard.type(request_id)
        visitor.page.keyboard.press("Enter")
        visitor.sees("weather answered 500")
        visitor.sees("Its batch is as it was sealed.")


def test_filters_are_in_the_address(browser: Browser, stage: Stage) -> None:
    """What is filtered for is in the address: the page that is opened there shows the same."""
    with visiting(browser, stage, ADA) as visitor:
        visitor.go("Exchanges")
        visitor.page.get_by_role("combobox", name="Upstream").select_option("weather")
        visitor.page.get_by_role("combobox", name="Status").select_option("4xx")
        expect(row(visitor, "/status/404").first).to_be_visible()
        expect(row(visitor, "/inbox")).to_have_count(0)
        address = visitor.page.url
        visitor.page.goto(address)
        expect(visitor.page.get_by_role("combobox", name="Status")).to_have_value("4xx")
        expect(row(visitor, "/status/404").first).to_be_visible()
        expect(row(visitor, "/inbox")).to_have_count(0)
