"""What callers sign with the pair of a key, judged as botocore and the rules of AWS have it."""

import hashlib
from unittest import mock
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4QueryAuth
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.model.secret import Secret
from exeat.policy.sign.caller import check_covers, check_time, is_signed, needs_body, read_signed, verify
from exeat.wire.http1 import RequestHead, parse_request
from tests.support.aws_signing import NOW, SECRET, signed

KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def judge(head: RequestHead, body: bytes = b"", secret: str = SECRET, now: float = NOW) -> None:
    """All that a signature has to stand."""
    query = head.target.partition(b"?")[2] or None
    assert is_signed(head, query)
    found = read_signed(head, query)
    check_time(found, now)
    check_covers(head, found)
    needs_body(head, found)
    verify(head, found, hashlib.sha256(body).hexdigest().encode(), [Secret("another"), Secret(secret)])


def refused(raw: bytes, body: bytes = b"", now: float = NOW) -> GatewayError:
    """Why a request is refused."""
    with pytest.raises(GatewayError) as caught:
        judge(parse_request(raw), body, now=now)
    return caught.value


@given(segments=st.lists(st.one_of(st.just(""), KEYS), max_size=3), pairs=st.lists(st.tuples(KEYS, KEYS), max_size=3))
@pytest.mark.parametrize("service", ["s3", "execute-api"])
def test_what_botocore_signs_is_right(service: str, segments: list[str], pairs: list[tuple[str, str]]) -> None:
    """Whatever the path and query, a signature by the key's secret holds, and one by another doesn't."""
    path = "/" + "/".join(["s3", *(segment for segment in segments if segment not in {".", ".."})])
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
    target = quote(path, safe="/-_.~") + (f"?{query}" if query else "")
    head = parse_request(signed(target, service))
    judge(head)
    with pytest.raises(GatewayError, match="isn't the one"):
        judge(head, secret="a-wrong-one")


@given(body=st.binary(min_size=1, max_size=40))
def test_body_is_covered(body: bytes) -> None:
    """Where no field says its hash, the body itself decides."""
    raw = signed("/sqs/", "sqs", "POST", body, fields=[("Content-Type", "application/x-amz-json-1.0")])
    head = parse_request(raw)
    assert needs_body(head, read_signed(head, None))
    judge(head, body)
    assert refused(raw, body + b"x").code == Code.KEY_MALFORMED


def test_hash_that_is_said_is_covered() -> None:
    """S3's clients say the body's hash in a field: the head can be judged before the body is here."""
    head = parse_request(signed("/s3/b/k", "s3", "PUT", b"content"))
    found = read_signed(head, None)
    assert not needs_body(head, found)
    assert found.digest == hashlib.sha256(b"content").hexdigest().encode()
    judge(head)


@pytest.mark.parametrize(
    "change",
    [
        (b"GET ", b"PUT "),
        (b"/s3/bucket/key", b"/s3/bucket/other"),
        (b"list-type=2", b"list-type=1"),
        (b"gateway.test", b"another.test"),
        (b"x-amz-meta-a: one", b"x-amz-meta-a: two"),
        (b"us-east-1", b"us-east-2"),
    ],
)
def test_every_change_shows(change: tuple[bytes, bytes]) -> None:
    """Method, path, query, host, fields and scope are what was signed."""
    raw = signed("/s3/bucket/key?list-type=2", fields=[("x-amz-meta-a", "one")])
    judge(parse_request(raw))
    assert change[0] in raw
    assert refused(raw.replace(*change)).code == Code.KEY_MALFORMED


@pytest.mark.parametrize("off_s", [-301, 301, 86_400 * 400])
def test_signature_holds_for_minutes(off_s: int) -> None:
    """A signature of another time is refused, and the error names the clock."""
    raw = signed("/s3/")
    judge(parse_request(raw), now=NOW + 300)
    judge(parse_request(raw), now=NOW - 300)
    error = refused(raw, now=NOW + off_s)
    assert (error.code, "5 minutes" in error.detail) == (Code.KEY_MALFORMED, True)
    assert error.hint is not None
    assert "clock" in error.hint


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((b"AWS4-HMAC-SHA256 Credential", b"AWS4-HMAC-SHA256  Xredential=,Credential"), "Authorization isn't"),
        ((b"/aws4_request", b"/aws4"), "Credential"),
        ((b"/20260101/", b"/20251231/"), "day"),
        ((b"X-Amz-Date: 2026", b"X-Amz-Date: 20x6"), "X-Amz-Date isn't"),
        ((b"20260101", b"20261301"), "isn't a time"),
        ((b"X-Amz-Date: ", b"X-Other: "), "needs an X-Amz-Date"),
        ((b"SignedHeaders=", b"SignedHeaders=x y"), "Authorization isn't"),
        ((b"SignedHeaders=", b"SignedHeaders=a;;"), "SignedHeaders"),
        ((b"SignedHeaders=host;", b"SignedHeaders="), "doesn't cover host"),
        ((b"SignedHeaders=host", b"SignedHeaders=host;x-gone"), "x-gone, which didn't come"),
        ((b"\r\nX-Amz-Date", b"\r\nX-Amz-Acl: public-read\r\nX-Amz-Date"), "doesn't cover x-amz-acl"),
        ((b"\r\nX-Amz-Date", b"\r\nExeat-Target: https://a.test\r\nX-Amz-Date"), "doesn't cover exeat-target"),
        ((b"\r\nX-Amz-Date", b"\r\nX-Amz-Date: 20260101T000000Z\r\nX-Amz-Date"), "more than once"),
    ],
)
def test_what_cant_be_read_is_named(change: tuple[bytes, bytes], says: str) -> None:
    """A signature that isn't one is refused with what is wrong with it."""
    raw = signed("/s3/")
    assert change[0] in raw
    error = refused(raw.replace(*change))
    assert (error.code, says in error.detail) == (Code.KEY_MALFORMED, True), error.detail


