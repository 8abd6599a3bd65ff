"""Signatures of AWS, judged by botocore: what it signs alike, it would verify alike."""

import datetime as dt
import hashlib
from unittest import mock
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.model.secret import Secret
from exeat.model.signing import AwsSignature
from exeat.policy.sign.aws import needs_body_aws, seed_of, sign_aws
from exeat.policy.sign.aws_hosts import find_scope
from exeat.wire.fields import render_field, split_field
from exeat.wire.http1 import parse_request
from exeat.wire.outgoing import Outgoing

NOW = 1_767_225_600.5
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
OTHERS = frozenset({b"x-amz-date", b"x-amz-content-sha256", b"authorization", b"x-amz-security-token"})
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def signature(service: str = "s3", token: str | None = None, *, unsigned: bool = False) -> AwsSignature:
    """A credential for a service in one region."""
    session = None if token is None else Secret(token)
    return AwsSignature(ACCESS, Secret(SECRET), session, "eu-west-1", service, unsigned)


def outgoing(
    path: bytes = b"/",
    query: bytes | None = None,
    body: bytes | None = None,
    fields: tuple[tuple[bytes, bytes], ...] = (),
    method: bytes = b"PUT",
    framing: bytes = b"",
) -> Outgoing:
    """A request that is about to be signed."""
    lines = [render_field(name, value) for name, value in fields]
    return Outgoing(method, b"bucket.test:8443", path, query, lines, body, framing)


def fields_of(signed: Outgoing) -> dict[bytes, bytes]:
    """The fields of a request by lower-case name; those sent more than once are one list."""
    found: dict[bytes, bytes] = {}
    for line in signed.lines:
        name, value = split_field(line)
        found[name.lower()] = found[name.lower()] + b"," + value if name.lower() in found else value
    return found


def judged(signed: Outgoing, service: str, token: str | None = None) -> str:
    """What botocore writes into Authorization for the fields that were signed, and the same time."""
    signer: type[SigV4Auth] = S3SigV4Auth if service == "s3" else SigV4Auth
    names = signed_names(signed)
    request = AWSRequest(
        method=signed.method.decode(), url=f"https://{signed.host.decode()}{signed.target.decode()}", data=signed.body
    )
    for name, value in fields_of(signed).items():
        if name in names and name not in {b"x-amz-date", b"x-amz-security-token"}:
            request.headers[name.decode()] = value.decode("utf-8")
    payload = fields_of(signed)[b"x-amz-content-sha256"].decode()
    now = dt.datetime.fromtimestamp(NOW, dt.UTC)
    with (  # the oracle signs the same moment and the same payload: it takes neither as an argument
        mock.patch.object(botocore.auth, "get_current_datetime", return_value=now),
        mock.patch.object(signer, "payload", return_value=payload),
    ):
        signer(Credentials(ACCESS, SECRET, token), service, "eu-west-1").add_auth(request)
    return str(request.headers["Authorization"])


def signed_names(signed: Outgoing) -> set[bytes]:
    """The names of the fields that a signature covers."""
    return set(fields_of(signed)[b"authorization"].partition(b"SignedHeaders=")[2].partition(b",")[0].split(b";"))


def authorization(signed: Outgoing) -> str:
    """The signature that leaves."""
    return fields_of(signed)[b"authorization"].decode()


@given(segments=st.lists(st.one_of(st.just(""), KEYS), max_size=4), last=KEYS, tail=st.booleans())
@pytest.mark.parametrize("service", ["s3", "execute-api"])
def test_paths_are_signed_as_botocore_signs_them(service: str, segments: list[str], last: str, *, tail: bool) -> None:
    """S3 signs a path as it is, with empty segments; other services encode it again, without them."""
    path = "/" + "/".join([*segments, last]) + ("/" if tail else "")
    dots = [segment for segment in path.split("/") if segment in {".", ".."}]
    request = outgoing(quote(path, safe="/-_.~").encode(), body=b"")
    if not dots:  # no path with them comes that far
        signed = sign_aws(request, signature(service), NOW)
        assert authorization(signed) == judged(signed, service)


@given(pairs=st.lists(st.tuples(KEYS, st.text(max_size=10)), max_size=6), bare=st.booleans())
def test_queries_are_signed_as_botocore_signs_them(pairs: list[tuple[str, str]], *, bare: bool) -> None:
    """Parameters are sorted by name, then value; one without a value has an empty one."""
    parts = [f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs]
    query = "&".join([*parts, *(["uploads"] if bare else [])])
    signed = sign_aws(outgoing(query=query.encode() or None, body=b"", method=b"GET"), signature(), NOW)
    assert authorization(signed) == judged(signed, "s3")


