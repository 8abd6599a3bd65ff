"""Credentials of kind `aws-sigv4`: what they say, and what the name of a host says in their place."""

import json

import pytest

from exeat.model.signing import AwsSignature
from tests.config.conftest import Desk

SECRET = "s3cret/of+the-test"
PAIR = {"kind": "aws-sigv4", "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": SECRET}


def document(url: str = "https://sqs.eu-west-1.amazonaws.com", **more: object) -> str:
    return json.dumps({"upstreams": {"aws": {"url": url, "credential": PAIR | more}}})


def signing(desk: Desk, text: str) -> AwsSignature:
    """The signature that a document comes down to."""
    found = desk.load(text).snapshot.upstreams[b"aws"].credential
    assert isinstance(found.signing, AwsSignature)
    assert (found.kind, found.is_ready, found.slot) == ("aws-sigv4", False, b"authorization")
    assert SECRET not in repr(found)
    return found.signing


def test_what_a_host_of_aws_says_needs_no_words(desk: Desk) -> None:
    """Region and service of a host of AWS needn't be written."""
    found = signing(desk, document())
    assert (found.access_key, found.secret_key.reveal()) == ("AKIAIOSFODNN7EXAMPLE", SECRET)
    assert (found.region, found.service, found.session_token, found.unsigned_payload) == (None, None, None, False)


def test_all_of_it(desk: Desk) -> None:
    """Everything that can be said of it reaches the data plane; secrets are needles for what is scrubbed."""
    more = {"session_token": "the-token-of-a-session", "region": "auto", "service": "s3", "unsigned_payload": True}
    found = signing(desk, document("https://account.r2.cloudflarestorage.com", **more))
    assert found.session_token is not None
    assert found.session_token.reveal() == "the-token-of-a-session"
    assert (found.region, found.service, found.unsigned_payload) == ("auto", "s3", True)
    needles = {needle.reveal() for needle in desk.load().snapshot.upstreams[b"aws"].credential.needles}
    assert {SECRET, "the-token-of-a-session"} <= needles


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (document("https://minio.test"), "credential: needs region and service: the name 'minio.test' doesn't say it"),
        (document("https://minio.test", region="x"), "credential: needs service"),
        (document("https://b.s3-accelerate.amazonaws.com"), "credential: needs region"),
        (document(access_key="AKIA/x"), "credential.access_key: isn't an access key's id"),
        (document(access_key=""), "credential.access_key: is empty"),
        (document(region="eu west"), "credential.region: must be letters"),
        (document(secret_key=""), "credential.secret_key: is empty"),
        (document(unsigned_payload="yes"), "credential.unsigned_payload: write true or false"),
        (document(secret=SECRET), "credential.secret"),
        (document(unsigned_payload=True), "credential: has 'unsigned_payload', which S3 alone takes, and not sqs"),
        (
            document("https://minio.test", region="x", service="dynamodb", unsigned_payload=True),
            "credential: has 'unsigned_payload', which S3 alone takes, and not dynamodb",
        ),
    ],
)
def test_what_is_wrong_is_named(desk: Desk, text: str, problem: str) -> None:
    """A problem says where it is and what to write, and quotes no secret."""
    (found,) = desk.problems(text)
    assert problem in found
    assert SECRET not in found


def test_unsigned_bodies_need_https(desk: Desk) -> None:
    """What isn't signed could be changed on the way in plaintext, so S3 doesn't take it there."""
    upstream = {"url": "http://minio.test", "plaintext": True}
    credential = PAIR | {"region": "x", "service": "s3"}
    (found,) = desk.problems(
        json.dumps({"upstreams": {"aws": upstream | {"credential": credential | {"unsigned_payload": True}}}})
    )
    assert "credential: has 'unsigned_payload', with which anybody on the way could change a body of http://" in found
    assert desk.problems(json.dumps({"upstreams": {"aws": upstream | {"credential": credential}}})) == []


@pytest.mark.parametrize("service", ["s3", "s3express", "s3-outposts"])
def test_unsigned_bodies_of_s3(desk: Desk, service: str) -> None:
    """What is S3 by another name takes them, too."""
    text = document("https://minio.test", region="x", service=service, unsigned_payload=True)
    assert signing(desk, text).unsigned_payload


def test_every_endpoint_has_to_say_it(desk: Desk) -> None:
    """An upstream with several endpoints signs for the region of each."""
    urls = ["https://sqs.eu-west-1.amazonaws.com", "https://sqs.eu-central-1.amazonaws.com"]
    text = json.dumps({"upstreams": {"aws": {"endpoints": urls, "credential": PAIR}}})
    assert signing(desk, text).region is None
    (found,) = desk.problems(text.replace("sqs.eu-central-1.amazonaws.com", "queue.test"))
    assert "the name 'queue.test' doesn't say it" in found
