"""Field lines: how each is treated, and a memory that changes no answer."""

import gc
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import GatewayError
from exeat.wire.fields import (
    LINE_LIMIT_BYTES,
    LINES_LIMIT,
    NOT_IN_TRAILERS,
    NOT_NOMINABLE,
    REQUEST,
    RESPONSE,
    SECRET,
    FieldTable,
    name_of,
    options,
    render_field,
    split_field,
)
from tests.wire.grammar import ODD_LINES, fields

MARKER = b"marker-of-a-secret"
lines = st.lists(st.sampled_from((*ODD_LINES, b"Via: a", b"Via: b", b"TE: trailers", b"X-Api-Key: k")), max_size=8)


def table(treatments: dict[bytes, int] = REQUEST) -> FieldTable:
    """A table that remembers nothing yet."""
    return FieldTable(treatments, {})


def read(reader: FieldTable, raw: Sequence[bytes]) -> tuple[list[bytes], dict[bytes, bytes]] | str:
    """What a table makes of lines: what is forwarded and known, or why it is refused."""
    try:
        forwarded, known = reader.read(list(raw))
    except GatewayError as error:
        return f"{error.code}: {error.detail}"
    return [line for line in forwarded if line], known


@given(before=st.lists(lines, max_size=6), now=lines)
def test_remembering_changes_no_answer(before: list[list[bytes]], now: list[bytes]) -> None:
    """A table that has read any lines before judges the next ones as a new table does."""
    warm = table()
    for raw in before:
        read(warm, raw)
    first = read(warm, now)
    assert first == read(table(), now)
    assert first == read(warm, now)


def test_memory_is_bounded() -> None:
    """However many different lines come, only so much of them is kept; and the answers stay right."""
    reader = table()
    tracemalloc.start()
    for number in range(LINES_LIMIT * 5):
        raw = b"X-%d: %b" % (number, b"x" * 200)
        for _ in range(2):
            assert read(reader, [raw, b"TE: %d" % number]) == ([raw + b"\r\n"], {b"te": b"%d" % number})
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < LINES_LIMIT * 1500


def reachable(root: object) -> list[bytes]:
    """Every byte string that an object keeps alive."""
    seen: dict[int, object] = {}
    todo = [root]
    while todo:
        item = todo.pop()
        if id(item) not in seen and not isinstance(item, type):
            seen[id(item)] = item
            todo += gc.get_referents(item)
    return [item for item in seen.values() if isinstance(item, bytes)]


@pytest.mark.parametrize("name", sorted(SECRET))
@pytest.mark.parametrize("treatments", [REQUEST, RESPONSE], ids=["request", "response"])
def test_secret_lines_are_never_kept(name: bytes, treatments: dict[bytes, int]) -> None:
    """A table keeps nothing of a line whose value is secret, in any spelling of its name."""
    reader = table(treatments)
    for spelling in (name, name.title(), name.upper()) * 3:
        reader.read([spelling + b": Bearer " + MARKER])
        reader.read([spelling + b":" + MARKER])
    assert not [kept for kept in reachable(reader) if MARKER in kept]


def test_what_is_kept() -> None:
    """Short lines that come again are kept, in this test's eyes too; long ones aren't, nor what came once."""
    reader = table()
    for _ in range(2):
        reader.read([b"X-A: " + MARKER, b"X-Long: " + b"x" * LINE_LIMIT_BYTES + b"long-" + MARKER])
    reader.read([b"X-B: once-" + MARKER])
    kept = reachable(reader)
    assert any(MARKER in item for item in kept)
    assert not any(b"long-" + MARKER in item for item in kept)
    assert not any(b"once-" + MARKER in item for item in kept)


@given(made=fields)
def test_unknown_fields_pass_in_order(made: list[tuple[bytes, bytes]]) -> None:
    """What the gateway knows nothing of is forwarded as it came, in its order, also where a name comes twice."""
    raw = [name + b":  " + value + b" \t" for name, value in made]
    assert read(table(), raw) == ([render_field(name, value) for name, value in made], {})


