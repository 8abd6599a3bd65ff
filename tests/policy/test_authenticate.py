"""Keys: where one may stand, which one counts, and whose it is."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.model.key import Presented, make_key
from exeat.policy.authenticate import identify, key_id, parameters, present
from tests.support.values import KEY, OTHER_KEY, consumer, head, key, new_key, snapshot

TEXT, OTHER = KEY.decode(), OTHER_KEY.decode()
DIGEST = bytes.fromhex(new_key().sha256)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def find(
    *lines: str, slot: str | None = None, parameter: str | None = None, query: str | None = None, prefix: str = ""
) -> Presented:
    """The key in a request to an upstream whose own secret stands in `slot` or `parameter`."""
    return present(
        head(*lines),
        None if slot is None else slot.encode(),
        None if parameter is None else parameter.encode(),
        None if query is None else query.encode(),
        prefix=prefix.encode(),
    )


def refusal(
    *lines: str, slot: str | None = None, parameter: str | None = None, query: str | None = None, prefix: str = ""
) -> Code:
    with pytest.raises(GatewayError) as caught:
        find(*lines, slot=slot, parameter=parameter, query=query, prefix=prefix)
    assert TEXT not in caught.value.detail
    return caught.value.code


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (f"Exeat-Key: {TEXT}", b"exeat-key"),
        (f"Authorization: Bearer {TEXT}", b"authorization"),
        (f"Authorization: bearer   {TEXT}", b"authorization"),
        (f"Authorization: token {TEXT}", b"authorization"),
        (f"Authorization: {TEXT}", b"authorization"),
        (f"Authorization: {basic(TEXT, '')}", b"authorization"),
        (f"Authorization: {basic('exeat', TEXT)}", b"authorization"),
        (f"Authorization: {basic(TEXT, TEXT)}", b"authorization"),
        (f"Authorization: bAsIc {basic(TEXT, 'x').partition(' ')[2]}", b"authorization"),
        (f"Proxy-Authorization: Bearer {TEXT}", b"proxy-authorization"),
        (f"Proxy-Authorization: {basic('exeat', TEXT)}", b"proxy-authorization"),
        (f"X-API-Key: {TEXT}", b"x-api-key"),
        (f"x-api-key:{TEXT}", b"x-api-key"),
    ],
)
def test_every_slot(line: str, field: bytes) -> None:
    """A key is found in each of its places, and the place is named."""
    assert find(line) == Presented(KEY, frozenset({field}), None)


@pytest.mark.parametrize("line", [f"X-Token: {TEXT}", f"X-TOKEN: Token {TEXT}", f"x-token: Bearer  {TEXT}"])
def test_the_upstreams_own_field(line: str) -> None:
    """Where the upstream expects its secret in a field, the key may stand there, whatever prefix an SDK writes."""
    assert find(line, slot="x-token") == Presented(KEY, frozenset({b"x-token"}), None)
    assert refusal(line) is Code.KEY_MISSING


@pytest.mark.parametrize(
    ("line", "slot", "prefix"),
    [
        (f"Authorization: Token token={TEXT}", "authorization", "token token="),
        (f"authorization: token TOKEN= {TEXT}", "authorization", "token token="),
        (f"Authorization: key={TEXT}", "authorization", "key="),
        (f"Authorization: Very Special {TEXT}", "authorization", "very special"),
        (f"X-Api-Key: Token {TEXT}", "x-api-key", "token"),
        (f"X-Api-Key: Bearer {TEXT}", "x-api-key", "token"),
        (f"X-Token: token={TEXT}", "x-token", "token="),
        (f"X-Token: Token token={TEXT}", "x-token", "token token="),
        (f"X-Token: {TEXT}", "x-token", "token token="),
    ],
)
def test_behind_the_upstreams_own_prefix(line: str, slot: str, prefix: str) -> None:
    """In the field where the upstream expects its secret, the key stands as the secret would: behind its prefix."""
    assert find(line, slot=slot, prefix=prefix) == Presented(KEY, frozenset({slot.encode()}), None)
    assert refusal(line.replace(TEXT, "x" + TEXT), slot=slot, prefix=prefix) is Code.KEY_MISSING
    other = f"Exeat-Key: {OTHER}"
    assert refusal(line, other, slot=slot, prefix=prefix) is Code.KEY_MALFORMED
    both = find(line, other.replace(OTHER, TEXT), slot=slot, prefix=prefix)
    assert both.fields == {b"exeat-key", slot.encode()}


@pytest.mark.parametrize("line", [f"Authorization: Token token={TEXT}", f"X-Api-Key: Token {TEXT}"])
def test_a_prefix_of_another_field(line: str) -> None:
    """A prefix means something in its own field alone."""
    for prefix in ("token token=", "token"):
        assert refusal(line, slot="x-token", prefix=prefix) is Code.KEY_MISSING


@pytest.mark.parametrize(
    "query",
    [
        f"key={TEXT}",
        f"a=1&key={TEXT}&b=2",
        f"%6bey={TEXT}",
        f"key=other&key={TEXT}",
        f"key={TEXT.replace('_', '%5F')}",
    ],
)
def test_the_upstreams_own_parameter(query: str) -> None:
    """Where the upstream expects its secret in the query, the key may stand there, in any spelling."""
    assert find(parameter="key", query=query) == Presented(KEY, frozenset(), b"key")
    assert refusal(query=query) is Code.KEY_MISSING


def test_a_key_in_several_places() -> None:
    """One key in several places is one key, and every place is named."""
    found = find(
        f"Exeat-Key: {TEXT}",
        f"Authorization: Bearer {TEXT}",
        f"Proxy-Authorization: {basic('x', TEXT)}",
        f"X-Api-Key: {TEXT}",
        f"X-Token: {TEXT}",
        slot="x-token",
        parameter="key",
        query=f"key={TEXT}",
    )
    assert found.key == KEY
    assert found.fields == {b"exeat-key", b"authorization", b"proxy-authorization", b"x-api-key", b"x-token"}
    assert found.parameter == b"key"


@pytest.mark.parametrize(
    "lines",
    [
        (f"Exeat-Key: {TEXT}", f"Authorization: Bearer {OTHER}"),
        (f"Authorization: Bearer {TEXT}", f"X-API-Key: {OTHER}"),
        (f"Authorization: {basic(TEXT, OTHER)}",),
        (f"Proxy-Authorization: {basic(TEXT, '')}", f"Authorization: {basic(OTHER, '')}"),
        (f"Authorization: Bearer {TEXT}", f"Exeat-Key: {TEXT[:-1]}"),
        (f"X-Token: {OTHER}", f"Authorization: Bearer {TEXT}"),
    ],
)
def test_two_keys(lines: tuple[str, ...]) -> None:
    """Two different keys in one request are refused, wherever they stand."""
    assert refusal(*lines, slot="x-token") is Code.KEY_MALFORMED


def test_two_keys_with_one_in_the_query() -> None:
    """A key in the query counts as one in a field does."""
    assert refusal(f"Exeat-Key: {TEXT}", parameter="key", query=f"key={OTHER}") is Code.KEY_MALFORMED


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Authorization: Bearer sk_live_1",),
        ("Authorization: Basic !!!",),
        ("Authorization: Basic YQ",),
        ("Authorization: Basic",),
        ("Authorization: Digest username=exeat",),
        ("Authorization:",),
        ("X-API-Key: other",),
        (f"Authorization: Bearer x{TEXT}",),
        (f"Cookie: key={TEXT}",),
        (f"X-Other: {TEXT}",),
    ],
)
def test_what_is_no_key(lines: tuple[str, ...]) -> None:
    """A value without the shape of a key stays the caller's own; a request without a key has none."""
    assert refusal(*lines, slot="authorization") is Code.KEY_MISSING


