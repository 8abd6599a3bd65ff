"""Signatures by HMAC: what independent verifiers say of them, and what is signed."""

import base64
import hashlib
import hmac
import json

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier

from exeat.model.secret import Secret
from exeat.model.signing import HmacSignature, TimestampFormat
from exeat.policy.sign.hmac import render_timestamp, sign_hmac
from exeat.wire.fields import split_field
from exeat.wire.outgoing import Outgoing

NOW = 1767225600.123
KEY = "8f742231b10e8888abcd99yyyzzz85a5"


def request(body: bytes | None = b'{"a": 1}', *lines: bytes, query: bytes | None = b"x=1&y=%20") -> Outgoing:
    return Outgoing(b"POST", b"api.test:8443", b"/v1/a%2Fb", query, list(lines), body)


def generic(template: str, **changes: object) -> HmacSignature:
    given = {
        "key": Secret(KEY),
        "algorithm": "sha256",
        "encoding": "hex",
        "template": template,
        "fields": (("X-Signature", "{signature}"),),
    }
    return HmacSignature(**(given | changes))  # type: ignore[arg-type]  # each test gives what the field takes


def fields_of(outgoing: Outgoing) -> dict[str, str]:
    pairs = [split_field(line) for line in outgoing.lines]
    assert len({name.lower() for name, _ in pairs}) == len(pairs)
    return {name.decode(): value.decode() for name, value in pairs}


def expected(text: bytes, algorithm: str = "sha256") -> str:
    return hmac.new(KEY.encode(), text, algorithm).hexdigest()


class FixedClock(Clock):
    def now(self) -> float:
        return NOW


@given(st.binary())
def test_slack_accepts_it(body: bytes) -> None:
    """Slack's own verifier takes the signature of any text, at the time that it was made."""
    slack = generic(
        "v0:{timestamp}:{body}",
        fields=(("X-Slack-Signature", "v0={signature}"), ("X-Slack-Request-Timestamp", "{timestamp}")),
    )
    text = body.decode("utf-8", "replace")
    found = fields_of(sign_hmac(request(text.encode()), slack, NOW))
    verifier = SignatureVerifier(KEY, FixedClock())
    assert verifier.is_valid_request(text, found)
    assert not verifier.is_valid_request(text + " ", found)


def test_stripe_accepts_it() -> None:
    """Stripe's own verifier takes the signature."""
    kind = generic("{timestamp}.{body}", fields=(("Stripe-Signature", "t={timestamp},v1={signature}"),))
    body = json.dumps({"object": "event", "name": "é"})
    found = fields_of(sign_hmac(request(body.encode()), kind, NOW))["Stripe-Signature"]
    assert stripe.WebhookSignature.verify_header(body, found, KEY)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body + "x", found, KEY)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_algorithms_and_encodings(algorithm: str, encoding: str) -> None:
    """Each algorithm, in hexadecimal and in base64."""
    found = fields_of(sign_hmac(request(), generic("{body}", algorithm=algorithm, encoding=encoding), NOW))
    plain = hmac.new(KEY.encode(), b'{"a": 1}', algorithm).digest()
    assert found == {"X-Signature": plain.hex() if encoding == "hex" else base64.b64encode(plain).decode()}


@pytest.mark.parametrize(
    ("template", "signed"),
    [
        ("{method} {target}", b"POST /v1/a%2Fb?x=1&y=%20"),
        ("{path}?{query}", b"/v1/a%2Fb?x=1&y=%20"),
        ("{host}", b"api.test:8443"),
        ("{timestamp}{method}{path}{body}", b'1767225600POST/v1/a%2Fb{"a": 1}'),
        ("{body_sha256}", hashlib.sha256(b'{"a": 1}').hexdigest().encode()),
        ("{body_sha256_base64}", base64.b64encode(hashlib.sha256(b'{"a": 1}').digest())),
        ("{field:content-type}|{field:X-LIST}|{field:x-none}", b"application/json|1, 2|"),
        ("{{{method}}}", b"{POST}"),
        ("é", "é".encode()),
    ],
)
def test_what_is_signed(template: str, signed: bytes) -> None:
    """Every placeholder stands for what leaves, as it leaves."""
    sent = request(b'{"a": 1}', b"Content-Type: application/json\r\n", b"X-List: 1\r\n", b"x-list: 2\r\n")
    lines = sign_hmac(sent, generic(template), NOW).lines
    assert lines[-1] == f"X-Signature: {expected(signed)}\r\n".encode()