@given(body=st.binary(max_size=64), metadata=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
@pytest.mark.parametrize("service", ["s3", "sqs", "dynamodb"])
@pytest.mark.parametrize("token", [None, "FwoGZXIvYXdzE/session+token=="])
def test_bodies_and_fields_are_signed_as_botocore_signs_them(
    service: str, token: str | None, body: bytes, metadata: str
) -> None:
    """The body's hash, its type, every field of AWS and the session's token are covered."""
    fields = (
        (b"Content-Type", b"application/x-amz-json-1.0"),
        (b"X-Amz-Meta-Text", metadata.strip().encode()),
        (b"X-Amz-Target", b"DynamoDB_20120810.PutItem"),
        (b"User-Agent", b"aws-cli/2"),
    )
    signed = sign_aws(outgoing(body=body, fields=fields), signature(service, token), NOW)
    assert authorization(signed) == judged(signed, service, token)
    assert fields_of(signed)[b"x-amz-content-sha256"].decode() == hashlib.sha256(body).hexdigest()
    covered = {b"host", b"content-type", b"x-amz-meta-text", b"x-amz-target", b"x-amz-date", b"x-amz-content-sha256"}
    assert signed_names(signed) == covered | ({b"x-amz-security-token"} if token else set())


def test_what_stood_there_before_goes() -> None:
    """Of the caller's own signature nothing is left, whatever it said."""
    fields = tuple((name.title(), b"the caller's") for name in OTHERS)
    signed = sign_aws(outgoing(body=b"{}", fields=fields), signature(token="real"), NOW)
    assert sorted(split_field(line)[0].lower() for line in signed.lines) == sorted(OTHERS)
    assert b"caller" not in b"".join(signed.lines)
    assert fields_of(signed)[b"x-amz-date"] == b"20260101T000000Z"


@pytest.mark.parametrize(
    ("declared", "unsigned", "payload"),
    [
        (b"a" * 64, False, b"a" * 64),
        (b"UNSIGNED-PAYLOAD", False, b"UNSIGNED-PAYLOAD"),
        (b"STREAMING-UNSIGNED-PAYLOAD-TRAILER", False, b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        (b"STREAMING-UNSIGNED-PAYLOAD-TRAILER", True, b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        (b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", False, b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
        (b"a" * 64, True, b"a" * 64),
        (b"nonsense", True, b"UNSIGNED-PAYLOAD"),
        (None, True, b"UNSIGNED-PAYLOAD"),
    ],
)
def test_body_that_streams_is_signed_by_what_is_said_of_it(
    declared: bytes | None, payload: bytes, *, unsigned: bool
) -> None:
    """A body that isn't here is signed by the hash that the caller gave, or as one that isn't signed."""
    fields = () if declared is None else ((b"X-Amz-Content-Sha256", declared),)
    request = outgoing(fields=fields, framing=b"Content-Length: 5000000\r\n")
    signed = sign_aws(request, signature(unsigned=unsigned), NOW)
    assert fields_of(signed)[b"x-amz-content-sha256"] == payload
    assert authorization(signed) == judged(signed, "s3")
    head = parse_request(b"PUT /k HTTP/1.1\r\n%bHost: x\r\nContent-Length: 5000000" % b"".join(request.lines))
    assert not needs_body_aws(head, signature(unsigned=unsigned))


@pytest.mark.parametrize("declared", [b"", b"X-Amz-Content-Sha256: nonsense\r\n", b"X-Amz-Content-Sha256: ABC\r\n"])
def test_body_without_a_usable_hash_has_to_be_here(declared: bytes) -> None:
    """Where nobody says what the body's hash is, the whole body has to be gathered; without a body nothing has."""
    head = parse_request(b"PUT /k HTTP/1.1\r\nHost: x\r\n%bContent-Length: 5" % declared)
    assert needs_body_aws(head, signature("sqs"))
    assert not needs_body_aws(parse_request(b"GET /k HTTP/1.1\r\nHost: x"), signature("sqs"))


def test_body_signed_in_chunks_begins_a_chain() -> None:
    """Chunks that are signed stay as they are framed, and their signatures follow that of the new head."""
    word = b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    request = outgoing(fields=((b"X-Amz-Content-Sha256", word),), framing=b"Content-Length: 5\r\n")
    signed = sign_aws(request, signature(), NOW)
    assert authorization(signed) == judged(signed, "s3")
    seed = seed_of(signed, signature())
    assert seed is not None
    assert (seed.time, seed.scope.region) == (b"20260101T000000Z", b"eu-west-1")
    assert authorization(signed).endswith(seed.signature.decode())
    assert repr(seed.key) not in repr(seed)
    assert seed_of(sign_aws(outgoing(body=b""), signature(), NOW), signature()) is None


def test_unusual_spellings_are_signed_as_aws_reads_them() -> None:
    """A `+` in a query is a space, and escapes are upper-case: what is signed is what the other side works out."""
    plain = sign_aws(outgoing(b"/a%20%2F%21", b"p=a%20b%2F&q=", b""), signature(), NOW)
    unusual = sign_aws(outgoing(b"/a%20%2f!", b"q&p=a+b/", b""), signature(), NOW)
    assert authorization(plain) == authorization(unusual)


@pytest.mark.parametrize(
    ("host", "region", "service"),
    [
        ("sqs.eu-west-1.amazonaws.com", "eu-west-1", "sqs"),
        ("dynamodb.us-gov-west-1.amazonaws.com:443", "us-gov-west-1", "dynamodb"),
        ("s3.amazonaws.com", "us-east-1", "s3"),
        ("my.bucket.s3.ap-southeast-2.amazonaws.com", "ap-southeast-2", "s3"),
        ("bucket.s3-us-west-2.amazonaws.com", "us-west-2", "s3"),
        ("bucket.s3.dualstack.eu-central-1.amazonaws.com", "eu-central-1", "s3"),
        ("s3-fips.us-east-2.amazonaws.com", "us-east-2", "s3"),
        ("bucket.s3express-usw2-az1.us-west-2.amazonaws.com", "us-west-2", "s3express"),
        ("bucket.s3-accelerate.amazonaws.com", None, "s3"),
        ("vpce-1a2b.sqs.us-east-1.vpce.amazonaws.com", "us-east-1", "sqs"),
        ("search-logs-abc.eu-west-1.es.amazonaws.com", "eu-west-1", "es"),
        ("abcdef.execute-api.eu-north-1.amazonaws.com", "eu-north-1", "execute-api"),
        ("abcdef.lambda-url.eu-north-1.on.aws", "eu-north-1", "lambda"),
        ("bedrock-runtime.us-west-2.amazonaws.com", "us-west-2", "bedrock"),
        ("email.eu-west-1.amazonaws.com", "eu-west-1", "ses"),
        ("data.iot.eu-west-1.amazonaws.com", "eu-west-1", "iotdata"),
        ("api.ecr.eu-west-1.amazonaws.com", "eu-west-1", "ecr"),
        ("iam.amazonaws.com", "us-east-1", "iam"),
        ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1", "sqs"),
        ("s3.eu-west-1.api.aws", "eu-west-1", "s3"),
        ("amazonaws.com", None, None),
        ("minio.example.com", None, None),
        ("evil-amazonaws.com", None, None),
    ],
)
def test_hosts_of_aws_say_where_they_are(host: str, region: str | None, service: str | None) -> None:
    """Region and service are read from the names that AWS gives its hosts; another name says nothing."""
    assert find_scope(host) == (region, service)


def test_signing_name_is_the_one_that_botocore_knows() -> None:
    """Every service of botocore's models signs with the name that is read from its host."""
    import botocore.loaders  # noqa: PLC0415 - its models are large

    loader = botocore.loaders.create_loader()
    wrong = {}
    for service in ("s3", "sqs", "sns", "ses", "bedrock-runtime", "lex-runtime", "iot-data", "ecr", "timestream-query"):
        metadata = loader.load_service_model(service, "service-2")["metadata"]
        host = f"{metadata['endpointPrefix']}.eu-west-1.amazonaws.com"
        expected = metadata.get("signingName", metadata["endpointPrefix"])
        if find_scope(host) != ("eu-west-1", expected):
            wrong[host] = expected
    assert wrong == {}


def test_host_that_says_nothing_needs_words_in_the_document() -> None:
    """Where neither the document nor the host says region and service, nothing leaves."""
    with pytest.raises(GatewayError, match="region") as caught:
        sign_aws(outgoing(body=b""), AwsSignature(ACCESS, Secret(SECRET)), NOW)
    assert caught.value.code == Code.CREDENTIAL_UNAVAILABLE
