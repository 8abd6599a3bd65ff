"""Conversations with callers that sign as clients of AWS do: what leaves is signed anew, or has another credential."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.auth import S3SigV4QueryAuth

from exeat.model.consumer import Key
from exeat.model.credential import Nothing, Segment
from exeat.model.retries import Retries
from exeat.model.secret import Secret
from exeat.model.signing import AwsSignature
from exeat.model.snapshot import Snapshot
from exeat.policy.sign.aws_chunks import Seed
from exeat.policy.sign.canonical import Scope, signing_key
from tests.support import aws_signing
from tests.support.aws_signing import chunked, in_chunks
from tests.support.playbook import BEGAN, CREDENTIAL, Stage, on_stage
from tests.support.values import KEY, destination, granted, new_key, snapshot, upstream

ID = new_key().id
HERE: dict[str, Any] = {"access_key": f"EXEAT{ID}", "host": "gateway.test", "now": BEGAN}
AWS = AwsSignature("AKIDEXAMPLE", Secret("the-secret-of-the-upstream"), None, "eu-west-1", "sqs")


def places(change: Callable[[Key], Key] = lambda key: key) -> Snapshot:
    """An upstream of AWS, two that aren't, and a destination; the key may be another one."""
    upstreams = (
        upstream("aws", "http://aws.test", kind=AWS),
        upstream("files", "http://files.test", kind=replace(AWS, service="s3"), retries=Retries(limit=0)),
        upstream("api", "http://api.test"),
        upstream("bot", "http://bot.test", kind=Segment(Secret("the-secret-of-a-bot"), "/bot")),
        upstream("open", "http://open.test", kind=Nothing()),
    )
    destinations = (destination("elsewhere.test", plaintext=True),)
    key = change(Key(ID, granted(upstreams, destinations), None, revoked=False, networks=()))
    return snapshot(*upstreams, destinations=destinations, known={bytes.fromhex(new_key().sha256): key})


def knows(stage: Stage) -> None:
    """The gateway has the keyring from which the pair was derived."""
    stage.worker.signers.secrets_of = lambda key_id: (Secret("older"), Secret(aws_signing.SECRET)) if key_id else ()


def signed(target: str, service: str = "sqs", method: str = "POST", body: bytes = b"", **options: Any) -> bytes:
    """A signed request as its client sends it."""
    head = aws_signing.signed(
        target,
        service,
        method,
        body,
        **{**HERE, **options},
    )
    return head + b"\r\n\r\n" + body


def fields_of(data: bytes) -> dict[str, str]:
    """The fields of what an upstream hears, by lower-case name."""
    lines = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


