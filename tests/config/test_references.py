"""Secret references: where they lead, and what happens when they lead nowhere."""

import pytest

from exeat.model.secret import Secret
from tests.config.conftest import Desk

ONE = "upstreams:\n  a:\n    url: https://a.com\n    credential: {kind: bearer, secret: '%s'}\n"


def line_of(desk: Desk, written: str, **variables: str) -> str:
    injection = desk.load(ONE % written, **variables).snapshot.upstreams[b"a"].credential
    assert isinstance(injection.lines, Secret)
    return injection.lines.reveal().rstrip("\r\n")  # how a line ends is the credential's own affair


def test_environment(desk: Desk) -> None:
    """`${NAME}` is the variable, alone or within text."""
    assert line_of(desk, "${TOKEN}", TOKEN="tok") == "Authorization: Bearer tok"
    assert line_of(desk, "pre-${TOKEN}-post", TOKEN="tok") == "Authorization: Bearer pre-tok-post"


def test_file(desk: Desk) -> None:
    """`${file:PATH}` is the file's content, relative to the document, without its last line break."""
    desk.write("tok\r\n", "secret")
    assert line_of(desk, "${file:secret}") == "Authorization: Bearer tok"
    assert line_of(desk, f"${{file:{desk.folder}/secret}}") == "Authorization: Bearer tok"
    assert desk.folder / "secret" in desk.load().watched


def test_a_byte_order_mark(desk: Desk) -> None:
    """A mark that an editor put before the text is no part of the secret; from elsewhere, one is refused."""
    desk.write("\ufefftok\r\n", "secret")
    assert line_of(desk, "${file:secret}") == "Authorization: Bearer tok"
    (line,) = desk.problems(ONE % "${TOKEN}", {"TOKEN": "\ufefftok"})
    assert "credential.secret: begins with a byte order mark, which nobody sees; take it off" in line


def test_escape(desk: Desk) -> None:
    """`$${` is a plain `${`; a lone dollar stays; what a reference gives isn't read again."""
    assert line_of(desk, "$${TOKEN}$1") == "Authorization: Bearer ${TOKEN}$1"
    assert line_of(desk, "${TOKEN}", TOKEN="${OTHER}") == "Authorization: Bearer ${OTHER}"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("${NOPE}", "environment variable NOPE is not set"),
        ("${EMPTY}", "environment variable EMPTY is empty"),
        ("${file:nope}", "file nope can't be read"),
        ("${file:.}", "isn't a file"),
        ("${file:empty}", "file empty is empty"),
        ("${vault:openai}", "the vault has no 'openai'"),
        ("${a-b}", "this version doesn't know"),
        ("${}", "this version doesn't know"),
        ("${TOKEN", "without its '}'"),
    ],
)
def test_nowhere(desk: Desk, written: str, words: str) -> None:
    """A reference that leads nowhere refuses the document: never the literal text, never without."""
    desk.write("\n", "empty")
    (line,) = desk.problems(ONE % written, {"EMPTY": ""})
    assert line.startswith("exeat.yaml:4: upstreams.a.credential.secret: ")
    assert words in line


def test_disappeared_while_running(desk: Desk) -> None:
    """A running gateway goes on without a secret that has gone: only that upstream's calls fail."""
    text = ONE % "${GONE}" + "  b: {url: https://b.com, credential: {kind: bearer, secret: '${THERE}'}}\n"
    loaded = desk.reload(text, THERE="x")
    assert loaded.snapshot.upstreams[b"a"].credential.unavailable == "environment variable GONE is not set"
    assert loaded.snapshot.upstreams[b"b"].credential.unavailable is None
    assert "credential-unavailable" in str(loaded.warnings[0])


def test_other_places_must_resolve_while_running(desk: Desk) -> None:
    """Only a credential may be missing: an address or a network may not."""
    assert desk.problems("upstreams: {a: {url: 'https://${GONE}'}}\n") == [
        "exeat.yaml:1: upstreams.a.url: environment variable GONE is not set"
    ]


def test_resolved_values_are_not_quoted(desk: Desk) -> None:
    """A problem with a value from a reference shows neither the value nor a piece of it."""
    text = "upstreams: {a: {url: 'https://a.com', methods: ['${M}'], hosts: ['${M}'], paths: ['${M}']}}\n"
    lines = desk.problems(text + "destinations: ['${M}']\n", {"M": "s3cr3t value*"})
    assert len(lines) == 4
    assert "s3cr3t" not in "".join(lines)


def test_null_is_no_value(desk: Desk) -> None:
    """A restriction left empty isn't taken for none."""
    (line,) = desk.problems("consumers:\n  web:\n    networks:\n")
    assert line == "exeat.yaml:3: consumers.web.networks: has no value; write one, or remove the line"
    assert desk.problems("upstreams:\ndestinations:\nconsumers:\n") == []
