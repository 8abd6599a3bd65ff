"""What may be kept of a body: nothing at a listed path, no key, no secret of the upstream, no more than the limit."""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exeat.model.credential import Basic, Bearer
from exeat.model.json_path import JsonPath, Step, parse_json_path
from exeat.model.key import ALPHABET, make_key
from exeat.model.secret import Secret
from exeat.policy.inject import prepare
from exeat.policy.redact import CODED, HIDDEN, NO_JSON, REDACTED, TOO_LARGE, Body, Kept, redact_body
from tests.support.secret_search import holds, spellings

LIMIT = 1 << 20
NAMES = ["a", "b", "token", "größe", "x-y", ""]
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text('aé"\\/%u0 ', max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
)
PATHS = st.lists(
    st.sampled_from(
        ["$.a", "$.token", "$..token", "$..a", "$.*", "$[*]", "$.a.b", "$..a.b", "$..a..b", "$.a[*].b", "$['größe']",
         "$.*.*", "$[*][*]", "$..b[*]", "$.a[*][*].token", "$['x-y']..a"]
    ).map(parse_json_path),
    min_size=1, max_size=3,
)  # fmt: skip


def redact(content: bytes, *paths: str, needles: tuple[Secret, ...] = (), limit: int = LIMIT) -> Kept:
    """What is kept of a body that was seen whole."""
    return redact_body(Body(content, len(content), None, None), [parse_json_path(p) for p in paths], needles, limit)


