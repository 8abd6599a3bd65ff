"""Where there are many, with long names: they can be told apart, found, and are in an order that says something."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.stage import ADA, VIC, Stage
from tests.browser.visitor import HEIGHT, NARROW, WIDE, Visitor, visiting
from tests.support.gateway import wait_until
from tests.support.markers import MARKERS

pytestmark = pytest.mark.timeout(180)
MIDDLE = 900
FITS = """[document.documentElement, ...document.querySelectorAll('.table-frame, .panel, .figures, .budget')]
    .every((one) => one.scrollWidth <= one.clientWidth + 1)"""
# Nothing of an element, or of what is in it, is cut off or has to be scrolled to.
IS_WHOLE = "(one) => [one, ...one.querySelectorAll('*')].every((part) => part.scrollWidth <= part.clientWidth + 1)"
UPSTREAMS = [f"partner-settlement-reconciliation-api-europe-{number:02}" for number in range(12)]
SPENT = UPSTREAMS[-1]
CONSUMER = "department-of-international-invoicing-batch-59"
LEAST_CALL = 120  # px


@pytest.fixture(scope="module")
def crowd(stage: Stage) -> Iterator[Stage]:
    """Upstreams with long names that differ in their ends; a consumer of such a name has spent the last budget."""
    for name in UPSTREAMS:
        stage.ask("PUT", f"/upstreams/{name}", stage.weather.entry(price="2.5 EUR", limits=[{"budget": "5 EUR/day"}]))
    stage.put("consumers", CONSUMER, {"grants": [SPENT]})
    made = stage.ask("POST", "/keys", {"consumer": CONSUMER})
    MARKERS.add_key(made["key"])
    stage.wait_for(made["revision"])
    path = f"/{SPENT}/invoices"
    wait_until(lambda: stage.call(path, made["key"]).status_code == 402, "the budget is spent")
    wait_until(lambda: bool(refusals(stage)), "the refusal is recorded")
    yield stage
    stage.remove("consumers", CONSUMER)
    for name in UPSTREAMS:
        stage.remove("upstreams", name)


@pytest.fixture(scope="module")
def visitor(browser: Browser, crowd: Stage) -> Iterator[Visitor]:
    """Somebody who may do everything."""
    with visiting(browser, crowd, ADA) as visitor:
        yield visitor


def refusals(stage: Stage) -> list[str]:
    found = stage.ask("GET", f"/records?where=error%3Dbudget-exhausted&where=upstream%3D{SPENT}")["items"]
    return [record["id"] for record in found]


def rows(visitor: Visitor, table: str) -> Locator:
    return visitor.page.get_by_role("table", name=table, exact=True).locator("tbody tr")


@pytest.mark.parametrize("path", ["/", "/upstreams", "/consumers", "/exchanges", "/limits", f"/upstreams/{SPENT}"])
def test_nothing_sticks_out(visitor: Visitor, path: str) -> None:
    """However long names are, no page is wider than the window, and no table or panel has to be scrolled sideways."""
    visitor.open(path)
    visitor.settle()
    for width in (WIDE, MIDDLE, NARROW):
        visitor.page.set_viewport_size({"width": width, "height": HEIGHT})
        wait_until(lambda: visitor.page.evaluate(FITS), f"everything of {path} fits into {width} px")


@pytest.mark.parametrize(
    ("path", "table", "name"), [("/upstreams", "Upstreams", SPENT), ("/consumers", "Consumers", CONSUMER)]
)
def test_names_are_told_apart(visitor: Visitor, path: str, table: str, name: str) -> None:
    """On a phone a name is there to its end, with its figures beside it."""
    visitor.page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    visitor.open(path)
    visitor.settle()
    row = rows(visitor, table).filter(has_text=name)
    expect(row).to_have_count(1)
    cells = [cell for cell in row.locator("td").all() if cell.is_visible()]
    for cell in cells:
        assert cell.evaluate(IS_WHOLE), cell.inner_text()
    last = cells[-1].bounding_box()
    assert last is not None
    assert last["x"] + last["width"] <= NARROW


@pytest.mark.parametrize("width", [WIDE, MIDDLE])
def test_long_consumer_leaves_room_for_the_call(visitor: Visitor, width: int) -> None:
    """A long name of a consumer is shortened in its middle, and what was called can be read beside it."""
    visitor.page.set_viewport_size({"width": width, "height": HEIGHT})
    visitor.open(f"/exchanges?consumer={CONSUMER}")
    visitor.settle()
    first = rows(visitor, "Exchanges").first
    consumer = first.get_by_title(CONSUMER)
    expect(consumer).to_contain_text("batch-59")
    call = first.locator("td[data-grow]").bounding_box()
    assert call is not None
    assert call["width"] >= LEAST_CALL


def test_failure_has_a_word_on_a_phone(visitor: Visitor) -> None:
    """Why a call failed isn't told by a colour alone."""
    visitor.page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    visitor.open("/exchanges?error=budget-exhausted")
    visitor.settle()
    expect(rows(visitor, "Exchanges").first.get_by_text("budget-exhausted").first).to_be_visible()