@pytest.mark.parametrize("body", [b"", b'{"QueueName": "jobs"}'])
def test_a_signed_call_leaves_signed_anew(body: bytes) -> None:
    """Of the caller's signature nothing leaves: access key, time and signature are the upstream's."""
    with on_stage(places()) as stage:
        knows(stage)
        caller = stage.caller()
        caller.sends(signed("/aws/q?x=1", body=body))
        heard = stage.upstream().takes_raw()
        fields = fields_of(heard)
        assert heard.startswith(b"POST /q?x=1 HTTP/1.1\r\nHost: aws.test\r\n")
        assert heard.endswith(b"\r\n\r\n" + body)
        assert fields["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        assert fields["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
        assert b"EXEAT" not in heard
        stage.upstream().says("HTTP/1.1 204 No Content")
        assert b"204" in caller.takes()
        assert (stage.records[-1]["key"], stage.records[-1]["credential"]) == (ID, "aws-sigv4")


def test_another_credential_takes_the_signatures_place() -> None:
    """An upstream that isn't AWS gets its own credential; body and fields are the caller's."""
    with on_stage(places()) as stage:
        knows(stage)
        stage.caller().sends(signed("/api/v1", body=b"content", fields=[("x-other", "1")]))
        heard = stage.upstream().takes_raw()
        fields = fields_of(heard)
        assert f"Authorization: {fields['authorization']}" == CREDENTIAL
        assert heard.endswith(b"\r\n\r\ncontent")
        assert (fields["content-length"], fields["x-other"]) == ("7", "1")
        assert "x-amz-date" not in fields


@pytest.mark.parametrize("target", ["/open/v1", "/http://elsewhere.test/v1"])
def test_nothing_is_shown_where_there_is_nothing_to_show(target: str) -> None:
    """Without a credential of the upstream's, the caller's signature doesn't leave either, its body does."""
    with on_stage(places()) as stage:
        knows(stage)
        stage.caller().sends(signed(target, body=b"content"))
        heard = stage.upstream().takes_raw()
        assert "authorization" not in fields_of(heard)
        assert heard.endswith(b"\r\n\r\ncontent")


def test_a_hash_that_is_wrong_is_found() -> None:
    """Where nobody else compares them, the gateway compares the body with the hash that was signed."""
    with on_stage(places()) as stage:
        knows(stage)
        request = signed("/api/v1", "s3", "PUT", b"content")
        caller = stage.caller()
        caller.sends(request.replace(b"\r\n\r\ncontent", b"\r\n\r\nchanged"))
        caller.hears_problem(400, "malformed-request")
        other = stage.caller()
        other.sends(signed("/api/v1", "s3", "GET").replace(b"e3b0c442", b"e3b0c443"))
        other.hears_problem(401, "key-malformed")
        assert stage.dialled == 0


def test_a_body_that_is_too_large_to_be_verified() -> None:
    """A body that has to be gathered has a bound, and the error says why it is gathered."""
    with on_stage(places()) as stage:
        knows(stage)
        caller = stage.caller()
        head = signed("/aws/q", body=b"x").partition(b"\r\n\r\n")[0]
        caller.sends(head.replace(b"Content-Length: 1", b"Content-Length: 20000000") + b"\r\n\r\n")
        problem = caller.hears_problem(413, "body-too-large", closes=True)
        assert "signature" in str(problem["detail"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda key: replace(key, revoked=True), "key-revoked"),
        (lambda key: replace(key, expires_at=BEGAN - 1), "key-expired"),
        (lambda key: replace(key, id="another"), "key-unknown"),
    ],
)
def test_keys_that_hold_no_more(change: Callable[[Key], Key], code: str) -> None:
    """A pair holds as long as its key does."""
    with on_stage(places(change)) as stage:
        knows(stage)
        caller = stage.caller()
        caller.sends(signed("/aws/q"))
        caller.hears_problem(401, code)
        assert stage.records[-1]["key"] == ID
        assert stage.dialled == 0


def test_without_a_keyring_no_pair_is_known() -> None:
    """A gateway that has no keyring can't have made the pair."""
    with on_stage(places()) as stage:
        caller = stage.caller()
        caller.sends(signed("/aws/q"))
        caller.hears_problem(401, "key-unknown")


def test_a_signature_and_another_key_are_two() -> None:
    """It isn't guessed which of two keys is meant."""
    with on_stage(places()) as stage:
        knows(stage)
        caller = stage.caller()
        caller.sends(signed("/aws/q").replace(b"\r\nHost", b"\r\nExeat-Key: " + KEY + b"\r\nHost", 1))
        caller.hears_problem(401, "key-malformed")
        other = stage.caller()
        other.sends(signed(f"/bot/bot{KEY.decode()}/getMe", method="GET"))
        other.hears_problem(401, "key-malformed")
        assert stage.dialled == 0


def test_presigned_urls_are_for_aws() -> None:
    """A presigned URL reaches AWS without the parameters that sign it; another upstream doesn't take it."""
    with on_stage(places()) as stage:
        knows(stage)
        url: dict[str, Any] = {"signer": S3SigV4QueryAuth, "expires": 60}
        stage.caller().sends(signed("/aws/bucket/key?versionId=7", "s3", "GET", **url))
        heard = stage.upstream().takes_raw()
        assert heard.startswith(b"GET /bucket/key?versionId=7 HTTP/1.1\r\n")
        other = stage.caller()
        other.sends(signed("/api/bucket/key", "s3", "GET", **url))
        other.hears_problem(401, "key-malformed")


def test_an_access_key_of_aws_is_no_key() -> None:
    """Who signs with an access key of AWS is told how to sign for Exeat."""
    with on_stage(places()) as stage:
        caller = stage.caller()
        caller.sends(signed("/aws/q", access_key="AKIDEXAMPLE"))
        problem = caller.hears_problem(401, "key-missing")
        assert "exeat key aws" in str(problem["hint"])


