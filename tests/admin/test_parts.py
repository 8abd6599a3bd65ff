"""The parts that need no database: merge patches, versions, pointers, tokens, times, YAML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.admin.codes import MEANINGS, Code
from exeat.admin.merge import merge_patch
from exeat.admin.pointers import Focus, faults_of, parse_path, render_pointer
from exeat.admin.refusal import Fault, Refusal
from exeat.admin.shown import parse_expiry, render_time
from exeat.admin.versions import parse_versions
from exeat.config.problem import Place, Problem
from exeat.config.reading import read_text
from exeat.config.writing import render_yaml
from exeat.model.admin_token import adopt_token, is_mistyped, make_token
from exeat.model.secret import Secret

# RFC 7396, appendix A.
MERGES = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), MERGES)
def test_merge(target: object, patch: object, result: object) -> None:
    """A merge patch does what the examples of RFC 7396 say."""
    assert merge_patch(target, patch) == result


@pytest.mark.parametrize(
    ("if_match", "present", "is_fine"),
    [
        ('"3"', 3, True),
        ('"2", "3"', 3, True),
        ("*", 3, True),
        ('"2"', 3, False),
        ('W/"3"', 3, False),
        ("*", None, False),
    ],
)
def test_if_match(if_match: str, present: int | None, is_fine: bool) -> None:  # noqa: FBT001 - a table's column
    """Strong comparison, of a list or of anything that exists (RFC 9110 §13.1.1)."""
    versions = parse_versions(if_match, None)
    if is_fine:
        versions.judge(present, "thing")
    else:
        with pytest.raises(Refusal) as caught:
            versions.judge(present, "thing")
        assert caught.value.code is Code.STALE


def problem(path: str) -> Problem:
    return Problem(path, Place("database", kind="database"), "is wrong")


@pytest.mark.parametrize(
    ("focus", "path", "pointer"),
    [
        (Focus("upstream", "github"), "upstreams.github.hosts[0]", "/hosts/0"),
        (Focus("upstream", "github"), "upstreams.other.hosts[0]", ""),
        (Focus("upstream", "github"), "upstreams.github", ""),
        (Focus("consumer", "web"), "consumers.web.grants[1].upstream", "/grants/1/upstream"),
        (Focus("section", "cors"), "cors.origins[0]", "/origins/0"),
        (Focus("destination", "b.example.com"), "destinations[1].private[0]", "/private/0"),
        (Focus("key", "id"), "consumers.web.keys[4].networks[0]", "/networks/0"),
        (Focus("key", "id"), "consumers.web.keys[4].expires", "/expires_at"),
        (Focus(order=("b.example.com",)), "destinations[1].private[0]", "/destinations/0/private/0"),
        (Focus(), "upstreams.github.url", "/upstreams/github/url"),
    ],
)
def test_pointers(focus: Focus, path: str, pointer: str) -> None:
    """A problem of the whole is told by its place in the body that was sent."""
    outside, stored = {"destinations": ["a.example.com"]}, {"destinations": [{"host": "b.example.com"}]}
    assert [fault.pointer for fault in faults_of([problem(path)], focus, stored, outside)] == [pointer]


def test_pointer_escapes() -> None:
    """Slashes and tildes of a name are escaped (RFC 6901)."""
    assert render_pointer(("a/b", "c~d", 0)) == "/a~1b/c~0d/0"
    assert parse_path("upstreams.x.hosts[12]") == ("upstreams", "x", "hosts", 12)


@given(st.text("0123456789abcXYZ", min_size=44, max_size=44), st.data())
def test_mistyped_token(symbols: str, data: st.DataObject) -> None:
    """A token whose text has one wrong sign is told from one that isn't known."""
    left = iter(symbols)
    made = make_token(lambda count: "".join(next(left) for _ in range(count)))
    text = made.token.reveal()
    place = data.draw(st.integers(len("exeat_admin_"), len(text) - 1))
    assert not is_mistyped(text)
    assert is_mistyped(text[:place] + ("Q" if text[place] != "Q" else "R") + text[place + 1 :])
    assert text not in repr(made)


def test_token_of_somebody_else() -> None:
    """A token that was chosen elsewhere has to be long enough that nobody finds it by its digest."""
    assert adopt_token(Secret("x" * 32), lambda count: "i" * count).id == "i" * 12
    for text in ("x" * 31, "x" * 16 + " " + "x" * 16, "exeat_admin_" + "x" * 40):
        with pytest.raises(ValueError, match=r"token|begins"):
            adopt_token(Secret(text), lambda count: "i" * count)


def test_expiry() -> None:
    """An end is a time to come or a length of time, not both."""
    faults: list[Fault] = []
    assert parse_expiry(None, "2h", 1_000_000, faults) == 7_201_000_000
    assert parse_expiry(None, None, 0, faults) is None
    assert render_time(parse_expiry("2027-01-31T00:00:00+01:00", None, 0, faults)) == "2027-01-30T23:00:00Z"
    assert faults == []
    for at, within in (("2027-01-31", "1h"), ("x", None), (None, "0s"), (None, "99999d"), ("1960-01-01", None)):
        parse_expiry(at, within, 0, faults)
    assert [fault.pointer for fault in faults] == [
        "/expires_in", "/expires_at", "/expires_in", "/expires_in", "/expires_at",
    ]  # fmt: skip


ODD = ["off", "12:30", "0o17", "0x1F", "1e3", ".5", "-", "~", "null", "yes", "50_000", "+1", "*a", "a: b", "a\nb\n", ""]
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(ODD)
VALUES = TEXTS | st.integers(-(2**53), 2**53) | st.booleans() | st.lists(TEXTS)


@given(st.dictionaries(st.text("abc", min_size=1), VALUES, max_size=4))
def test_exported_yaml_is_read_back(document: dict[str, object]) -> None:
    """What is written as YAML is read back as the same data, by the reader of documents."""
    assert read_text(render_yaml(document), "exported").data == document


def test_every_code_has_a_meaning() -> None:
    """The table of codes is whole."""
    assert set(MEANINGS) == set(Code)
