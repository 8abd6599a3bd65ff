"""boto3 unchanged: it signs with the pair of a key, Exeat verifies that and signs anew, and AWS verifies again."""

import io
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from botocore.exceptions import ClientError

from tests.support.aws import Account, Cloud, client, cloud
from tests.support.aws_signing import in_chunks
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key, run_exeat
from tests.support.markers import MARKERS

MIB = 1024 * 1024


class Place(NamedTuple):
    """A gateway over TLS before AWS, and the pair of a key of it."""

    gateway: Gateway
    cloud: Cloud
    pair: Account
    key: MadeKey
    ca: Path

    def client(self, service: str, upstream: str | None = None, pair: Account | None = None, **options: Any) -> Any:
        """A client that calls an upstream through the gateway."""
        url = f"{self.gateway.url}/{upstream or service}"
        return client(service, url, pair or self.pair, self.ca, **options)

    def s3(self, upstream: str = "s3", **options: Any) -> Any:
        """A client of S3 whose buckets stand in the path."""
        return self.client("s3", upstream, s3={"addressing_style": "path", **options})


@pytest.fixture(scope="module")
def place(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One gateway and one AWS for all tests here."""
    folder, key = tmp_path_factory.mktemp("aws"), make_key()
    certificate, private = folder / "listener.pem", folder / "listener.key"
    authority.write_pair(certificate, private)
    env = {"EXEAT_TLS_CERTIFICATE": str(certificate), "EXEAT_TLS_KEY": str(private)}
    with cloud(authority, folder) as aws:

        def upstream(service: str, account: Account, **more: object) -> dict[str, object]:
            credential: dict[str, object] = {
                "kind": "aws-sigv4",
                "access_key": account.access_key,
                "secret_key": account.secret_key,
                "region": "eu-west-1",
                "service": service,
                **more,
            }
            if account.session_token is not None:
                credential["session_token"] = account.session_token
            private = {"private": ["127.0.0.0/8"]}
            return {"url": aws.url, "network": private, "tls": {"ca": str(authority.file)}, "credential": credential}

        document = {
            "upstreams": {
                "s3": upstream("s3", aws.account),
                "s3-unsigned": upstream("s3", aws.account, unsigned_payload=True),
                "s3-session": upstream("s3", aws.session),
                "sqs": upstream("sqs", aws.account),
                "dynamodb": upstream("dynamodb", aws.account),
                "sts": upstream("sts", aws.account),
                "wrong": upstream("s3", aws.account._replace(secret_key="not-the-secret-of-that-access-key")),
            },
            "consumers": {"app": {"keys": [{"id": key.key[6:18], "sha256": key.sha256}], "grants": ["*"]}},
        }
        with Gateway(document, env) as gateway:
            yield Place(gateway, aws, pair_of(key, gateway), key, authority.file)


def pair_of(key: MadeKey, gateway: Gateway) -> Account:
    """What `exeat key aws` prints for a key."""
    printed = run_exeat("key", "aws", key.key, "--json", cwd=gateway.folder)
    assert printed.returncode == 0, printed.stderr
    pair = json.loads(printed.stdout)
    MARKERS.add("the secret of a pair", pair["secret_access_key"])
    return Account(pair["access_key_id"], pair["secret_access_key"])


def bucket(place: Place, name: str) -> Any:
    """A bucket of its own for a test."""
    s3 = place.s3()
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return s3


def test_objects_are_put_read_listed_copied_and_deleted(place: Place) -> None:
    """S3 as everybody uses it."""
    s3 = bucket(place, "everyday")
    s3.put_object(Bucket="everyday", Key="a.txt", Body=b"one", Metadata={"note": "two  spaces"})
    got = s3.get_object(Bucket="everyday", Key="a.txt")
    assert (got["Body"].read(), got["Metadata"]) == (b"one", {"note": "two  spaces"})
    assert s3.head_object(Bucket="everyday", Key="a.txt")["ContentLength"] == 3
    s3.copy_object(Bucket="everyday", Key="b.txt", CopySource={"Bucket": "everyday", "Key": "a.txt"})
    listed = s3.list_objects_v2(Bucket="everyday", Prefix="", Delimiter="/")
    assert [one["Key"] for one in listed["Contents"]] == ["a.txt", "b.txt"]
    s3.delete_object(Bucket="everyday", Key="a.txt")
    s3.delete_objects(Bucket="everyday", Delete={"Objects": [{"Key": "b.txt"}]})
    assert "Contents" not in s3.list_objects_v2(Bucket="everyday")


@pytest.mark.parametrize(
    "key",
    [
        "with space.txt",
        "naïve/日本語.txt",
        "a//b",
        "/leading",
        "trailing/",
        "plus+and%percent",
        "a=b&c?d#e",
        "~tilde!*'()",
    ],
)
def test_keys_of_every_spelling_survive(place: Place, key: str) -> None:
    """An object's key reaches S3 octet by octet: it is neither encoded twice nor normalised."""
    s3 = place.s3()
    if "spellings" not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        bucket(place, "spellings")
    s3.put_object(Bucket="spellings", Key=key, Body=key.encode())
    assert s3.get_object(Bucket="spellings", Key=key)["Body"].read() == key.encode()
    listed = s3.list_objects_v2(Bucket="spellings", Prefix=key)
    assert key in [one["Key"] for one in listed["Contents"]]
    s3.delete_object(Bucket="spellings", Key=key)


def test_large_objects_go_in_parts(place: Place) -> None:
    """A multipart upload, in which every part is one signed call."""
    s3 = bucket(place, "large")
    upload = s3.create_multipart_upload(Bucket="large", Key="big")["UploadId"]
    parts = []
    for number, content in ((1, b"a" * (5 * MIB)), (2, b"b" * MIB)):
        part = s3.upload_part(Bucket="large", Key="big", UploadId=upload, PartNumber=number, Body=content)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(Bucket="large", Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
    got = s3.get_object(Bucket="large", Key="big", Range=f"bytes={5 * MIB - 2}-{5 * MIB + 1}")
    assert got["Body"].read() == b"aabb"


@pytest.mark.parametrize("upstream", ["s3", "s3-unsigned", "s3-session"])
def test_streams_in_chunks_of_aws_pass(place: Place, upstream: str) -> None:
    """A file-like body leaves as `aws-chunked` with a trailer for its checksum: it streams, and isn't signed."""
    s3 = place.s3(upstream)
    name = f"stream-{upstream}"
    bucket(place, name)
    s3.upload_fileobj(io.BytesIO(b"x" * (3 * MIB)), name, "file")
    assert len(s3.get_object(Bucket=name, Key="file")["Body"].read()) == 3 * MIB


def test_queues(place: Place) -> None:
    """SQS, whose bodies are covered by the signature without a field that says their hash."""
    sqs = place.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="do this: ñ")
    got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0)["Messages"][0]
    assert got["Body"] == "do this: ñ"


