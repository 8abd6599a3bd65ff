"""Changes of the configuration: they count at once, and can be taken back."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.stage import ADA, Stage
from tests.browser.visitor import visiting
from tests.support.gateway import wait_until
from tests.support.markers import MARKERS

pytestmark = pytest.mark.timeout(180)


def test_change_of_a_limit(browser: Browser, stage: Stage) -> None:
    """A rate that is lowered in the form refuses the call that is too many; rolled back, it lets calls pass again."""
    made = stage.ask("POST", "/keys", {"consumer": "shop"})
    MARKERS.add_key(made["key"])
    stage.wait_for(made["revision"])
    with visiting(browser, stage, ADA) as visitor:
        page = visitor.page
        visitor.go("Consumers")
        page.get_by_role("link", name="shop", exact=True).click()
        page.get_by_role("tab", name="Configuration").click()
        page.get_by_label("Rate").fill("2 apples")
        visitor.press("Save")
        visitor.sees("write a number of requests and a time", page.get_by_role("group", name="Limits"))
        page.get_by_label("Rate").fill("2/hour")
        page.get_by_label("Why").fill("too many")
        visitor.press("Save")
        visitor.sees("shop is saved as revision")
        calls = [stage.call("/weather/now", made["key"]).status_code for _ in range(2)]
        wait_until(lambda: stage.call("/weather/now", made["key"]).status_code == 429, "the limit is reached")
        assert 200 in calls
        visitor.go("Limits & spend")
        first = page.get_by_role("list", name="Limits").get_by_role("listitem").first  # nothing is left of it
        expect(first).to_contain_text("shop (consumer)")
        expect(first).to_contain_text("2 an hour")
        expect(first).to_contain_text("0 of 2 left")
        visitor.go("Revisions")
        page.get_by_role("table", name="Revisions").get_by_role("row").nth(1).click()
        visitor.sees("too many")
        visitor.press("Roll back to before it")
        visitor.sees("2/hour", visitor.dialog)
        visitor.sees("60/minute", visitor.dialog)
        visitor.meets_no_barrier()
        visitor.press("Roll back", visitor.dialog)
        visitor.sees("Rolled back to revision")
        wait_until(lambda: stage.call("/weather/now", made["key"]).status_code == 200, "calls pass again")
        assert visitor.refused == [422]  # the apples
