"""Kinds of credentials that stand in the path, a cookie, the body, a signature, or in several places at once."""

import json
from base64 import b64encode

import pytest

from exeat.model.credential import Injection
from exeat.model.signing import BodyField, HmacSignature
from tests.config.conftest import Desk

SECRET = "s3cret-of-the-test"


def document(credential: object) -> str:
    return json.dumps({"upstreams": {"api": {"url": "https://api.test/base", "credential": credential}}})


def compiled(desk: Desk, credential: object) -> Injection:
    return desk.load(document(credential)).snapshot.upstreams[b"api"].credential


def problems(desk: Desk, credential: object) -> list[str]:
    """The problems of a credential, without their common beginning; none quotes the secret."""
    found = desk.problems(document(credential))
    assert SECRET not in str(found)
    return [each.removeprefix("exeat.yaml:1: upstreams.api.credential") for each in found]


class TestPath:
    @pytest.mark.parametrize(
        ("prefix", "secret", "segment"),
        [
            (None, "123:abc", "/123:abc"),
            ("/bot", "123:abc", "/bot123:abc"),
            ("/v1/keys/", "a/b?c#d%20", "/v1/keys/a%2Fb%3Fc%23d%2520"),
        ],
    )
    def test_what_stands_there(self, desk: Desk, prefix: str | None, secret: str, segment: str) -> None:
        """The prefix stands as it is written; the secret is encoded where a segment can't hold it."""
        entry = {"kind": "path", "secret": secret} | ({} if prefix is None else {"prefix": prefix})
        found = compiled(desk, entry)
        assert (found.kind, found.segment and found.segment.reveal()) == ("path", segment)
        assert found.before == (prefix or "/").encode()
        assert found.is_ready

    @pytest.mark.parametrize("prefix", ["bot", "", "/a b", "/a?b", "/a#", "/../x", "/a/./b", "/é"])
    def test_prefixes_that_are_none(self, desk: Desk, prefix: str) -> None:
        """A prefix is a piece of a path."""
        found = problems(desk, {"kind": "path", "secret": SECRET, "prefix": prefix})
        assert len(found) == 1
        assert found[0].startswith(".prefix: ")

    @pytest.mark.parametrize("secret", [".", "..", "../x", "x/..", "x/../../y", "..\\x", "a/./b", "..;x", "x\\."])
    def test_secrets_that_lead_elsewhere(self, desk: Desk, secret: str) -> None:
        """A secret that servers could read as a step up the path would leave what the URL begins with."""
        said = ": has a secret that servers read as steps up or down the path ('.' or '..')"
        assert problems(desk, {"kind": "path", "secret": secret}) == [said]
        assert problems(desk, {"kind": "path", "secret": secret, "prefix": "/v1/"}) == [said]
        desk.write(secret + "\n", "token")
        assert problems(desk, {"kind": "path", "secret": "${file:token}"}) == [said]

    @pytest.mark.parametrize("secret", ["..", "."])
    def test_dots_behind_text(self, desk: Desk, secret: str) -> None:
        """Behind other text in its segment, dots lead nowhere."""
        found = compiled(desk, {"kind": "path", "secret": secret, "prefix": "/bot"})
        assert found.segment is not None
        assert found.segment.reveal() == f"/bot{secret}"

    @pytest.mark.parametrize("sign", ["\n", "\0", "\x7f", "\t"])
    def test_secrets_of_several_lines(self, desk: Desk, sign: str) -> None:
        """A control character stands in no secret."""
        found = problems(desk, {"kind": "path", "secret": f"a{sign}b"})
        assert found == [".secret: holds a control character (a line break?); a secret is one line"]


class TestQuery:
    def test_the_parameter_of_signed_links(self, desk: Desk) -> None:
        """The parameter that Exeat takes out of every query can't hold a secret."""
        (found,) = problems(desk, {"kind": "query", "name": "exeat-link", "secret": SECRET})
        assert found.startswith(".name: is the parameter of Exeat's own signed links")
        assert problems(desk, {"kind": "query", "name": "a\nb", "secret": SECRET}) == [
            ".name: holds a control character"
        ]


