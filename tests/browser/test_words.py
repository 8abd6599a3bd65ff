"""What the dashboard says where something is in the way: unsaved changes, a wrong search, an end of the session."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.stage import ADA, VIC, Stage
from tests.browser.visitor import visiting

pytestmark = pytest.mark.timeout(180)


def test_unsaved_changes(browser: Browser, stage: Stage) -> None:
    """Whoever leaves what isn't saved is asked: by a link, by keys, and by the browser's way back."""
    with visiting(browser, stage, ADA) as visitor:
        page = visitor.page
        visitor.go("Consumers")
        page.get_by_role("link", name="shop", exact=True).click()
        page.get_by_role("tab", name="Configuration").click()
        rate = page.get_by_label("Rate")
        rate.fill("61/minute")
        page.get_by_role("navigation", name="Pages").get_by_role("link", name="Audit").click()
        visitor.sees("Leave without saving?", visitor.dialog)
        visitor.meets_no_barrier()
        visitor.press("Stay", visitor.dialog)
        expect(visitor.dialog).to_have_count(0)
        page.get_by_role("tab", name="Configuration").focus()
        page.keyboard.press("g")
        page.keyboard.press("l")
        visitor.press("Stay", visitor.dialog)
        expect(visitor.dialog).to_have_count(0)
        page.go_back()
        visitor.press("Stay", visitor.dialog)
        expect(visitor.dialog).to_have_count(0)
        expect(rate).to_have_value("61/minute")
        page.get_by_role("tab", name="Now").click()
        visitor.press("Leave", visitor.dialog)
        visitor.sees("Keys")
        visitor.go("Audit")  # nothing is unsaved any more


def test_problem_is_said_once(browser: Browser, stage: Stage) -> None:
    """What is wrong with a value is said at its field, once, in words."""
    with visiting(browser, stage, ADA) as visitor:
        page = visitor.page
        visitor.open("/consumers/shop?tab=configuration")
        page.get_by_label("Rate").fill("2 apples")
        visitor.press("Save")
        expect(page.get_by_role("region", name="Unsaved changes")).to_contain_text("said at its field")
        expect(page.get_by_text("write a number of requests and a time")).to_have_count(1)
        expect(page.get_by_text("/limits/0/rate")).to_have_count(0)
        expect(page.get_by_text("dry_run")).to_have_count(0)
        visitor.meets_no_barrier()
        visitor.press("Discard")


def test_unknown_field_of_the_search(browser: Browser, stage: Stage) -> None:
    """A search by a field that there isn't says which there are."""
    with visiting(browser, stage, VIC) as visitor:
        visitor.go("Exchanges")
        visitor.page.get_by_role("textbox", name="Search exchanges").fill("foo=bar")
        visitor.page.keyboard.press("Enter")
        visitor.sees("There is no field foo.")
        visitor.sees("upstream, consumer")
        visitor.meets_no_barrier()
        assert "foo" not in visitor.page.url


def test_what_is_missing(browser: Browser, stage: Stage) -> None:
    """A page of what isn't there says so in its heading, and offers no other try."""
    with visiting(browser, stage, VIC) as visitor:
        for path in ("/upstreams/nobody", "/consumers/nobody", "/revisions/99999", "/exchanges/nobody"):
            visitor.open(path)
            visitor.sees_page("It isn’t there")  # noqa: RUF001
            expect(visitor.page.get_by_role("button", name="Try again")).to_have_count(0)
            visitor.meets_no_barrier()


def test_end_of_a_session(browser: Browser, stage: Stage) -> None:
    """Whose session has ended is told so, and is where they were after the next log-in."""
    with visiting(browser, stage, ADA) as visitor:
        visitor.go("Audit")
        visitor.page.context.clear_cookies()
        visitor.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Revisions").click()
        visitor.sees("Your session has ended.")
        visitor.meets_no_barrier()
        visitor.log_in(ADA)
        visitor.sees_page("Revisions")
