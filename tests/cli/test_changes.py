"""What a reload says that it changed."""

import json
from pathlib import Path

import pytest

from exeat.cli.changes import describe_changes
from exeat.config.compile import Loaded, load
from exeat.config.settings import read_settings
from exeat.model.by_hand import ByHand
from exeat.model.stored import Stored


def loaded(folder: Path, document: dict[str, object], env: dict[str, str] | None = None) -> Loaded:
    (folder / "exeat.yaml").write_text(json.dumps(document, indent=1))
    return load(read_settings(env or {}, folder))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {"destinations": ["a.example"]}, "destinations +a.example"),
        (
            {"destinations": ["a.example", {"host": "b.example"}]},
            {"destinations": [{"host": "b.example", "mode": "report"}]},
            "destinations -a.example ~b.example",
        ),
        ({"domains": ["a.internal"]}, {"cors": {"origins": ["https://a.example"]}}, "~cors; ~domains"),
        ({"limits": [{"rate": "5/day"}]}, {"limits": [{"rate": "6/day"}]}, "~limits"),
        ({"consumers": {"a": {}}}, {"consumers": {"b": {}}}, "consumers +b -a"),
    ],
)
def test_sections(tmp_path: Path, before: dict[str, object], after: dict[str, object], said: str) -> None:
    """Names that came, went or mean something else, by section."""
    assert describe_changes(loaded(tmp_path, before), loaded(tmp_path, after)) == said


def test_a_moved_line_is_no_change(tmp_path: Path) -> None:
    """An upstream that only stands elsewhere in the file isn't called changed."""
    one = {"url": "https://one.example"}
    before = loaded(tmp_path, {"upstreams": {"one": one}})
    after = loaded(tmp_path, {"upstreams": {"zero": {"url": "https://zero.example"}, "one": one}})
    assert describe_changes(before, after) == "upstreams +zero"


def test_another_secret_is_a_change_and_not_said(tmp_path: Path) -> None:
    """The same reference with another value changes the upstream; the value stays unsaid."""
    document: dict[str, object] = {
        "upstreams": {"one": {"url": "https://one.example", "credential": {"kind": "bearer", "secret": "${TOKEN}"}}}
    }
    before = loaded(tmp_path, document, {"TOKEN": "marker-1"})
    after = loaded(tmp_path, document, {"TOKEN": "marker-2"})
    assert describe_changes(before, after) == "upstreams ~one"


def test_many_changes_are_one_line(tmp_path: Path) -> None:
    """A thousand new names don't make a thousand words."""
    many: dict[str, object] = {"destinations": [f"a{number}.example" for number in range(1000)]}
    said = describe_changes(loaded(tmp_path, {}), loaded(tmp_path, many))
    assert said.endswith("+a7.example and 992 more")


def test_what_is_said_of_endpoints(tmp_path: Path) -> None:
    """A word of an operator is a change of its endpoint."""
    (tmp_path / "exeat.yaml").write_text("{}")
    settings, url = read_settings({}, tmp_path), "https://one.example"
    words = [(), (ByHand("one", url, "drained"),), (ByHand("one", url, reset=4),)]
    first, drained, reset = (load(settings, Stored(1, endpoints=said)) for said in words)
    assert describe_changes(first, drained) == f"endpoints +one {url}"
    assert describe_changes(drained, reset) == f"endpoints ~one {url}"
