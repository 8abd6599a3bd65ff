"""Requests as a client of AWS signs them: by botocore, at a time and for a host that a test chooses."""

import datetime as dt
from collections.abc import Iterable
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import botocore.auth
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from exeat.policy.sign.aws_chunks import Chain, Seed
from exeat.policy.sign.caller import read_signed
from exeat.policy.sign.canonical import Scope, signing_key
from exeat.wire.http1 import parse_request

ACCESS, SECRET = "EXEATabcdef123456", "a-secret-that-was-derived-from-a-master-key"
NOW = 1_767_225_600.0
HOST = "gateway.test:8443"


def signed(
    target: str,
    service: str = "s3",
    method: str = "GET",
    body: bytes = b"",
    *,
    fields: Iterable[tuple[str, str]] = (),
    token: str | None = None,
    signer: type[SigV4Auth] | None = None,
    access_key: str = ACCESS,
    secret: str = SECRET,
    host: str = HOST,
    now: float = NOW,
    **options: Any,
) -> bytes:
    """The head of a signed request as it is sent, without its last CRLF CRLF."""
    request = AWSRequest(method=method, url=f"https://{host}{target}", data=body or None)
    for name, value in fields:
        request.headers[name] = value
    kind = signer or (S3SigV4Auth if service == "s3" else SigV4Auth)
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=moment):
        kind(Credentials(access_key, secret, token), service, "us-east-1", **options).add_auth(request)
    parts = urlsplit(request.url)
    line = f"{method} {parts.path}{'?' + parts.query if parts.query else ''} HTTP/1.1"
    lines = [line, f"Host: {host}", *(f"{name}: {value}" for name, value in request.headers.items())]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode()


def chunked(seed: Seed, *chunks: bytes) -> bytes:
    """A body in chunks that are signed one by one."""
    chain = Chain(seed)
    return b"".join(
        b"%x;chunk-signature=%b\r\n%b\r\n" % (len(content), chain.sign(content), content) for content in (*chunks, b"")
    )


def in_chunks(target: str, *chunks: bytes, secret: str = SECRET, **options: Any) -> tuple[bytes, bytes]:
    """Head and body of an upload to S3 whose chunks are signed one by one."""
    nothing = Seed(b"", b"", Scope(b"", b"", b""), b"")
    fields = [
        ("Content-Length", str(len(chunked(nothing, *chunks)))),
        ("Content-Encoding", "aws-chunked"),
        ("X-Amz-Decoded-Content-Length", str(sum(map(len, chunks)))),
    ]
    with mock.patch.object(S3SigV4Auth, "payload", return_value="STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
        head = signed(target, "s3", "PUT", fields=fields, secret=secret, **options)
    found = read_signed(parse_request(head), None)
    seed = Seed(signing_key(secret.encode(), found.scope), found.text, found.scope, found.signature)
    return head + b"\r\n\r\n", chunked(seed, *chunks)