def places(value: object, steps: tuple[Step, ...], place: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Where a path leads, by RFC 9535 §2.5: written apart from what is tested."""
    if not steps:
        yield place
        return
    step = steps[0]
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        if step.name is None or (isinstance(value, dict) and name == step.name):
            yield from places(child, steps[1:], (*place, name))
        if step.deep:
            yield from places(child, steps, (*place, name))


def replaced(value: object, gone: set[tuple[object, ...]], place: tuple[object, ...] = ()) -> object:
    """A copy in which something else stands in some places."""
    if place in gone:
        return REDACTED
    if isinstance(value, dict):
        return {name: replaced(child, gone, (*place, name)) for name, child in value.items()}
    return [replaced(child, gone, (*place, n)) for n, child in enumerate(value)] if isinstance(value, list) else value


def at(value: Any, place: tuple[object, ...]) -> object:
    """What stands in a place."""
    for part in place:
        value = value[part]
    return value


@given(VALUES, PATHS)
def test_nothing_is_left_at_a_listed_path(value: object, paths: list[JsonPath]) -> None:
    """Whatever the JSON, each node that a path selects is replaced, or is gone with one around it."""
    content = json.dumps(value, ensure_ascii=False).encode()
    kept = redact_body(Body(content, len(content), None, None), paths, (), LIMIT)
    assert kept.content is not None
    assert kept.reason is None
    left = json.loads(kept.content)
    for path in paths:
        assert {at(left, place) == REDACTED for place in places(left, path.steps)} <= {True}, path.text


@given(VALUES, PATHS)
def test_nothing_else_is_changed(value: object, paths: list[JsonPath]) -> None:
    """What no path selects stays what it was."""
    content = json.dumps(value).encode()
    kept = redact_body(Body(content, len(content), None, None), paths, (), LIMIT)
    expected = value
    for path in paths:
        expected = replaced(expected, set(places(expected, path.steps)))
    assert kept.content is not None
    assert json.loads(kept.content) == expected


@pytest.mark.parametrize("depth", [100, 300, 1000, 2000])
@pytest.mark.parametrize("path", ["$.token", "$..token", "$.a"])
def test_json_that_is_nested_deeply(depth: int, path: str) -> None:
    """However deep the JSON, there is an answer, and nothing at the path is in it."""
    content = b'{"token": "hush", "a": ' + b"[" * depth + b'{"token": "hush"}' + b"]" * depth + b"}"
    kept = redact(content, path)
    if kept.content is None:
        assert kept.reason == NO_JSON
    else:
        assert kept.content.count(b"hush") == (1 if path == "$.token" else 1 if path == "$.a" else 0)


@pytest.mark.parametrize("content", [b"", b"text", b"{", b'{"a":1}{"a":2}', b'\xff{"a":1}', '{"a":1}'.encode("utf-16")])
def test_what_is_no_json_is_not_kept(content: bytes) -> None:
    """Where paths are to be taken out, what isn't one JSON value isn't kept; without paths it is."""
    assert redact(content, "$.a") == Kept(None, cut=False, reason=NO_JSON)
    assert redact(content).content == content


def test_json_that_was_cut_is_not_kept() -> None:
    """A body of which only the beginning was seen can't be looked into; without paths its beginning is kept."""
    body = Body(b'{"a": 1, "b": ' + b"2" * 200, 300, None, None)
    assert redact_body(body, [parse_json_path("$.a")], (), 214) == Kept(None, cut=True, reason=TOO_LARGE)
    kept = redact_body(body, [], (), 214)
    assert kept.cut
    assert kept.content is not None
    assert body.content.startswith(kept.content)
    assert kept.content


# Codings


@pytest.mark.parametrize("coding", [b"gzip", b"x-gzip", b"GZIP", b"deflate", b" gzip "])
@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_a_coding_is_undone(coding: bytes, size: int) -> None:
    """What fits into the limit once it is decoded is whole, up to the last byte of the limit."""
    content = bytes(range(65, 85)) * 5
    packed = zlib.compress(content[:size]) if coding == b"deflate" else gzip.compress(content[:size])
    assert redact_body(Body(packed, len(packed), None, coding), [], (), 100) == Kept(content[:size], cut=False)


def test_what_is_larger_decoded_is_cut() -> None:
    """A small body that decodes to a large one is decoded no further than the limit, and called cut."""
    packed = gzip.compress(bytes(10_000_000))
    kept = redact_body(Body(packed, len(packed), None, b"gzip"), [], (), 1000)
    assert kept.cut
    assert len(kept.content or b"") <= 1000
    refused = redact_body(Body(packed, len(packed), None, b"gzip"), [parse_json_path("$.a")], (), 1000)
    assert refused == Kept(None, cut=True, reason=TOO_LARGE)


def test_several_parts_are_not_taken_for_one() -> None:
    """Gzip of several members: what is kept is the first, and said to be cut (RFC 1952 §2.2)."""
    packed = gzip.compress(b'{"a":1}' * 20) + gzip.compress(b"more")
    assert redact_body(Body(packed, len(packed), None, b"gzip"), [], (), 1000).cut


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"compress", b"gzip, br", b"gzip, gzip", b"identity, gzip"])
def test_an_unknown_coding_is_not_kept(coding: bytes) -> None:
    """What can't be looked into isn't kept, and the reason is."""
    assert redact_body(Body(b"content", 7, None, coding), [], (), 100) == Kept(None, cut=False, reason=CODED)


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
@given(content=st.binary(max_size=200))
def test_any_bytes_in_a_coding(coding: bytes, content: bytes) -> None:
    """What isn't what its field says is not kept, or what it decodes to is."""
    kept = redact_body(Body(content, len(content), None, coding), [], (), 100)
    assert (kept.content is None) == (kept.reason == CODED)


# Secrets and keys

SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)
# What is around it doesn't happen to make another escape of its first or last character.
FILLING = st.binary(max_size=40).map(lambda octets: octets.translate(None, b"%\\&"))


@given(secret=SECRETS, before=FILLING, after=FILLING, data=st.data())
def test_no_secret_in_any_spelling(secret: str, before: bytes, after: bytes, data: st.DataObject) -> None:
    """However an upstream spells its own secret, it isn't in what is kept."""
    needles = prepare(Bearer(Secret(secret)), frozenset()).needles
    spelled = data.draw(st.sampled_from(sorted(spellings(secret).items())))[1]
    body = before + spelled + after
    kept = redact(body, needles=needles).content or b""
    undone = kept.replace(b"\0", b"")
    assume(secret.encode() not in b"[redacted]")
    assert spelled not in kept.replace(b"[redacted]", b"")
    assert not holds(undone, secret)


