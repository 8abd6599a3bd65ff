"""A credential in a request's body: what the caller wrote stays, what stands in its place goes, nothing leaves bare."""

import json
from contextlib import suppress
from typing import Literal
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.model.secret import Secret
from exeat.model.signing import BodyField
from exeat.policy.fill import fill
from exeat.wire.outgoing import Outgoing

SECRET = 's3cret "é\\&='
JSON_TYPE = b"Content-Type: application/json\r\n"
FORM_TYPE = b"Content-Type: application/x-www-form-urlencoded\r\n"
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def filled(
    body: bytes | None,
    form: Literal["json", "form"] = "json",
    *lines: bytes,
    name: str = "token",
    method: bytes = b"POST",
) -> Outgoing:
    sent = Outgoing(method, b"api.test", b"/", None, list(lines), body)
    return fill(sent, BodyField(name, Secret(SECRET), form))


def refused(body: bytes | None, form: Literal["json", "form"], *lines: bytes, method: bytes = b"POST") -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        filled(body, form, *lines, method=method)
    error = caught.value
    assert error.code is Code.MALFORMED_REQUEST
    assert error.untouched
    assert error.hint
    assert SECRET not in f"{error} {error.hint} {error.__cause__!r}"
    return error


class TestJson:
    @given(st.dictionaries(st.text(), values), st.sampled_from([None, 2]), st.booleans())
    def test_any_object(self, given: dict[str, object], indent: int | None, ascii_only: bool) -> None:  # noqa: FBT001
        """Whatever object is sent, it has the credential and everything else, in its order."""
        body = json.dumps(given, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        if b"\xed" in body and not _is_utf8(body):
            return
        made = filled(body).body
        assert made is not None
        expected = [(name, value) for name, value in given.items() if name != "token"]
        assert list(json.loads(made).items()) == [*expected, ("token", SECRET)]

    @pytest.mark.parametrize(
        ("body", "rest"),
        [
            ("{}", "{"),
            (" {\n} ", "{"),
            ('{"a": 1.0}', '{"a": 1.0,'),
            ('{ "a" : 1e999999 , "b":12345678901234567890123 }', '{ "a" : 1e999999, "b":12345678901234567890123,'),
            ('{"a":1,"a":2}', '{"a":1,"a":2,'),
            ('{"token": "mine", "a": {"token": 1}}', '{ "a": {"token": 1},'),
            ('{"tok\\u0065n": "mine", "token": ["mine"], "a": "\\u00e9"}', '{ "a": "\\u00e9",'),
            ('{"Token": 1}', '{"Token": 1,'),
        ],
    )
    def test_all_else_stays_as_it_was_written(self, body: str, rest: str) -> None:
        """Numbers, escapes and twice the same name stay; the credential's own name goes, however it is spelled."""
        assert filled(body.encode()).body == f'{rest}"token": {json.dumps(SECRET)}}}'.encode()

    @pytest.mark.parametrize(
        "body",
        [
            b"[]",
            b"[{}]",
            b'"text"',
            b"null",
            b"1",
            b"{",
            b'{"a"}',
            b'{"a" 1}',
            b'{"a":}',
            b'{"a":1,}',
            b"{,}",
            b'{"a":1}{',
            b'{"a":1} {}',
            b"{'a':1}",
            b"{a:1}",
            b'{1:"a"}',
            b'{"a":NaN}',
            b'{"a":[Infinity]}',
            b'{"a":"\n"}',
            b'{"a":01}',
            b"\xff",
            b"\xef\xbb\xbf{}",
            b'{"a":' + b"[" * 200_000,
            b'{"a":' * 200_000,
            b"a=1&b=2",
        ],
        ids=lambda body: repr(body[:20]),
    )
    def test_what_is_no_object(self, body: bytes) -> None:
        """A body that isn't one JSON object is refused, at any depth, with a hint."""
        assert "isn't a JSON object" in refused(body, "json", JSON_TYPE).detail

    @given(st.binary(max_size=40) | st.text(alphabet='{}[]",:1 a\\', max_size=20).map(str.encode))
    def test_any_octets(self, body: bytes) -> None:
        """Any octets are an object that then holds the credential, or are refused."""
        with suppress(GatewayError):
            assert json.loads(filled(body).body or b"")["token"] == SECRET

    def test_large(self) -> None:
        """Ten megabytes are filled within the time of a test."""
        made = filled(b'{"a": [' + b"1, " * 3_000_000 + b"2]}").body
        assert made is not None
        assert made.endswith(json.dumps(SECRET).encode() + b"}")


class TestForm:
    @given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))))
    def test_any_form(self, given: list[tuple[str, str]]) -> None:
        """Whatever form is sent, it has the credential last, and everything else in its order."""
        made = filled(urlencode(given).encode(), "form", FORM_TYPE).body
        assert made is not None
        found = parse_qsl(made.decode(), keep_blank_values=True)
        assert found == [*[pair for pair in given if pair[0] != "token"], ("token", SECRET)]

    @pytest.mark.parametrize(
        ("body", "rest"),
        [
            (b"", b""),
            (b"a=%7e+1&&b", b"a=%7e+1&&b&"),
            (b"token=mine&a=1&%74oken=mine&tok%65n", b"a=1&"),
            (b"Token=1", b"Token=1&"),
        ],
    )
    def test_all_else_stays_as_it_was_written(self, body: bytes, rest: bytes) -> None:
        """Encodings and empty fields stay; the credential's own name goes, however it is spelled."""
        assert filled(body, "form", FORM_TYPE).body == rest + b"token=s3cret+%22%C3%A9%5C%26%3D"

    @pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/json", "text/plain"])
    def test_another_type(self, kind: str) -> None:
        """A body of another type is no form."""
        assert "of another type" in refused(b"{}", "form", f"Content-Type: {kind}\r\n".encode()).detail

    def test_names_in_a_form(self) -> None:
        """A name with signs of its own is encoded, and found in any spelling."""
        assert filled(b"a b%5D=1", "form", FORM_TYPE, name="a b]").body == b"a+b%5D=s3cret+%22%C3%A9%5C%26%3D"


