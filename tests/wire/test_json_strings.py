"""Strings in a JSON text on its way: the right ones are replaced, in any slices, and nothing else changes."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.json_path import parse_json_path
from exeat.wire.json_strings import DEPTH_LIMIT, HELD_BYTES, NamedStrings, PlacedStrings

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
PATHS = tuple(map(parse_json_path, ("$.paging.next", "$.items[*].url", "$.data.*.next", "$..deep.url")))


def mark(url: bytes) -> bytes:
    """What stands for a rewritten URL."""
    return b"<" + url + b">"


def by_name(text: bytes, *sizes: int, names: tuple[str, ...] = ("next", "url")) -> bytes:
    return _fed(NamedStrings(names, mark), text, sizes)


def by_place(text: bytes, *sizes: int) -> bytes:
    return _fed(PlacedStrings(PATHS, mark), text, sizes)


def _fed(reader: NamedStrings | PlacedStrings, text: bytes, sizes: tuple[int, ...]) -> bytes:
    return b"".join([*map(reader.feed, _slices(text, sizes)), reader.finish()])


def _slices(text: bytes, sizes: tuple[int, ...]) -> Iterator[bytes]:
    for size in sizes:
        yield text[:size]
        text = text[size:]
    yield text


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        (b'{"next": "/a"}', b'{"next": "</a>"}'),
        (b'{"a":{"b":[{"next" :\n"/a"}]},"url":"/b"}', b'{"a":{"b":[{"next" :\n"</a>"}]},"url":"</b>"}'),
        (b'{"next":null,"url":1,"other":"/a"}', b'{"next":null,"url":1,"other":"/a"}'),
        (b'{"next":["/a"],"nexturl":"/a","Next":"/b"}', b'{"next":["/a"],"nexturl":"/a","Next":"/b"}'),
        (rb'{"next":"https:\/\/a\u0026b"}', b'{"next":"<https://a&b>"}'),
        (rb'{"text":"\"next\":\"/a\"","next":"/b"}', rb'{"text":"\"next\":\"/a\"","next":"</b>"}'),
        (rb'{"text\"next":"/a"}', rb'{"text\"next":"/a"}'),
        (rb'{"a":"\\","next":"/b"}', rb'{"a":"\\","next":"</b>"}'),
        (b'{"next":"next","a":"next"}', b'{"next":"<next>","a":"next"}'),
        (b'["next","url"]', b'["next","url"]'),
        (b'{"next":"/a","next":"/b"}', b'{"next":"</a>","next":"</b>"}'),
        (b'{"next":"never ends', b'{"next":"never ends'),
        (b'{"n": 1.10e3, "id":12345678901234567890123,"next":""}', None),
        (b"not json \xff\x00 at all", b"not json \xff\x00 at all"),
        (b"", b""),
    ],
)
def test_by_name(text: bytes, replaced: bytes | None) -> None:
    """Every string member of the name is replaced, wherever it is; numbers, spaces and all else stay as written."""
    expected = text.replace(b'"next":""', b'"next":"<>"') if replaced is None else replaced
    assert by_name(text) == expected
    for cut in range(len(text)):
        assert by_name(text, cut) == expected, cut
    assert by_name(text, *[1] * len(text)) == expected


def test_a_name_in_other_letters() -> None:
    """A name may be written as UTF-8 or escaped."""
    assert by_name('{"née":"/a"}'.encode(), names=("née",)) == '{"née":"</a>"}'.encode()
    assert by_name(b'{"n\\u00e9e":"/a"}', names=("née",)) == b'{"n\\u00e9e":"</a>"}'


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        (b'{"paging": {"next": "/a", "url":"/b"}}', b'{"paging": {"next": "</a>", "url":"/b"}}'),
        (b'{"next":"/a","x":{"paging":{"next":"/b"}}}', b'{"next":"/a","x":{"paging":{"next":"/b"}}}'),
        (b'{"items":[{"url":"/a"},{"url":"/b"},["x"],1]}', b'{"items":[{"url":"</a>"},{"url":"</b>"},["x"],1]}'),
        (b'{"data":{"a":{"next":"/a"},"b":{"next":"/b"}}}', b'{"data":{"a":{"next":"</a>"},"b":{"next":"</b>"}}}'),
        (b'{"data":[{"next":"/a"}]}', b'{"data":[{"next":"</a>"}]}'),
        (b'[[{"x":{"deep":{"url":"/a"}}}],{"deep":{"z":1}}]', b'[[{"x":{"deep":{"url":"</a>"}}}],{"deep":{"z":1}}]'),
        (rb'{"pa\u0067ing":{"next":"/a"}}', rb'{"pa\u0067ing":{"next":"</a>"}}'),
        (rb'{"a":"}]\"","b":["\\"],"paging":{"next":"/a"}}', rb'{"a":"}]\"","b":["\\"],"paging":{"next":"</a>"}}'),
        (b'{"paging":{"next":{"next":"/a"}}}', b'{"paging":{"next":{"next":"/a"}}}'),
        (b'{"a":-1.5,"b":[true,null],"paging":{"next":"/a"}}', b'{"a":-1.5,"b":[true,null],"paging":{"next":"</a>"}}'),
        (b'{"paging":{"next":"/a"', b'{"paging":{"next":"</a>"'),
        (b']}"paging":{"next":"x', b']}"paging":{"next":"x'),
        (b'"top"', b'"top"'),
        (b"", b""),
    ],
)  # fmt: skip
def test_by_place(text: bytes, replaced: bytes) -> None:
    """Strings at the places are replaced, and no others."""
    assert by_place(text) == replaced
    for cut in range(len(text)):
        assert by_place(text, cut) == replaced, cut
    assert by_place(text, *[1] * len(text)) == replaced


def walked(value: Json, place: tuple[str | None, ...] = ()) -> Json:
    """The same by walking the value: what is at one of the places is marked."""
    if isinstance(value, dict):
        return {name: walked(inner, (*place, name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [walked(inner, (*place, None)) for inner in value]
    return f"<{value}>" if isinstance(value, str) and is_wanted(place) else value


def is_wanted(place: tuple[str | None, ...]) -> bool:
    if len(place) == 3 and (place[0], place[2]) in {("items", "url"), ("data", "next")}:
        return True  # `[*]` and `.*` are the same: every item or member
    return place == ("paging", "next") or place[-2:] == ("deep", "url")


NAMES = st.sampled_from(["paging", "next", "items", "url", "data", "deep", 'a"b', "x\\"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)


@given(VALUES, st.lists(st.integers(0, 20), max_size=12), st.booleans())
def test_any_value_in_any_slices(value: Json, sizes: list[int], spaced: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever the value, what comes out is the value with the wanted strings replaced."""
    text = json.dumps(value, indent=1 if spaced else None).encode()
    assert json.loads(by_place(text, *sizes)) == walked(value)


