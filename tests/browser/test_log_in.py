"""Logging in and out, and what somebody sees who may only look."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.stage import ADA, VIC, Stage
from tests.browser.visitor import visiting

pytestmark = pytest.mark.timeout(180)
MAKE_KEY = """async () => {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ consumer: "shop" });
  const answer = await fetch("/api/v1/keys", { method: "POST", headers, body });
  return [answer.status, (await answer.json()).code];
}"""


def test_log_in_and_out(browser: Browser, stage: Stage) -> None:
    """A wrong password is refused in words, the right one leads to the page that was wanted; nothing is left after."""
    with visiting(browser, stage) as visitor:
        visitor.open("/exchanges")
        visitor.log_in(ADA, "not the password")
        visitor.sees("the password isn't right")
        visitor.log_in(ADA)
        visitor.sees_page("Exchanges")
        assert visitor.refused[-1] == 401
        del visitor.refused[:]
        visitor.press("Log out")
        expect(visitor.page.get_by_role("form", name="Log in")).to_be_visible()
        visitor.page.go_back()
        visitor.open("/exchanges")
        expect(visitor.page.get_by_role("form", name="Log in")).to_be_visible()
        expect(visitor.page.get_by_role("table")).to_have_count(0)


def test_viewer(browser: Browser, stage: Stage) -> None:
    """A viewer sees everything and can change nothing: not by the pages, and not past them."""
    with visiting(browser, stage, VIC) as visitor:
        page = visitor.page
        visitor.go("Consumers")
        expect(page.get_by_role("button", name="Add")).to_be_disabled()
        page.get_by_role("link", name="shop", exact=True).click()
        visitor.sees_page("shop")
        for name in ("New key", "Delete"):
            expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
        page.get_by_role("tab", name="Configuration").click()
        visitor.sees("60/minute")
        expect(page.locator("main input:enabled, main textarea:enabled, main select:enabled")).to_have_count(0)
        visitor.open("/revisions/1")
        expect(page.get_by_role("button", name="Roll back to it")).to_be_disabled()
        assert visitor.refused == []
        assert page.evaluate(MAKE_KEY) == [403, "role-too-low"]
