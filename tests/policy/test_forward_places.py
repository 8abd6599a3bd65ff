"""What leaves with a credential in the path, in cookies, or in several places; where a key may stand there instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.model.credential import Bearer, Cookie, Header, Kind, Query, Segment, Together
from exeat.model.key import Presented
from exeat.model.secret import Secret
from exeat.model.signing import BodyField, HmacSignature
from exeat.policy.authenticate import in_native_place, present
from exeat.policy.forward import compose, render_request
from exeat.policy.inject import prepare
from exeat.wire.http1 import RequestHead
from exeat.wire.outgoing import render
from tests.support.values import KEY, OTHER_KEY, head, origin

ORIGINS = frozenset({origin("https://api.test")})
SEGMENT = Segment(Secret("1:a/b?c"), "/bot")
COOKIE = Cookie("session", Secret("s3cret"))
TEXT, OTHER = KEY.decode(), OTHER_KEY.decode()


def leaves(
    request: RequestHead, kind: Kind, path: bytes = b"/p", query: bytes | None = None, base: bytes = b"/base"
) -> str:
    """What leaves, once rendered at once and once composed: the same."""
    injection = prepare(kind, ORIGINS)
    elsewhere, path = in_native_place(request, path, (b"",), injection)
    shown = present(request, injection.slot, injection.parameter, query, elsewhere)
    rendered = render_request(
        request, host=b"h", path=path, query=query, presented=shown, injection=injection, via=None, base=base
    )
    composed = compose(
        request,
        host=b"h",
        path=path,
        query=query,
        presented=shown,
        injection=injection,
        via=None,
        body=None,
        base=base,
    )
    assert render(composed) == rendered
    return rendered.decode("latin-1")


def test_a_segment_stands_between_base_and_path() -> None:
    """The secret comes behind the path of the upstream's URL and before the caller's; what it can't hold is encoded."""
    shown = f"Exeat-Key: {TEXT}"
    expected = "GET /base/bot1:a%2Fb%3Fc/p?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"
    assert leaves(head(shown), SEGMENT, query=b"x=1") == expected
    assert leaves(head(shown), SEGMENT, base=b"") == expected.replace("/base", "").replace("?x=1", "")
    assert leaves(head("X-A: 1"), SEGMENT, b"/bot" + KEY + b"/p", b"x=1") == expected.replace("\n\r", "\nX-A: 1\r\n\r")


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ([], []),
        (["Cookie: a=1"], ["a=1"]),
        (["Cookie: a=1; session=mine; b=2"], ["a=1", "b=2"]),
        (["cookie:session=mine"], []),
        (["Cookie: a=1", "COOKIE: session=mine;session=again; b=2"], ["a=1", "b=2"]),
        (["Cookie: Session=other; session2=x"], ["Session=other", "session2=x"]),
        (["Cookie:  session =mine"], []),
        ([f"Cookie: a=1; session={TEXT}"], ["a=1"]),
    ],
)
def test_a_cookie_among_others(lines: list[str], kept: list[str]) -> None:
    """The caller's other cookies stay, in one field; every one of the same name goes, the key among them."""
    raw = leaves(head(f"Exeat-Key: {TEXT}", "X-A: 1", *lines, "X-B: 2"), COOKIE)
    cookies = "; ".join([*kept, "session=s3cret"])
    assert raw == f"GET /base/p HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-B: 2\r\nCookie: {cookies}\r\n\r\n"


def test_all_places_at_once() -> None:
    """Several are shown at once, and nothing of the caller's is left in their places."""
    kinds = (Header("X-A", Secret("a"), "k "), Query("q", Secret("b&c")), COOKIE, SEGMENT, Bearer(Secret("t")))
    request = head(
        f"Exeat-Key: {TEXT}", "x-a: mine", "X-B: 2", "Authorization: Basic mine", "Cookie: session=mine; d=1"
    )
    raw = leaves(request, Together(kinds), query=b"q=mine&r=1&%71=mine")
    assert raw == (
        "GET /base/bot1:a%2Fb%3Fc/p?r=1&q=b%26c HTTP/1.1\r\nHost: h\r\nX-B: 2\r\nCookie: d=1; session=s3cret\r\n"
        "X-A: k a\r\nAuthorization: Bearer t\r\n\r\n"
    )


