"""The JSON Schema and the reference pages: true, current, and agreeing with what is loaded."""

from pathlib import Path

import jsonschema
import pytest

from exeat.config.document import Document
from exeat.config.reading import read_text
from exeat.config.reference import PAGES, write_pages
from exeat.config.schema import EXAMPLE, build_schema
from exeat.config.settings import VARIABLES
from tests.config.test_compile import PRODUCT

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", PAGES)
def test_page_is_current(name: str) -> None:
    """A page in the tree is what `python -m exeat.config.reference docs/reference` writes now."""
    assert (REFERENCE / name).read_text("utf-8") == PAGES[name]()


def test_pages_can_be_written(tmp_path: Path) -> None:
    """All pages are written to where one asks for them."""
    write_pages(tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(PAGES)


def test_schema_is_one() -> None:
    """The schema is valid JSON Schema 2020-12."""
    jsonschema.Draft202012Validator.check_schema(build_schema())


@pytest.mark.parametrize(
    "document",
    [
        EXAMPLE,
        read_text(PRODUCT, "exeat.yaml").data,
        {},
        {"upstreams": {"a": {"url": "${URL}", "credential": "caller", "timeout": {"idle": 3, "total": "off"}}}},
        {"upstreams": {"a": {"preset": "jira", "with": {"site": "x"}, "credential": {"secret": "y"}, "links": "off"}}},
        {"upstreams": {"a": {"preset": "github", "credential": {"pool": [{"secret": "y"}, {"secret": "z"}]}}}},
        {"destinations": ["a.com", {"host": "*.b.org", "mode": "report"}]},
        {"limits": [{"rate": "${RATE}"}, {"rate": "1_000/10s", "burst": "1_000"}, {"concurrency": 5, "wait": 2}]},
        {"limits": [{"quota": "5/week", "zone": "UTC"}, {"budget": "5.5 USD/day", "price": {"call": "1 USD"}}]},
        {"upstreams": {"a": {"url": "x", "price": {"json": "$.a", "reserve": "1 USD", "factor": 0.001}}}},
        {"consumers": {"c": {"grants": [{"upstream": "a", "limits": [{"rate": "5/day", "per": "header:X-A"}]}]}}},
        {"consumers": {"c": {"grants": ["*"], "networks": {"allow": ["10.0.0.0/8"], "mode": "report"}}}},
    ],
)
def test_what_is_valid(document: object) -> None:
    """What this version loads, its schema accepts."""
    jsonschema.validate(document, build_schema(), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "document",
    [
        {"upstream": {}},
        {"upstreams": {"A": {"url": "https://a.com"}}},
        {"upstreams": {"a": {"url": None}}},
        {"upstreams": {"a": {"url": "x", "circuit": []}}},
        {"upstreams": {"a": {"url": "x", "credential": {"kind": "oauth2"}}}},
        {"upstreams": {"a": {"url": "x", "credential": {"kind": "bearer"}}}},
        {"upstreams": {"a": {"url": "x", "credential": {"secret": "y"}}}},
        {"upstreams": {"a": {"preset": "github", "credential": {"kind": "bearer"}}}},
        {"upstreams": {"a": {"url": "x", "timeout": {"idle": "off"}}}},
        {"upstreams": {"a": {"url": "x", "methods": []}}},
        {"consumers": {"c": {"keys": [{"sha256": "12"}]}}},
        {"consumers": {"c": {"grants": [{"mode": "maybe"}]}}},
        {"destinations": [5]},
        {"limits": [{}]},
        {"limits": [{"rate": "5/day", "quota": "5/day"}]},
        {"limits": [{"rate": "5/month"}]},
        {"limits": [{"budget": "5/day"}]},
        {"limits": [{"concurrency": 0}]},
        {"limits": [{"rate": "5/day", "per": "user"}]},
        {"consumers": {"c": {"priority": 8}}},
    ],
)
def test_what_is_not(document: object) -> None:
    """What an editor can find wrong, the schema finds wrong."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, build_schema(), cls=jsonschema.Draft202012Validator)


def test_everything_is_described() -> None:
    """Each field of each object, and each setting, says what it means."""
    schema = build_schema()
    for entry in [schema, *schema["$defs"].values()]:
        assert entry["description"]
        for name, field in entry["properties"].items():
            assert field.get("description") or "$ref" in field, name
    page = (REFERENCE / "settings.md").read_text("utf-8")
    assert all(f"`{variable}`" in page for variable in VARIABLES)
    assert set(Document.model_fields) <= set(schema["properties"])
