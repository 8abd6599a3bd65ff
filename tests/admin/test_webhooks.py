"""Webhooks over the admin API: a section of the document, and a message to see that it arrives."""

import pytest

from exeat.admin.services import Told
from tests.admin.service import LOCAL, Api, World, calling

SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENTRY = {"name": "ops", "url": "https://hooks.example.com/x", "secret": "${vault:hook}"}


def test_a_section(api: Api) -> None:
    """They are written as a list, their secrets as references to the vault."""
    api.fine("PUT", "/credentials/hook", {"value": SECRET})
    api.fine("PUT", "/sections/webhooks", [ENTRY])
    assert api.get("/sections/webhooks")["data"] == [ENTRY]
    assert [one["used_by"] for one in api.get("/credentials")["items"]] == [["section/webhooks"]]
    assert SECRET not in str(api.get("/export"))


@pytest.mark.parametrize("secret", [SECRET, f"whsec_{SECRET}", "whsec_${vault:hook}"])
def test_no_secret_is_written_out(api: Api, secret: str) -> None:
    """A secret that stands in the entry itself would be in every revision: it is refused, and not repeated."""
    api.fine("PUT", "/credentials/hook", {"value": SECRET})
    answer = api.ask("PUT", "/sections/webhooks", [{**ENTRY, "secret": secret}])
    assert answer.status_code == 422
    assert "keep it in the vault" in answer.text
    assert SECRET not in answer.text
    assert api.get("/sections")["items"] == []


def test_problems_have_their_place(api: Api) -> None:
    """What is wrong is said with its place in the list."""
    api.fine("PUT", "/credentials/hook", {"value": SECRET})
    found = api.problems("PUT", "/sections/webhooks", [ENTRY, {**ENTRY, "url": "http://a.b"}])
    assert set(found) == {"/1/name", "/1/url"}


@pytest.mark.parametrize("told", [Told(delivered=True, status=204, reason=None), Told(False, None, "no answer")])  # noqa: FBT003
def test_a_message(world: World, told: Told) -> None:
    """An operator has a message sent, and is told what became of it; a webhook that isn't there is 404."""
    with calling(world, acting_as=LOCAL, test_webhook={"ops": told}.get) as api:
        assert api.fine("POST", "/webhooks/ops/test") == told._asdict()
        assert api.refused("POST", "/webhooks/other/test") == (404, "not-found")