def test_chunks_are_signed_anew_as_they_come() -> None:
    """A body that is signed chunk by chunk streams: each leaves with the upstream's signature, once it is whole."""
    with on_stage(places()) as stage:
        knows(stage)
        head, body = in_chunks("/files/bucket/key", b"one" * 100, b"two", **HERE)
        caller = stage.caller()
        caller.sends(head + body[:200])
        api = stage.upstream()
        heard = api.takes_raw()
        assert heard.endswith(b"\r\n\r\n")
        caller.sends(body[200:400])
        first = api.takes_raw()
        caller.sends(body[400:])
        sent = first + api.takes_raw()
        fields = fields_of(heard)
        day, region, service = fields["authorization"].split("/")[1:4]
        scope = Scope(day.encode(), region.encode(), service.encode())
        key = signing_key(AWS.secret_key.octets, scope)
        seed = Seed(key, fields["x-amz-date"].encode(), scope, fields["authorization"].rpartition("=")[2].encode())
        assert sent == chunked(seed, b"one" * 100, b"two")
        assert fields["content-length"] == str(len(sent))
        api.says("HTTP/1.1 204 No Content")
        assert b"204" in caller.takes()


def test_a_chunk_that_was_changed_ends_the_call() -> None:
    """What isn't signed right never leaves, and the upstream gets no whole body."""
    with on_stage(places()) as stage:
        knows(stage)
        head, body = in_chunks("/files/bucket/key", b"one", b"two", **HERE)
        caller = stage.caller()
        caller.sends(head)
        api = stage.upstream()
        api.takes_raw()
        caller.sends(body.replace(b"two", b"six"))
        caller.hears_problem(400, "malformed-request")
        assert b"six" not in api.takes_raw()
        api.sees_it_dropped()


def test_chunks_need_an_upstream_of_aws_and_a_pair() -> None:
    """Signed chunks go nowhere else, and can't be signed anew where the gateway doesn't know who signed them."""
    with on_stage(places()) as stage:
        knows(stage)
        head, body = in_chunks("/api/bucket/key", b"one", **HERE)
        caller = stage.caller()
        caller.sends(head + body)
        caller.hears_problem(400, "malformed-request")
        head, body = in_chunks("/files/bucket/key", b"one", **HERE)
        keyed = head.replace(b"\r\nHost", b"\r\nExeat-Key: " + KEY + b"\r\nHost", 1).replace(b"EXEAT", b"AKIAX")
        other = stage.caller()
        other.sends(keyed + body)
        other.hears_problem(400, "malformed-request")


def test_every_attempt_is_signed_for_its_own_time() -> None:
    """A call that is tried again is signed again: AWS refuses what is too old."""
    with on_stage(places()) as stage:
        knows(stage)
        caller = stage.caller()
        caller.sends(signed("/aws/q", method="GET"))
        api = stage.upstream()
        first = fields_of(api.takes_raw())
        stage.passes(5.0)
        api.says("HTTP/1.1 503 Service Unavailable", "Content-Length: 0")
        stage.passes(2.0)
        second = fields_of(api.takes_raw())
        assert first["x-amz-date"] < second["x-amz-date"]
        assert first["authorization"] != second["authorization"]


def test_strangers_learn_nothing_of_upstreams() -> None:
    """Whoever has no pair gets the same answer whatever the upstream is, and whether it is there or not."""
    with on_stage(places()) as stage:
        knows(stage)
        answers = []
        for name in ("aws", "files", "api", "open", "nothing"):
            for options in ({}, {"signer": S3SigV4QueryAuth, "expires": 60}):
                caller = stage.caller()
                caller.sends(signed(f"/{name}/k", "s3", "GET", secret="of-a-stranger", **options))
                problem = caller.hears_problem(401, "key-malformed")
                answers.append((problem["detail"], problem["hint"]))
        assert len(set(answers)) == 1


def test_own_paths_take_no_signature() -> None:
    """Exeat's own paths want the key itself, and say so."""
    with on_stage(places()) as stage:
        knows(stage)
        caller = stage.caller()
        caller.sends(signed("/-/whoami", method="GET"))
        problem = caller.hears_problem(401, "key-missing")
        assert "own paths" in str(problem["detail"])


def test_a_key_elsewhere_leaves_the_callers_signature_behind() -> None:
    """With the key in a field of its own, whatever signature the caller made is replaced by the upstream's."""
    with on_stage(places()) as stage:
        request = signed("/aws/q", body=b"{}", access_key="AKIDOFTHECALLER")
        stage.caller().sends(request.replace(b"\r\nHost", b"\r\nExeat-Key: " + KEY + b"\r\nHost", 1))
        heard = stage.upstream().takes_raw()
        assert b"AKIDOFTHECALLER" not in heard
        assert fields_of(heard)["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