class TestEither:
    @pytest.mark.parametrize(("form", "kind"), [("json", JSON_TYPE), ("form", FORM_TYPE)])
    @pytest.mark.parametrize("method", [b"POST", b"PUT", b"PATCH"])
    @pytest.mark.parametrize("body", [None, b""])
    def test_without_a_body(
        self, form: Literal["json", "form"], kind: bytes, method: bytes, body: bytes | None
    ) -> None:
        """A request that may have a body and has none gets one, with its type."""
        made = filled(body, form, b"A: 1\r\n", method=method)
        assert made.lines == [b"A: 1\r\n", kind]
        assert made.body

    @pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"REPORT"])
    @pytest.mark.parametrize("form", ["json", "form"])
    def test_nothing_leaves_without(self, form: Literal["json", "form"], method: bytes) -> None:
        """A request whose method has no body by itself is refused, not sent without the credential."""
        assert f"a {method.decode()} without one" in refused(None, form, method=method).detail

    def test_with_a_body_any_method_goes(self) -> None:
        """A DELETE that has a body is filled."""
        assert b"s3cret" in (filled(b"{}", "json", JSON_TYPE, method=b"DELETE").body or b"")

    @pytest.mark.parametrize("form", ["json", "form"])
    @pytest.mark.parametrize("coding", [b"gzip", b"br", b"deflate, gzip"])
    def test_compressed(self, form: Literal["json", "form"], coding: bytes) -> None:
        """A compressed body can't be filled, and the caller is told."""
        detail = refused(b"\x1f\x8b", form, b"Content-Encoding: %b\r\n" % coding).detail
        assert "compressed" in detail

    def test_digests_go(self) -> None:
        """Digests of what the body was before would be wrong; every other field stays."""
        lines = [b"Content-MD5: x\r\n", b"Content-Digest: x\r\n", b"Digest: x\r\n", b"Repr-Digest: x\r\n", b"B: 2\r\n"]
        assert filled(b"{}", "json", JSON_TYPE, *lines).lines == [JSON_TYPE, b"B: 2\r\n"]

    def test_the_type_stays(self) -> None:
        """The caller's own type of content stays, with its parameters."""
        kind = b"content-type: application/vnd.api+json; charset=utf-8\r\n"
        assert filled(b"{}", "json", kind, b"Content-Encoding: identity\r\n").lines[0] == kind


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True