def test_other_access_keys_stay_the_callers() -> None:
    """A signature by an access key of AWS is none of Exeat's business."""
    raw = signed("/s3/").replace(b"EXEAT", b"AKIAI")
    assert not is_signed(parse_request(raw), None)
    assert not is_signed(parse_request(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer EXEATx"), b"a=EXEAT")


def test_chunks_are_told_by_their_word() -> None:
    """Which way the body comes in chunks is said in the head; a way that isn't known is refused."""
    words = {
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": True,
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": True,
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER": False,
    }
    for word, is_in_chunks in words.items():
        # The oracle chooses such a word by itself only for requests that it sends; here it only signs.
        with mock.patch.object(S3SigV4Auth, "payload", return_value=word):
            head = parse_request(signed("/s3/k", method="PUT"))
        found = read_signed(head, None)
        seed = verify(head, found, b"", [Secret(SECRET)])
        assert (found.is_in_chunks, seed.signature) == (is_in_chunks, found.signature)
    with mock.patch.object(S3SigV4Auth, "payload", return_value="STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"):
        found = read_signed(parse_request(signed("/s3/k", method="PUT")), None)
    with pytest.raises(GatewayError, match="doesn't know"):
        found.is_in_chunks  # noqa: B018 - reading it is what fails


@pytest.mark.parametrize("word", [b"UNSIGNED-PAYLOAD", b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
def test_unsigned_bodies_stream(word: bytes) -> None:
    """Over TLS the clients of S3 don't sign a body that streams; nobody has to wait for it."""
    fields = [("Content-Length", "5")]
    with mock.patch.object(S3SigV4Auth, "payload", return_value=word.decode()):
        head = parse_request(signed("/s3/k", method="PUT", fields=fields))
    judge(head)
    assert not needs_body(head, read_signed(head, None))


@pytest.mark.parametrize("token", [None, "a-session/token=="])
def test_presigned_urls(token: str | None) -> None:
    """A URL that botocore presigned holds for its time, and none of its parameters is left in what goes on."""
    raw = signed("/s3/bucket/a%20key?versionId=1", signer=S3SigV4QueryAuth, expires=600, token=token)
    head = parse_request(raw)
    judge(head, now=NOW + 600)
    found = read_signed(head, head.target.partition(b"?")[2])
    assert found.query == b"versionId=1"
    error = refused(raw, now=NOW + 601)
    assert (error.code, "expired" in error.detail) == (Code.KEY_EXPIRED, True)
    assert refused(raw.replace(b"a%20key", b"b%20key")).code == Code.KEY_MALFORMED
    assert refused(raw.replace(b"versionId=1", b"versionId=2")).code == Code.KEY_MALFORMED


def test_presigned_urls_of_other_services() -> None:
    """Outside of S3, a presigned URL covers the body, which is mostly none."""
    judge(parse_request(signed("/sts/?Action=GetCallerIdentity", "sts", signer=SigV4QueryAuth, expires=60)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((b"X-Amz-Expires=600", b"X-Amz-Expires=604801"), "X-Amz-Expires"),
        ((b"X-Amz-Expires=600", b"X-Amz-Expires=0"), "X-Amz-Expires"),
        ((b"X-Amz-Expires=600", b"X-Amz-Expires=600&x-amz-expires=900"), "twice"),
        ((b"X-Amz-Expires=600&", b""), "needs x-amz-expires"),
        ((b"X-Amz-Signature=", b"X-Amz-Signature=z"), "AWS4-HMAC-SHA256"),
    ],
)
def test_presigned_urls_that_arent_right(change: tuple[bytes, bytes], says: str) -> None:
    """What is wrong with a presigned URL is named."""
    raw = signed("/s3/bucket/key", signer=S3SigV4QueryAuth, expires=600)
    assert change[0] in raw
    error = refused(raw.replace(*change))
    assert (error.code, says in error.detail) == (Code.KEY_MALFORMED, True), error.detail


def test_two_signatures_are_refused() -> None:
    """A request that is signed in a field and in its query could be read in two ways."""
    raw = signed("/s3/bucket/key", signer=S3SigV4QueryAuth, expires=600)
    field = next(line for line in signed("/s3/").split(b"\r\n") if line.startswith(b"Authorization"))
    assert "twice" in refused(raw + b"\r\n" + field).detail


def test_signatures_arent_printed() -> None:
    """A presigned URL's signature could be used by whoever reads it."""
    head = parse_request(signed("/s3/bucket/key", signer=S3SigV4QueryAuth, expires=600))
    found = read_signed(head, head.target.partition(b"?")[2])
    assert found.signature.decode() not in repr(found)