def test_what_is_made_for_each_call_is_announced() -> None:
    """A body and a signature take a step of their own; what stands in the signature's fields goes before."""
    signature = HmacSignature(
        Secret("k"), "sha256", "hex", "{body}", (("X-Sum", "{signature}"), ("Authorization", "x"))
    )
    injection = prepare(Together((BodyField("a", Secret("b"), "json"), signature)), ORIGINS)
    assert not injection.is_ready
    assert injection.filling is not None
    assert injection.signing is signature
    assert injection.slots == {b"x-sum"}


class TestNativePlaces:
    @pytest.mark.parametrize(
        ("path", "bases", "key", "rest"),
        [
            (f"/bot{TEXT}/getMe", (b"",), TEXT, "/getMe"),
            (f"/bot{TEXT}/", (b"",), TEXT, "/"),
            (f"/bot{TEXT}", (b"",), TEXT, "/"),
            (f"/bot{TEXT}/a//b/..;/c", (b"",), TEXT, "/a//b/..;/c"),
            (f"/base/bot{TEXT}/getMe", (b"/base",), TEXT, "/base/getMe"),
            (f"/b/bot{TEXT}/getMe", (b"/a", b"/b"), TEXT, "/b/getMe"),
            (f"/{TEXT}/getMe", (b"",), None, f"/{TEXT}/getMe"),
            (f"/base/bot{TEXT}/getMe", (b"",), None, f"/base/bot{TEXT}/getMe"),
            (f"/BOT{TEXT}/getMe", (b"",), None, f"/BOT{TEXT}/getMe"),
            ("/botanical/getMe", (b"",), None, "/botanical/getMe"),
            ("/getMe", (b"",), None, "/getMe"),
        ],
    )
    def test_in_the_path(self, path: str, bases: tuple[bytes, ...], key: str | None, rest: str) -> None:
        """A key stands right behind what comes before the secret, and is taken out of the path."""
        found, below = in_native_place(head(), path.encode(), bases, prepare(SEGMENT, ORIGINS))
        assert found == (frozenset() if key is None else {key.encode()})
        assert below == rest.encode()

    def test_a_kind_without_such_a_place(self) -> None:
        """For any other kind, path and cookies are the caller's."""
        request = head(f"Cookie: session={TEXT}")
        path = b"/bot" + KEY
        assert in_native_place(request, path, (b"",), prepare(Bearer(Secret("t")), ORIGINS)) == (frozenset(), path)

    @pytest.mark.parametrize(
        ("lines", "keys"),
        [
            ([f"Cookie: session={TEXT}"], {TEXT}),
            ([f'Cookie: a=1;session="{TEXT}" ;b=2'], {TEXT}),
            ([f"Cookie: session={TEXT}", f"Cookie: session={OTHER}"], {TEXT, OTHER}),
            (["Cookie: session=mine"], set()),
            ([f"Cookie: other={TEXT}"], set()),
        ],
    )
    def test_in_cookies(self, lines: list[str], keys: set[str]) -> None:
        """Every cookie of the name is looked into, and no other."""
        found, path = in_native_place(head(*lines), b"/p", (b"",), prepare(COOKIE, ORIGINS))
        assert found == {key.encode() for key in keys}
        assert path == b"/p"

    def test_two_different_keys(self) -> None:
        """A key in such a place counts as any other: two different ones are refused."""
        with pytest.raises(GatewayError) as caught:
            present(head(f"Exeat-Key: {TEXT}"), None, None, None, frozenset({OTHER_KEY}))
        assert caught.value.code is Code.KEY_MALFORMED
        assert present(head(f"Exeat-Key: {TEXT}"), None, None, None, frozenset({KEY})).key == KEY

    def test_a_key_somewhere_else_in_the_path(self) -> None:
        """A key that stands where no secret is expected doesn't leave: the request is refused."""
        with pytest.raises(GatewayError) as caught:
            leaves(head(f"Exeat-Key: {TEXT}"), SEGMENT, b"/p/bot" + KEY)
        assert caught.value.code is Code.MALFORMED_REQUEST


@given(st.text(alphabet="ab:/?#%é ;=+&\\\"'", min_size=1, max_size=12))
def test_any_secret_is_one_segment(text: str) -> None:
    """Whatever the secret is, the request has one segment more, and the line of a request stays one."""
    raw = render_request(
        head(f"Exeat-Key: {TEXT}"),
        host=b"h",
        path=b"/p",
        query=None,
        presented=Presented(KEY, frozenset({b"exeat-key"}), None),
        injection=prepare(Segment(Secret(text), "/"), ORIGINS),
        via=None,
    )
    _, target, _ = raw.partition(b"\r\n")[0].split(b" ")
    assert target.count(b"/") == 2
    assert not set(b"?# \\") & set(target)
