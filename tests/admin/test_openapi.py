"""The OpenAPI document: published as it is generated, and whole."""

from pathlib import Path

from exeat.admin.openapi import DOCUMENT, PAGE, render, render_page
from tests.admin.service import Api, documented

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


def test_published_document_is_the_generated_one() -> None:
    """What docs/reference has is what the routes say; `python -m exeat.admin.openapi docs/reference` writes it anew."""
    assert (REFERENCE / DOCUMENT).read_text("utf-8") == render()
    assert (REFERENCE / PAGE).read_text("utf-8") == render_page()


def test_served(api: Api) -> None:
    """The API answers with it."""
    assert api.get("/openapi.json") == documented()


def test_every_operation_is_described() -> None:
    """Each operation has an id of its own, a summary, and its answers; each reference leads somewhere."""
    document = documented()
    operations = [one for path in document["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]
    assert len(ids) == len(set(ids))
    for one in operations:
        assert one["summary"]
        assert one["description"]
        assert any(status.startswith("2") for status in one["responses"])
    text = repr(document)
    references = {part.partition("'")[0] for part in text.split("'$ref': '#/components/schemas/")[1:]}
    assert references <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in text