class TestCookie:
    def test_what_stands_there(self, desk: Desk) -> None:
        """A cookie is a pair."""
        found = compiled(desk, {"kind": "cookie", "name": "session", "secret": SECRET})
        assert [cookie.reveal() for cookie in found.cookies] == [f"session={SECRET}"]
        assert found.is_ready

    @pytest.mark.parametrize("name", ["", "a b", "a=b", "a;", "é"])
    def test_names_that_are_none(self, desk: Desk, name: str) -> None:
        """The name of a cookie is a token."""
        assert problems(desk, {"kind": "cookie", "name": name, "secret": SECRET})[0].startswith(".name: ")

    @pytest.mark.parametrize("sign", [" ", ";", ",", '"', "\\", "é", "\n"])
    def test_values_that_are_none(self, desk: Desk, sign: str) -> None:
        """A cookie's value has no separators in it."""
        found = problems(desk, {"kind": "cookie", "name": "a", "secret": SECRET + sign + SECRET})
        assert found[0].startswith(".secret: holds a c")


class TestBody:
    def test_what_is_filled(self, desk: Desk) -> None:
        """A member of JSON, or a field of a form, which takes a step of its own for each call."""
        for form in ("json", "form"):
            found = compiled(desk, {"kind": "body", "name": "token", "secret": SECRET, "format": form})
            assert isinstance(found.filling, BodyField)
            assert (found.filling.name, found.filling.secret.reveal(), found.filling.format) == ("token", SECRET, form)
            assert not found.is_ready
        default = compiled(desk, {"kind": "body", "name": "token", "secret": SECRET}).filling
        assert default is not None
        assert default.format == "json"

    def test_formats_that_are_none(self, desk: Desk) -> None:
        """The format is one of two."""
        found = problems(desk, {"kind": "body", "name": "", "secret": SECRET, "format": "xml"})
        assert found == [".format: write json or form", ".name: is empty"]


def hmac_of(found: Injection) -> HmacSignature:
    assert isinstance(found.signing, HmacSignature)
    assert not found.is_ready
    return found.signing


