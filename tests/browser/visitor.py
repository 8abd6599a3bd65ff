"""Somebody at a browser: what they see and do, and what the browser may have to complain about."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response, expect

from tests.browser.accessible import find_barriers
from tests.browser.stage import Person, Stage

Scheme = Literal["light", "dark"]
WIDE, NARROW = 1280, 360
HEIGHT = 900
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


class Visitor:
    """One page of one browser. `complaints` are what the console says, faults of scripts, and calls of other hosts."""

    def __init__(self, page: Page, stage: Stage) -> None:
        self.page = page
        self.stage = stage
        self.complaints: list[str] = []
        self.refused: list[int] = []  # the statuses of answers of the API that weren't what was asked for
        self._origin = urlsplit(stage.url)
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"a script failed: {error}"))
        page.on("request", self._watch)
        page.on("response", self._note)

    def _hear(self, message: ConsoleMessage) -> None:
        # A refusal is said in the console too; which are expected is in `refused`.
        if message.type in {"error", "warning"} and "the server responded with a status of 4" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    def _watch(self, request: Request) -> None:
        if urlsplit(request.url)[:2] != self._origin[:2]:
            self.complaints.append(f"it asked {request.url}")

    def _note(self, response: Response) -> None:
        if response.status >= 400:
            self.refused.append(response.status)

    # Where they are

    def open(self, path: str) -> None:
        """Go to a page by its address."""
        self.page.goto(self.stage.url + path)

    def go(self, name: str) -> None:
        """Go to a page by the navigation."""
        self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
        self.sees_page(name)

    def sees_page(self, name: str) -> None:
        """The page has this heading."""
        expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible()

    def settle(self) -> None:
        """Wait until nothing of the page is still being loaded."""
        expect(self.page.get_by_role("heading", level=1).first).to_be_visible()
        expect(self.page.get_by_role("status", name="Loading")).to_have_count(0)

    # What they do

    @contextmanager
    def elsewhere(self) -> Iterator["Visitor"]:
        """The same person at another page at the same time."""
        page = self.page.context.new_page()
        other = Visitor(page, self.stage)
        yield other
        page.close()
        self.complaints += other.complaints

    def log_in(self, person: Person, password: str | None = None) -> None:
        """Fill in the form."""
        self.page.get_by_text("With a password", exact=True).click()
        self.page.get_by_label("Name").fill(person.name)
        self.page.get_by_role("textbox", name="Password").fill(person.password if password is None else password)
        self.page.get_by_role("button", name="Log in").click()

    def press(self, name: str, within: Locator | None = None) -> None:
        """Press a button."""
        (within or self.page).get_by_role("button", name=name, exact=True).click()

    def meets_no_barrier(self) -> None:
        """What is shown breaks no rule of accessibility."""
        barriers = find_barriers(self.page)
        assert not barriers, "\n".join(barriers)

    def sees(self, text: str, within: Locator | None = None) -> None:
        """A text can be read."""
        expect((within or self.page).get_by_text(text).first).to_be_visible()

    @property
    def dialog(self) -> Locator:
        """The dialog that is open."""
        return self.page.get_by_role("dialog")


@contextmanager
def visiting(
    browser: Browser,
    stage: Stage,
    person: Person | None = None,
    *,
    scheme: Scheme = "light",
    width: int = WIDE,
) -> Iterator[Visitor]:
    """Visit the dashboard, logged in as somebody.

    At the end nothing may have gone wrong that the test hasn't taken out of `complaints`.
    """
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT}, color_scheme=scheme, reduced_motion="reduce"
    )
    try:
        visitor = Visitor(context.new_page(), stage)
        if person is not None:
            wanted = {"name": person.name, "password": person.password}
            assert context.request.post(f"{stage.url}/api/v1/session", data=wanted).status == 201
            visitor.open("/")
        yield visitor
        assert not visitor.complaints, visitor.complaints
    finally:
        context.close()