def test_least_left_comes_first(visitor: Visitor) -> None:
    """Budgets and limits are in the order of what is left of them."""
    visitor.page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    visitor.open("/")
    visitor.settle()
    expect(visitor.page.locator(".panel", has_text="This month").locator(".budget").first).to_contain_text("europe-11")
    visitor.open("/limits")
    limits = visitor.page.get_by_role("list", name="Limits").get_by_role("listitem")
    expect(limits.first).to_contain_text(SPENT)
    expect(limits.first).to_contain_text("0.00 of 5.00 EUR left")


def test_search_of_a_list(visitor: Visitor) -> None:
    """`/` leads to the search of a list; what is looked for is in the address."""
    visitor.page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    visitor.open("/upstreams")
    visitor.settle()
    assert rows(visitor, "Upstreams").count() > len(UPSTREAMS)
    visitor.page.keyboard.press("/")
    expect(visitor.page.get_by_role("textbox", name="Search upstreams")).to_be_focused()
    visitor.page.keyboard.type("europe 07")
    expect(rows(visitor, "Upstreams")).to_have_count(1)
    visitor.page.reload()
    expect(rows(visitor, "Upstreams")).to_have_count(1)
    visitor.meets_no_barrier()


def test_grants_are_searched(visitor: Visitor) -> None:
    """Of many upstreams a new consumer's grants are searched, and the button to add it is in sight meanwhile."""
    visitor.page.set_viewport_size({"width": NARROW, "height": 640})
    visitor.open("/consumers")
    visitor.press("Add")
    visitor.dialog.get_by_label("Search upstreams").fill("europe-07")
    visitor.press(UPSTREAMS[7], visitor.dialog)
    visitor.dialog.get_by_label("Search upstreams").fill("")
    expect(visitor.dialog.get_by_role("button", name=UPSTREAMS[7])).to_have_attribute("aria-pressed", "true")
    expect(visitor.dialog.get_by_role("button", name="Add", exact=True)).to_be_in_viewport()
    visitor.meets_no_barrier()
    visitor.press("Cancel", visitor.dialog)


def test_buttons_of_a_long_rollback_are_in_sight(visitor: Visitor) -> None:
    """However much a rollback changes, who opens it sees how to do it."""
    visitor.page.set_viewport_size({"width": WIDE, "height": 640})
    first = min(revision["number"] for revision in visitor.stage.ask("GET", "/revisions?limit=1000")["items"])
    visitor.open(f"/revisions/{first + 4}")
    visitor.settle()
    visitor.press("Roll back to it")
    expect(visitor.dialog.get_by_text(UPSTREAMS[0])).to_be_attached()
    expect(visitor.dialog.get_by_role("button", name="Roll back", exact=True)).to_be_in_viewport(ratio=1)
    visitor.press("Cancel", visitor.dialog)


def test_refusal_leads_to_its_limit(visitor: Visitor) -> None:
    """Who looks at a call that a budget has refused can raise it there."""
    visitor.page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    visitor.open(f"/exchanges/{refusals(visitor.stage)[0]}")
    visitor.settle()
    visitor.sees("0.00 of 5.00 EUR left")
    visitor.meets_no_barrier()
    visitor.press("Raise temporarily")
    expect(visitor.dialog.get_by_label("New amount in EUR")).to_have_value("7.5")
    visitor.press("Cancel", visitor.dialog)
    visitor.page.get_by_role("link", name=SPENT, exact=True).first.click()
    visitor.sees_page("Limits & spend")
    expect(visitor.page.locator(".limit[data-marked]")).to_contain_text(SPENT)


def test_explanation_says_what_is_exhausted(visitor: Visitor) -> None:
    """An explanation looks at rules; that nothing is left of a limit is said beside it."""
    visitor.open(f"/try?consumer={CONSUMER}&upstream={SPENT}")
    visitor.press("Explain")
    visitor.sees("The rules allow it.")
    expect(visitor.page.locator(".trial-came").get_by_role("link", name="5.00 EUR a day")).to_be_visible()


def test_viewer_sees_where_failures_are(browser: Browser, crowd: Stage) -> None:
    """The figure of failures leads to exchanges that have failed; those without an upstream are told by their cause."""
    with visiting(browser, crowd, VIC) as viewer:
        viewer.open("/?range=1h")
        viewer.settle()
        viewer.page.get_by_role("link", name="Failed, 1 h").click()
        viewer.sees_page("Exchanges")
        expect(rows(viewer, "Exchanges").first).to_contain_text("4")
        assert "status=failed" in viewer.page.url
        expect(viewer.page.get_by_role("combobox", name="Status")).to_have_value("failed")
        viewer.page.go_back()
        viewer.page.locator(".panel-line", has_text="Without a consumer").get_by_role("link").first.click()
        expect(rows(viewer, "Exchanges").first).to_contain_text("key-malformed")