class TestHmac:
    @pytest.mark.parametrize(
        ("style", "template", "names"),
        [
            ("generic", "{timestamp}.{method}.{target}.{body}", ["X-Signature", "X-Timestamp"]),
            ("slack", "v0:{timestamp}:{body}", ["X-Slack-Signature", "X-Slack-Request-Timestamp"]),
            ("stripe", "{timestamp}.{body}", ["Stripe-Signature"]),
            ("github", "{body}", ["X-Hub-Signature-256"]),
        ],
    )
    def test_styles(self, desk: Desk, style: str, template: str, names: list[str]) -> None:
        """A style says what is signed, and which fields carry it."""
        found = hmac_of(compiled(desk, {"kind": "hmac", "secret": SECRET, "style": style}))
        assert (found.template, [name for name, _ in found.fields]) == (template, names)
        assert (found.algorithm, found.encoding, found.timestamp) == ("sha256", "hex", "seconds")

    def test_what_is_written_wins(self, desk: Desk) -> None:
        """What the document says itself goes before what its style says."""
        entry = {"kind": "hmac", "secret": SECRET, "style": "slack", "headers": {"X-S": "{{{signature}}}"}}
        found = hmac_of(compiled(desk, entry))
        assert (found.template, found.fields) == ("v0:{timestamp}:{body}", (("X-S", "{{{signature}}}"),))
        entry = {"kind": "hmac", "secret": SECRET, "template": "{body}", "algorithm": "sha512", "encoding": "base64"}
        found = hmac_of(compiled(desk, entry | {"timestamp": "iso8601"}))
        assert (found.template, found.algorithm, found.encoding) == ("{body}", "sha512", "base64")
        assert [name for name, _ in found.fields] == ["X-Signature", "X-Timestamp"]

    @pytest.mark.parametrize(
        ("encoding", "secret", "octets"),
        [
            ("text", "clé", "clé".encode()),
            ("hex", "00ff10", b"\x00\xff\x10"),
            ("base64", b64encode(bytes(range(256))).decode(), bytes(range(256))),
        ],
    )
    def test_encodings_of_the_key(self, desk: Desk, encoding: str, secret: str, octets: bytes) -> None:
        """The key is the octets that the secret stands for."""
        found = hmac_of(compiled(desk, {"kind": "hmac", "secret": secret, "key_encoding": encoding}))
        assert found.key.reveal().encode("latin-1") == octets

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"key_encoding": "hex"}, ": has a secret that isn't in hex"),
            ({"key_encoding": "base64", "secret": "abc"}, ": has a secret that isn't in base64"),
            ({"template": "{boody}"}, ".template: has a placeholder that doesn't exist; there are {body}, "),
            ({"template": "{"}, ".template: has a brace on its own"),
            ({"template": ""}, ".template: is empty"),
            ({"template": "{signature}"}, ".template: has a placeholder that doesn't exist"),
            ({"headers": {}}, ".headers: must be a mapping of fields"),
            ({"headers": ["X-S"]}, ".headers: must be a mapping of fields"),
            ({"headers": {"X-T": "{timestamp}"}}, ".headers: has no {signature} in any field"),
            ({"headers": {"X-S": "{signature}", "X-K": "1"}}, ".headers: X-K has no placeholder"),
            ({"headers": {"X-S": "{signature}", "x-s": "{timestamp}"}}, ".headers: x-s is there twice"),
            ({"headers": {"X-S": "{signature}\n"}}, ".headers: the value must be one line"),
            ({"headers": {"X-S": "{body}{signature}"}}, ".headers: the value has a placeholder that doesn't exist"),
            ({"headers": {"X S": "{signature}"}}, ".headers: the value isn't a field name"),
            ({"headers": {"Host": "{signature}"}}, ".headers: the value belongs to the connection"),
            ({"headers": {"Exeat-S": "{signature}"}}, ".headers: the value belongs to the connection"),
            ({"algorithm": "md5"}, ".algorithm: write sha1, sha256 or sha512"),
            ({"encoding": "base32"}, ".encoding: write hex or base64"),
            ({"timestamp": "unix"}, ".timestamp: write seconds, milliseconds, iso8601 or http"),
            ({"style": "aws"}, ".style: write generic, slack, stripe or github"),
            ({"key_encoding": 7}, ".key_encoding: write text, hex or base64"),
            (
                {"template": "{body}{field:x-signature}"},
                ": signs the field X-Signature, which is filled only when that is done",
            ),
            ({"style": "slack", "template": "{field:X-Slack-Signature}"}, ": signs the field X-Slack-Signature, which"),
            ({"headers": {"X-S": "{signature}"}, "template": "{field:X-s}"}, ": signs the field X-S, which is filled"),
            ({"heders": {}}, ".heders: "),
        ],
    )
    def test_what_is_refused(self, desk: Desk, changes: dict[str, object], said: str) -> None:
        """Every fault is named at its place, with what would be right."""
        found = problems(desk, {"kind": "hmac", "secret": SECRET} | changes)
        assert len(found) == 1
        assert found[0].startswith(said)


