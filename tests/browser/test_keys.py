"""The lives of keys and of tokens: made, shown once, used, rotated, revoked."""

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.stage import ADA, Stage
from tests.browser.visitor import Visitor, visiting
from tests.support.gateway import wait_until
from tests.support.markers import MARKERS

pytestmark = pytest.mark.timeout(180)


def take_key(visitor: Visitor) -> str:
    """Read the key that the dialog shows this once."""
    key = take(visitor, "key")
    MARKERS.add_key(key)
    return key


def take(visitor: Visitor, what: str) -> str:
    """Read what the dialog shows this once, and close it, which needs a word that it was kept."""
    dialog = visitor.dialog
    secret = dialog.get_by_test_id(what).inner_text()
    visitor.sees("It is shown this once.", dialog)
    visitor.meets_no_barrier()
    expect(dialog.get_by_role("button", name="Done")).to_be_disabled()
    dialog.get_by_label("I have it in a safe place").check()
    visitor.press("Done", dialog)
    expect(dialog).to_have_count(0)
    return secret


def is_answered(stage: Stage, key: str, status: int) -> None:
    """Wait until calls with the key are answered so."""
    wait_until(lambda: stage.call("/weather/now", key).status_code == status, f"calls are answered with {status}")


def act_on_key(visitor: Visitor, key: str, act: str) -> None:
    """Choose something from the menu of a key."""
    visitor.page.get_by_role("button", name=f"What to do with the key {id_of(key)}").click()
    visitor.page.get_by_role("menuitem", name=act).click()


def id_of(key: str) -> str:
    return key.split("_")[1]


def test_life_of_a_key(browser: Browser, stage: Stage) -> None:
    """A consumer is added, its key is shown once and works, gives way to another one, and is refused when revoked."""
    with visiting(browser, stage, ADA) as visitor:
        page = visitor.page
        visitor.go("Consumers")
        visitor.press("Add")
        visitor.dialog.get_by_label("Name").fill("kiosk")
        visitor.press("weather", visitor.dialog)
        visitor.press("Add", visitor.dialog)
        visitor.sees_page("kiosk")
        visitor.sees("It has no key")

        visitor.press("New key", page.locator(".panel-head"))
        visitor.dialog.get_by_label("Label").fill("the door")
        visitor.meets_no_barrier()
        visitor.press("Make the key", visitor.dialog)
        first = take_key(visitor)
        expect(page.get_by_role("table", name="Keys of kiosk")).to_contain_text("the door")
        assert first not in page.content()
        is_answered(stage, first, 200)

        with visitor.elsewhere() as other:
            other.open("/exchanges?consumer=kiosk")
            other.sees("Live")
            stage.call("/weather/arrives", first)
            expect(other.page.get_by_role("row").filter(has_text="/arrives")).to_be_visible()

        act_on_key(visitor, first, "Rotate")
        visitor.dialog.get_by_label("The old one works on").select_option("immediate")
        visitor.press("Make the new key", visitor.dialog)
        second = take_key(visitor)
        is_answered(stage, second, 200)
        is_answered(stage, first, 401)

        act_on_key(visitor, second, "Revoke")
        visitor.dialog.get_by_label("Why").fill("the door is gone")
        visitor.meets_no_barrier()
        visitor.press("Revoke", visitor.dialog)
        visitor.sees(f"The key {id_of(second)} is revoked.")
        is_answered(stage, second, 401)


def test_life_of_a_token(browser: Browser, stage: Stage) -> None:
    """A token of the admin API is shown once and is good for a question, until it is revoked."""

    def status(token: str) -> int:
        question = f"{stage.url}/api/v1/session"
        return httpx.get(question, headers={"Authorization": f"Bearer {token}"}, timeout=15).status_code

    with visiting(browser, stage, ADA) as visitor:
        visitor.open("/settings?tab=tokens")
        visitor.press("Make a token")
        visitor.dialog.get_by_label("Label").fill("deployments")
        visitor.press("Make the token", visitor.dialog)
        token = take(visitor, "token")
        MARKERS.add("token made in the dashboard", token)
        assert token not in visitor.page.content()
        assert status(token) == 200
        visitor.page.get_by_role("button", name="Revoke deployments").click()
        visitor.press("Revoke", visitor.dialog)
        expect(visitor.page.get_by_role("button", name="Revoke deployments")).to_have_count(0)
        wait_until(lambda: status(token) == 401, "the token is refused")