@pytest.mark.parametrize(
    ("raw", "forwarded", "known"),
    [
        (b"HOST:a", False, True),
        (b"Authorization: Basic x", False, True),
        (b"Exeat-Key: x", False, True),
        (b"X-API-Key: x", True, True),
        (b"Origin: http://a", True, True),
        (b"Via: 1.1 a", False, True),
        (b"Forwarded: for=a", False, False),
        (b"X-Real-IP: 10.0.0.1", False, False),
        (b"Keep-Alive: 5", False, False),
        (b"Upgrade: h2c", False, False),
        (b"HTTP2-Settings: x", False, False),
        (b"Exeat-Anything: x", False, False),
        (b"Exeat_Key: x", False, False),
        (b"X_Forwarded_For: x", False, False),
        (b"X-Forwarded-Host: x", False, False),
        (b"Exeats: x", True, False),
        (b"X-Forwarded: x", True, False),
    ],
)
def test_how_a_field_of_a_request_is_treated(raw: bytes, forwarded: bool, known: bool) -> None:  # noqa: FBT001
    """Hop-by-hop, identity and topology fields end here; a look-alike of one is treated as the name itself."""
    told = read(table(), [raw])
    assert not isinstance(told, str)
    assert (bool(told[0]), bool(told[1])) == (forwarded, known)


@pytest.mark.parametrize(
    "name",
    [b"Host", b"content-length", b"Authorization", b"Proxy-Authorization", b"Exeat-Key", b"Exeat-Target", b"X-Api-Key"],
)
def test_what_may_be_sent_once(name: bytes) -> None:
    """A field that frames, routes or authenticates is refused when it comes twice, in whatever spelling."""
    assert "malformed-request: " in str(read(table(), [name + b": a", name.swapcase() + b": b"]))
    assert "more than once" in str(read(table(), [name + b": a"] * 2))


def test_lists_are_joined() -> None:
    """Lines of a list are one list (RFC 9110 §5.3)."""
    assert read(table(), [b"Via: a", b"X: y", b"via: b"]) == ([b"X: y\r\n"], {b"via": b"a, b"})
    assert read(table(RESPONSE), [b"Link: <a>", b"Link: <b>"]) == (
        [b"Link: <a>\r\n", b"Link: <b>\r\n"],
        {b"link": b"<a>, <b>"},
    )


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("exeat_session=s3cret", None),
        ("a=1; exeat_session=s3cret", "a=1"),
        ("exeat_session=s3cret; a=1", "a=1"),
        ("a=1; exeat_session=s3cret; b=2; exeat_session=t", "a=1; b=2"),
        ("a=1;exeat_session = s3cret;b", "a=1;b"),
        ("exeat_session; a=exeat_session", "a=exeat_session"),
        ("my_exeat_session=1; exeat_session_id=2;", "my_exeat_session=1; exeat_session_id=2;"),
        ("Exeat_Session=1", "Exeat_Session=1"),
        ("a=1; b=2", "a=1; b=2"),
        ("", ""),
    ],
)
def test_own_cookie_is_not_forwarded(value: str, left: str | None) -> None:
    """The cookie of the control listener doesn't leave; others leave as they are, and an answer has none of Exeat's."""
    line = f"Cookie: {value}".encode()
    expected = [] if left is None else [render_field(b"Cookie", left.encode())]
    assert read(table(), [line]) == (expected, {})
    assert read(table(RESPONSE), [line]) == ([render_field(b"Cookie", value.encode())], {})


@pytest.mark.parametrize(
    ("value", "members"),
    [
        (b"", []),
        (b"close", [b"close"]),
        (b" Close ,\tX-A,, , x-b ", [b"close", b"x-a", b"x-b"]),
        (b"a b", [b"a b"]),
        (b",", []),
    ],
)
def test_options(value: bytes, members: list[bytes]) -> None:
    """The members of a list are lower-case, without white space and without empty ones (RFC 9110 §5.6.1)."""
    assert options(value) == members


@given(made=fields)
def test_a_line_is_taken_apart_again(made: list[tuple[bytes, bytes]]) -> None:
    """A field line that was written is taken apart into the same name and value."""
    for name, value in made:
        line = render_field(name, value)
        assert split_field(line) == (name, value)
        assert name_of(line) == name.lower()


def test_what_frames_or_authenticates_is_no_trailer() -> None:
    """No field of the tables, and none that may not be nominated, passes as a trailer (RFC 9110 §6.5.1)."""
    assert REQUEST.keys() | RESPONSE.keys() | NOT_NOMINABLE | SECRET <= NOT_IN_TRAILERS