@given(
    symbols=st.text(st.sampled_from(ALPHABET), min_size=44, max_size=44), before=FILLING, after=FILLING, data=st.data()
)
def test_no_key_in_any_spelling(symbols: str, before: bytes, after: bytes, data: st.DataObject) -> None:
    """However a key is spelled, its secret isn't in what is kept."""
    key = make_key(symbols).key
    spelled = data.draw(st.sampled_from(sorted(spellings(key).items())))[1]
    kept = redact(before + spelled + after).content or b""
    assert spelled not in kept
    assert not holds(kept, key[19:])


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "utf-16-be", "utf-32-le"])
def test_spellings_within_one_another(layers: int, charset: str) -> None:
    """A key in a URL in a URL in JSON is taken out; in a charset of wider characters nothing of the body is kept."""
    key = make_key("k" * 44).key
    text = "".join(f"%{ord(sign):02x}" for sign in key)
    for _ in range(layers - 1):
        text = text.replace("%", "%25")
    kept = redact(json.dumps({"a": text}).encode(charset))
    if charset == "utf-8":
        assert kept == Kept(b'{"a": "exeat_?"}', cut=False)
    else:
        assert kept == Kept(None, cut=False, reason=HIDDEN)


def test_what_only_looks_escaped_is_kept() -> None:
    """Ordinary escapes, in JSON, URLs and HTML, keep nothing from being kept."""
    content = json.dumps({"text": 'a "quoted" \\ path/é\n', "url": "/x?q=%2Fa%20b&amp;c", "html": "&lt;b&gt;"}).encode()
    needles = prepare(Basic(Secret("somebody"), Secret("pass&word")), frozenset()).needles
    assert redact(content, needles=needles).content == content


@given(secret=SECRETS, size=st.integers(0, 200), data=st.data())
def test_a_cut_body_ends_with_no_part_of_a_secret(secret: str, size: int, data: st.DataObject) -> None:
    """Where a body was cut in the middle of a secret, nothing of its beginning is left that means something."""
    needles = prepare(Bearer(Secret(secret)), frozenset()).needles
    spelled = data.draw(st.sampled_from(sorted(spellings(secret).items())))[1]
    whole = b"." * size + spelled
    at = data.draw(st.integers(size, len(whole) - 1))
    kept = redact_body(Body(whole[:at], len(whole) + 10, None, None), [], needles, at).content or b""
    assert kept.strip(b".") == b""


# Size


@given(value=VALUES, paths=PATHS, limit=st.integers(1, 60))
def test_never_more_than_the_limit(value: object, paths: list[JsonPath], limit: int) -> None:
    """What is kept is no longer than the limit, also where what was put in is longer than what was taken out."""
    content = json.dumps(value).encode()
    seen = Body(content[:limit], len(content), None, None)
    for kept in (redact_body(seen, paths, (), limit), redact_body(seen, [], (Secret("1"), Secret("a")), limit)):
        assert len(kept.content or b"") <= limit


def test_what_grows_is_cut() -> None:
    """A million small numbers that are taken out one by one don't become a larger body, and are called cut."""
    content = b"[" + b"1," * 400_000 + b"1]"
    kept = redact(content, "$[*]", limit=len(content))
    assert (kept.cut, len(kept.content or b"")) == (True, len(content))


def test_a_secret_that_looks_escaped() -> None:
    """A secret in which an escape could be seen is found all the same."""
    needles = prepare(Bearer(Secret('0000"%00')), frozenset()).needles
    assert redact(b"0000&quot;%00", needles=needles).reason == HIDDEN
    plain = prepare(Bearer(Secret("00000000")), frozenset()).needles
    assert redact(b"%%30%30%30%30%30%30%30%30", needles=plain).reason == HIDDEN