def test_without_query_and_body() -> None:
    """What a request doesn't have is empty, and the target has no question mark then."""
    sent = request(None, query=None)
    found = fields_of(sign_hmac(sent, generic("{target}|{query}|{body}|{body_sha256}"), NOW))
    empty = hashlib.sha256(b"").hexdigest()
    assert found["X-Signature"] == expected(f"/v1/a%2Fb|||{empty}".encode())


def test_key_of_any_octets() -> None:
    """A key that was written in hexadecimal or base64 is used as the octets it stands for."""
    octets = bytes(range(256))
    signed = sign_hmac(request(), generic("{body}", key=Secret(octets.decode("latin-1"))), NOW)
    assert fields_of(signed)["X-Signature"] == hmac.new(octets, b'{"a": 1}', "sha256").hexdigest()


def test_the_callers_own_fields_go() -> None:
    """What the caller put where the signature stands is replaced, however it is spelled; all else stays in order."""
    lines = [b"A: 1\r\n", b"x-signature: mine\r\n", b"X-SIGNATURE: mine\r\n", b"B: 2\r\n"]
    signed = sign_hmac(request(b"", *lines), generic("{body}"), NOW)
    assert signed.lines == [b"A: 1\r\n", b"B: 2\r\n", f"X-Signature: {expected(b'')}\r\n".encode()]
    assert signed._replace(lines=lines) == request(b"", *lines)


def test_several_fields() -> None:
    """Fields may hold the signature, the time, digests of the body, or a text that stays the same."""
    own = (("S", "k=1;s={signature}"), ("T", "{timestamp}"), ("D", "sha-256=:{body_sha256_base64}:"), ("K", "a{{b"))
    found = fields_of(sign_hmac(request(b""), generic("{timestamp}", fields=own), NOW))
    assert found == {
        "S": f"k=1;s={expected(b'1767225600')}",
        "T": "1767225600",
        "D": "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
        "K": "a{b",
    }


@pytest.mark.parametrize(
    ("form", "now", "text"),
    [
        ("seconds", NOW, b"1767225600"),
        ("seconds", 1767225599.999, b"1767225599"),
        ("milliseconds", NOW, b"1767225600123"),
        ("iso8601", NOW, b"2026-01-01T00:00:00.123Z"),
        ("iso8601", 1767225600.0, b"2026-01-01T00:00:00.000Z"),
        ("http", NOW, b"Thu, 01 Jan 2026 00:00:00 GMT"),
    ],
)
def test_timestamps(form: TimestampFormat, now: float, text: bytes) -> None:
    """The time in each of its forms."""
    assert render_timestamp(now, form) == text


@given(st.floats(min_value=0, max_value=4e9, allow_nan=False), st.sampled_from(["seconds", "iso8601", "http"]))
def test_one_time_in_text_and_field(now: float, form: str) -> None:
    """The time that is signed is the one that is sent."""
    kind = generic("{timestamp}", timestamp=form, fields=(("S", "{signature}"), ("T", "{timestamp}")))
    found = fields_of(sign_hmac(request(), kind, now))
    assert found["S"] == expected(found["T"].encode())


@pytest.mark.parametrize(
    ("template", "field", "needs"),
    [
        ("{timestamp}", "{signature}", False),
        ("{body}", "{signature}", True),
        ("{body_sha256}", "{signature}", True),
        ("{timestamp}", "{body_sha256_base64}", True),
    ],
)
def test_whether_the_body_is_needed(template: str, field: str, needs: bool) -> None:  # noqa: FBT001
    """A body streams past unless the text or a field is made of it."""
    assert generic(template, fields=(("S", field),)).needs_body is needs
