"""Every page in both themes, wide and narrow: anybody can use it, nothing sticks out, and a picture of it is kept."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.stage import ADA, Stage
from tests.browser.visitor import HEIGHT, NARROW, WIDE, Scheme, Visitor, visiting
from tests.support.gateway import wait_until

pytestmark = pytest.mark.timeout(180)
PICTURES = Path(__file__).parents[2] / "build" / "screenshots"
SCHEMES: tuple[Scheme, Scheme] = ("light", "dark")
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
# By the name of the picture: those of the navigation, and what they lead to.
PAGES = {
    "overview": "/",
    "exchanges": "/exchanges",
    "upstreams": "/upstreams",
    "consumers": "/consumers",
    "limits": "/limits",
    "audit": "/audit",
    "revisions": "/revisions",
    "try": "/try",
    "settings": "/settings",
}
WITHIN = {
    "exchanges-none": "/exchanges?text=nobody-calls-this",
    "exchange": "/exchanges/{refused}",
    "upstream": "/upstreams/mail",
    "upstream-configuration": "/upstreams/mail?tab=configuration",
    "upstream-of-file": "/upstreams/weather",
    "consumer": "/consumers/shop",
    "consumer-configuration": "/consumers/shop?tab=configuration",
    "record": "/audit/{change}",
    "revision": "/revisions/5",
    "settings-tokens": "/settings?tab=tokens",
    "settings-gateway": "/settings?tab=gateway",
    "settings-doctor": "/settings?tab=doctor",
    "settings-you": "/settings?tab=you",
    "nothing": "/no/such/page",
}
RECORDS = {"{refused}": "error%3Dmethod-not-granted", "{change}": "action%3Dcreate"}
LETTERS = "oeuclarts"  # in the order of PAGES


@pytest.fixture(scope="module")
def visitor(browser: Browser, stage: Stage) -> Iterator[Visitor]:
    """Somebody who may do everything."""
    with visiting(browser, stage, ADA) as visitor:
        yield visitor


@pytest.mark.parametrize("name", [*PAGES, *WITHIN])
def test_page(visitor: Visitor, name: str) -> None:
    """A page breaks no rule of accessibility, doesn't scroll sideways, and has nothing to complain about."""
    page = visitor.page
    page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    visitor.open(address_of(visitor.stage, name))
    visitor.settle()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)
        for width in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": HEIGHT})
            wait_until(lambda: page.evaluate(FITS), f"{name} is no wider than {width} px")
            page.screenshot(path=PICTURES / f"{name}-{scheme}-{width}.png", full_page=True)
            if width == WIDE or scheme == "light":  # nothing has other colours where there is less room
                visitor.meets_no_barrier()
    complaints, visitor.complaints = visitor.complaints, []
    assert complaints == []


def address_of(stage: Stage, name: str) -> str:
    """Where it is."""
    path = {**PAGES, **WITHIN}[name]
    for part, where in RECORDS.items():
        if part in path:
            path = path.replace(part, stage.ask("GET", f"/records?limit=1&where={where}")["items"][0]["id"])
    return path


def test_every_page_is_tested(visitor: Visitor) -> None:
    """The navigation leads to these pages and no others; so do the letters after `g`."""
    visitor.open("/")
    visitor.page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    links = visitor.page.get_by_role("navigation", name="Pages").get_by_role("link")
    expect(links).to_have_count(len(PAGES))
    assert [link.get_attribute("href") for link in links.all()] == list(PAGES.values())
    for letter, path in zip(LETTERS, PAGES.values(), strict=True):
        visitor.page.keyboard.press("g")
        visitor.page.keyboard.press(letter)
        expect(visitor.page).to_have_url(re.compile(f"{re.escape(path)}$"))
        visitor.settle()


def test_log_in_page(browser: Browser, stage: Stage) -> None:
    """The log-in is a page like the others."""
    for scheme in SCHEMES:
        with visiting(browser, stage, scheme=scheme) as visitor:
            visitor.open("/")
            expect(visitor.page.get_by_role("form", name="Log in")).to_be_visible()
            for width in (WIDE, NARROW):
                visitor.page.set_viewport_size({"width": width, "height": HEIGHT})
                visitor.page.screenshot(path=PICTURES / f"log-in-{scheme}-{width}.png")
                visitor.meets_no_barrier()