def test_what_stands_in_exeats_own_field() -> None:
    """Whatever stands in Exeat-Key is meant as a key."""
    assert find("Exeat-Key: what?").key == b"what?"


@given(value=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60))
def test_any_authorization(value: str) -> None:
    """Whatever an Authorization holds, the answer is a key that begins like one, or that there is none."""
    try:
        assert find(f"Authorization: {value}").key.startswith(b"exeat_")
    except GatewayError as error:
        assert error.code in {Code.KEY_MISSING, Code.KEY_MALFORMED}  # noqa: PT017 - one of two outcomes


def test_whose_key_it_is() -> None:
    """A key is found by its digest."""
    known = key(consumer())
    assert identify(KEY, snapshot(known={DIGEST: known}), 0.0) is known


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        (OTHER_KEY, Code.KEY_UNKNOWN),
        (KEY[:-1] + bytes([KEY[-1] ^ 1]), Code.KEY_MALFORMED),
        (KEY[:-1], Code.KEY_MALFORMED),
        (KEY + b"0", Code.KEY_MALFORMED),
        (KEY + b" x", Code.KEY_MALFORMED),
        (b"exeat_", Code.KEY_MALFORMED),
        (b"", Code.KEY_MALFORMED),
        (b"exeat_" + "ü".encode() * 25, Code.KEY_MALFORMED),
    ],
)
def test_keys_that_nobody_has(shown: bytes, code: Code) -> None:
    """A mistyped key is told from one that isn't known here."""
    with pytest.raises(GatewayError) as caught:
        identify(shown, snapshot(known={DIGEST: key(consumer())}), 0.0)
    assert caught.value.code is code


@pytest.mark.parametrize(("now", "passes"), [(0.0, True), (99.9, True), (100.0, False), (1e12, False)])
def test_expiry(now: float, passes: bool) -> None:  # noqa: FBT001 - parametrized
    """A key is refused from the second on in which it expires."""
    configuration = snapshot(known={DIGEST: key(consumer(), expires_at=100.0)})
    if passes:
        identify(KEY, configuration, now)
    else:
        with pytest.raises(GatewayError) as caught:
            identify(KEY, configuration, now)
        assert caught.value.code is Code.KEY_EXPIRED


def test_revocation() -> None:
    """A revoked key is refused, expired or not."""
    configuration = snapshot(known={DIGEST: key(consumer(), expires_at=100.0, revoked=True)})
    for now in (0.0, 1000.0):
        with pytest.raises(GatewayError) as caught:
            identify(KEY, configuration, now)
        assert caught.value.code is Code.KEY_REVOKED


def test_the_public_part_of_a_key() -> None:
    """Only the id of a key is shown, and only of something shaped like one."""
    assert key_id(KEY) == "K" * 12
    assert key_id(make_key("0" * 44).key.encode()) == "0" * 12
    assert key_id(KEY[:-1]) is None
    assert key_id(b"exeat_secret") is None


@given(query=st.binary(max_size=40))
def test_any_query(query: bytes) -> None:
    """Any query has names and values."""
    assert len(list(parameters(query))) == query.count(b"&") + 1