class TestSeveral:
    def test_all_places(self, desk: Desk) -> None:
        """Several credentials are shown at once, each in its place."""
        kinds: list[dict[str, object]] = [
            {"kind": "header", "name": "X-Id", "secret": "id-1"},
            {"kind": "header", "name": "X-Key", "secret": "key-1", "prefix": "k "},
            {"kind": "bearer", "secret": "token-1"},
            {"kind": "query", "name": "a", "secret": "b c"},
            {"kind": "query", "name": "d", "secret": "e"},
            {"kind": "cookie", "name": "f", "secret": "g"},
            {"kind": "path", "secret": "h"},
            {"kind": "body", "name": "i", "secret": "j"},
            {"kind": "hmac", "secret": "k"},
        ]
        found = compiled(desk, kinds)
        assert found.kind == "header+bearer+query+cookie+path+body+hmac"
        lines = "X-Id: id-1\r\nX-Key: k key-1\r\nAuthorization: Bearer token-1\r\n"
        assert found.lines is not None
        assert found.lines.reveal() == lines
        assert found.slots == {b"x-id", b"x-key", b"x-signature", b"x-timestamp"}
        assert [pair.reveal() for _, pair in found.pairs] == ["a=b%20c", "d=e"]
        assert [cookie.reveal() for cookie in found.cookies] == ["f=g"]
        assert found.segment is not None
        assert found.segment.reveal() == "/h"
        assert found.filling is not None
        assert found.signing is not None
        assert (found.slot, found.parameter) == (b"x-id", b"a")

    def test_one_alone(self, desk: Desk) -> None:
        """A list of one is that one."""
        found = compiled(desk, [{"kind": "bearer", "secret": SECRET}])
        assert (found.kind, found.slot, found.is_ready) == ("bearer", b"authorization", True)

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ({"kind": "bearer", "secret": "a"}, {"kind": "basic", "username": "a"}),
            ({"kind": "bearer", "secret": "a"}, {"kind": "header", "name": "AUTHORIZATION", "secret": "a"}),
            ({"kind": "header", "name": "X-A", "secret": "a"}, {"kind": "header", "name": "x-a", "secret": "b"}),
            ({"kind": "query", "name": "a", "secret": "a"}, {"kind": "query", "name": "a", "secret": "b"}),
            ({"kind": "cookie", "name": "a", "secret": "a"}, {"kind": "cookie", "name": "a", "secret": "b"}),
            ({"kind": "path", "secret": "a"}, {"kind": "path", "secret": "b", "prefix": "/c"}),
            ({"kind": "body", "name": "a", "secret": "a"}, {"kind": "body", "name": "b", "secret": "b"}),
            ({"kind": "hmac", "secret": "a"}, {"kind": "hmac", "secret": "b", "style": "slack"}),
            ({"kind": "hmac", "secret": "a"}, {"kind": "header", "name": "x-timestamp", "secret": "b"}),
        ],
    )
    def test_the_same_place_twice(self, desk: Desk, first: object, second: object) -> None:
        """Two credentials that would stand in the same place are refused."""
        found = problems(desk, [first, second])
        assert found == [": lists two credentials for the same place; each needs one of its own"]

    @pytest.mark.parametrize(
        "other",
        [
            {"kind": "header", "name": "Cookie", "secret": "c2"},
            {"kind": "header", "name": "COOKIE", "secret": "c2"},
            {"kind": "hmac", "secret": "k", "headers": {"cookie": "s={signature}"}},
        ],
    )
    def test_a_cookie_beside_the_whole_field(self, desk: Desk, other: object) -> None:
        """A cookie would be lost beside a credential that fills the field Cookie; several cookies go together."""
        first = {"kind": "cookie", "name": "a", "secret": "c1"}
        for listed in ([first, other], [other, first]):
            found = problems(desk, listed)
            assert found == [
                ": lists a cookie and the whole field Cookie; write each cookie as a credential of that kind"
            ]
        assert len(compiled(desk, [first, {"kind": "cookie", "name": "b", "secret": "c2"}]).cookies) == 2
        assert compiled(desk, [other]).slots == {b"cookie"}

    @pytest.mark.parametrize(
        ("entry", "said"),
        [
            ([], ": is an empty list"),
            (["caller"], "[0]: write {kind: …, …}"),
            ([{"kind": "caller"}], "[0]: can't stand here; it is one of bearer, "),
            ([{"kind": "header", "name": "a", "secret": "b"}, {"kind": "none"}], "[1]: can't stand here"),
            ([{"secret": SECRET}], "[0]: has no 'kind'"),
            ([{"kind": "path", "secret": SECRET, "prefix": "x"}], "[0].prefix: must begin with '/'"),
            ([[{"kind": "bearer", "secret": SECRET}]], "[0]: write {kind: …, …}"),
            ({"kind": "list", "parts": []}, ": is of a kind that this version doesn't know"),
        ],
    )
    def test_what_is_refused(self, desk: Desk, entry: object, said: str) -> None:
        """A fault within a list is named at its place in it."""
        found = problems(desk, entry)
        assert len(found) == 1
        assert found[0].startswith(said)