@given(st.binary(max_size=60) | st.text('{}[]",:\\nexturl ', max_size=60).map(str.encode), st.integers(0, 60))
def test_what_is_no_json_passes(text: bytes, cut: int) -> None:
    """Bytes that are no JSON neither fail nor get lost, and slices change nothing."""
    for fed in (by_name, by_place):
        whole = fed(text)
        assert fed(text, cut) == whole
        assert len(whole) >= len(text.rstrip(b'"')) or b"\\" in text


def test_a_long_string_is_not_kept() -> None:
    """A string longer than what is held back passes, whatever its name, and what follows is looked at again."""
    long = b"x" * (2 * HELD_BYTES)
    text = b'{"paging":{"next":"' + long + b'"},"items":[{"url":"/a"}]}'
    sizes = [1000] * 200
    assert by_place(text, *sizes) == text.replace(b"/a", b"</a>")
    assert by_name(text, *sizes) == text.replace(b"/a", b"</a>")
    named = b'{"' + long + b'":1,"items":[{"url":"/a"}]}'
    assert by_place(named, *sizes) == named.replace(b"/a", b"</a>")


def test_very_deep() -> None:
    """What is nested without end costs no memory, and what is open by then isn't confused."""
    deep = b"[" * (3 * DEPTH_LIMIT)
    text = b'{"deep":' + deep + deep.replace(b"[", b"]") + b',"paging":{"next":"/a"}}'
    assert by_place(text, 1000, 2000) == text.replace(b"/a", b"</a>")
