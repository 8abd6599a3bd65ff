"""Paths into JSON: which are understood, and what they say."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.json_path import JsonPath, Step, parse_json_path

NAMES = st.from_regex(re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*", re.ASCII), fullmatch=True)
QUOTED = st.text(st.characters(blacklist_characters="'\\", blacklist_categories=["Cs"]), min_size=1)
STEPS = st.one_of(
    st.tuples(NAMES.map(lambda name: f".{name}"), NAMES.map(Step)).map(lambda pair: (pair[0], Step(pair[0][1:]))),
    NAMES.map(lambda name: (f"..{name}", Step(name, deep=True))),
    QUOTED.map(lambda name: (f"['{name}']", Step(name))),
    st.sampled_from([("[*]", Step(None)), (".*", Step(None))]),
)


@given(st.lists(STEPS, min_size=1, max_size=8))
def test_a_path_is_what_was_written(parts: list[tuple[str, Step]]) -> None:
    """Each step is read as what it says, and the path keeps its text."""
    text = "$" + "".join(written for written, _ in parts)
    path = parse_json_path(text)
    assert path == JsonPath(text, tuple(step for _, step in parts))
    assert parse_json_path(path.text) == path


@given(st.text(st.sampled_from("$.[]*'\"ab_-0\\ é\n"), max_size=12))
def test_any_text_is_a_path_or_an_error(text: str) -> None:
    """Whatever is written is read whole, or refused with a sentence that says how a path is written."""
    try:
        path = parse_json_path(text)
    except ValueError as error:
        assert "; write $.card.number, $.items[*].token or $..password" in str(error)  # noqa: PT017 - either will do
    else:
        assert path.text == text
        assert path.steps


@pytest.mark.parametrize(
    "text",
    ["", "$", "token", ".token", "$token", "$.", "$..", "$..*", "$.a.", "$.a b", "$[0]", "$[a]", "$['a", "$['']", "$.0",
     "$.a[?(@.b)]", '$["a"]', "$.a\n", " $.a", "$.größe", "$['it\\'s']"],
)  # fmt: skip
def test_what_is_no_path(text: str) -> None:
    """What this subset doesn't have is refused, and never half understood: something would stay that should go."""
    with pytest.raises(ValueError, match="isn't a JSON path"):
        parse_json_path(text)