def test_tables(place: Place) -> None:
    """DynamoDB, items in and out."""
    db = place.client("dynamodb")
    db.create_table(
        TableName="things",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    db.put_item(TableName="things", Item={"id": {"S": "a"}, "n": {"N": "1"}})
    assert db.get_item(TableName="things", Key={"id": {"S": "a"}})["Item"]["n"] == {"N": "1"}


def test_the_upstream_sees_its_own_access_key(place: Place) -> None:
    """What AWS knows of the caller is the upstream's account, for its session too."""
    assert place.client("sts").get_caller_identity()["Arn"].endswith("user/exeat")
    assert place.s3("s3-session").list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200


def refused(place: Place, pair: Account, upstream: str = "sqs", service: str = "sqs") -> dict[str, Any]:
    """The error of a call that is refused, as boto3 has it."""
    caller = place.client(service, upstream, pair)
    call = caller.list_queues if service == "sqs" else caller.list_buckets
    with pytest.raises(ClientError) as caught:
        call()
    error: dict[str, Any] = caught.value.response
    return error


@pytest.mark.parametrize("service", ["sqs", "s3"])
def test_wrong_secret_is_refused_by_the_gateway(place: Place, service: str) -> None:
    """A signature by another secret goes no further."""
    error = refused(place, place.pair._replace(secret_key="A" * 40), service, service)
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 401
    assert error["ResponseMetadata"]["HTTPHeaders"]["exeat-error"] == "key-malformed"


def test_unknown_access_key_is_refused_by_the_gateway(place: Place) -> None:
    """An access key of no key of this gateway is unknown."""
    error = refused(place, place.pair._replace(access_key="EXEATnobody12345"))
    assert error["ResponseMetadata"]["HTTPHeaders"]["exeat-error"] == "key-unknown"


def test_access_key_of_aws_is_no_key_of_exeat(place: Place) -> None:
    """A client that signs with an access key of AWS has sent no key."""
    error = refused(place, place.cloud.account)
    assert error["ResponseMetadata"]["HTTPHeaders"]["exeat-error"] == "key-missing"


def test_aws_itself_verifies(place: Place) -> None:
    """With a wrong secret in the document it is AWS that refuses, and its answer passes as it is."""
    error = refused(place, place.pair, "wrong", "s3")
    assert error["Error"]["Code"] == "SignatureDoesNotMatch"
    assert error["ResponseMetadata"]["HTTPHeaders"]["exeat-origin"] == "upstream"


def test_presigned_urls_are_used_by_whoever_has_them(place: Place) -> None:
    """A link for reading and one for writing, made by boto3 offline, work at the gateway until they expire."""
    bucket(place, "links")
    signer = place.client("s3", s3={"addressing_style": "path"}, signature_version="s3v4")
    writes, reads = (
        signer.generate_presigned_url(method, Params={"Bucket": "links", "Key": "a b"}, ExpiresIn=60)
        for method in ("put_object", "get_object")
    )
    assert requests.put(writes, b"by link", verify=str(place.ca), timeout=20).status_code == 200
    answer = requests.get(reads, verify=str(place.ca), timeout=20)
    assert (answer.status_code, answer.content) == (200, b"by link")
    line = place.gateway.access_line(answer.headers["Exeat-Request-Id"])
    assert (line["key"], "X-Amz" in str(line["query"])) == (place.key.key[6:18], False)
    spoilt = requests.get(reads.replace("a%20b", "other"), verify=str(place.ca), timeout=20)
    assert (spoilt.status_code, spoilt.json()["code"]) == (401, "key-malformed")


def test_bodies_that_are_signed_stream_to_aws(place: Place) -> None:
    """A body whose hash the caller signed isn't gathered: AWS compares the two, and it may be as large as it is."""
    s3 = bucket(place, "signed")
    signing = place.s3(payload_signing_enabled=True)
    signing.put_object(Bucket="signed", Key="big", Body=b"s" * (12 * MIB))
    assert s3.head_object(Bucket="signed", Key="big")["ContentLength"] == 12 * MIB


def test_chunks_that_a_client_signed_are_signed_anew(place: Place) -> None:
    """Other clients of S3 sign each chunk of a body: what arrives is the body, with the upstream's signatures."""
    s3 = bucket(place, "chunks")
    pair = {"access_key": place.pair.access_key, "secret": place.pair.secret_key}
    host, now = f"127.0.0.1:{place.gateway.port}", time.time()  # noqa: TID251 - the gateway's clock is the machine's
    head, body = in_chunks("/s3/chunks/key", b"one" * 30_000, b"two", **pair, host=host, now=now)
    context = ssl.create_default_context(cafile=place.ca)
    with (
        socket.create_connection(("127.0.0.1", place.gateway.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.sendall(head + body)
        assert secure.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert s3.get_object(Bucket="chunks", Key="key")["Body"].read() == b"one" * 30_000 + b"two"


def test_records_name_the_key_and_the_kind(place: Place) -> None:
    """The record of a signed call says whose key it was, and how the upstream's credential was shown."""
    answer = place.client("sts").get_caller_identity()
    line = place.gateway.access_line(answer["ResponseMetadata"]["HTTPHeaders"]["exeat-request-id"])
    assert (line["consumer"], line["key"], line["credential"]) == ("app", place.key.key[6:18], "aws-sigv4")
