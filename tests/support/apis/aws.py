"""A little of S3 and SQS, which let in who signs with one access key: botocore verifies."""

import hashlib
import json
import re
import threading
from typing import Any
from unittest import mock
from urllib.parse import unquote

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.apis.answers import Reply, Request

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/(\w+)/aws4_request, SignedHeaders=([\w;-]+), Signature=(\w+)"
)
XML = {"Content-Type": "application/xml"}


class Aws:
    """Both services of one account."""

    def __init__(self, secret: str) -> None:
        self._credentials = Credentials(ACCESS_KEY, secret)
        self._lock = threading.Lock()
        self._objects: dict[str, bytes] = {}
        self._messages: list[str] = []

    def s3(self, request: Request) -> Reply:
        """Objects are put, read and listed."""
        if not self._is_signed(request, S3SigV4Auth):
            return Reply(403, b"<Error><Code>SignatureDoesNotMatch</Code><Message>No.</Message></Error>", XML)
        with self._lock:
            match request.method:
                case "PUT":
                    self._objects[request.path] = request.body
                    return Reply(200, b"", {"ETag": f'"{hashlib.md5(request.body).hexdigest()}"'})  # noqa: S324
                case "GET" if request.path in self._objects:
                    return Reply(200, self._objects[request.path], {"Content-Type": "text/plain"})
                case "GET" if "list-type" in request.query:
                    keys = [unquote(path.removeprefix(f"{request.path}/")) for path in sorted(self._objects)]
                    listed = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
                    return Reply(200, f"<ListBucketResult>{listed}</ListBucketResult>".encode(), XML)
                case _:
                    return Reply(404, b"<Error><Code>NoSuchKey</Code><Message>None.</Message></Error>", XML)

    def sqs(self, request: Request) -> Reply:
        """Messages are sent and received."""
        if not self._is_signed(request, SigV4Auth):
            return Reply(403, {"__type": "SignatureDoesNotMatch", "message": "No."})
        asked: dict[str, Any] = json.loads(request.body)
        with self._lock:
            if request.fields["x-amz-target"].endswith("SendMessage"):
                text = str(asked["MessageBody"])
                self._messages.append(text)
                digest = hashlib.md5(text.encode()).hexdigest()  # noqa: S324
                return Reply(200, {"MessageId": "1", "MD5OfMessageBody": digest})
            found = [{"MessageId": "1", "ReceiptHandle": "1", "Body": text} for text in self._messages]
            return Reply(200, {"Messages": found})

    def _is_signed(self, request: Request, kind: type[SigV4Auth]) -> bool:
        match = _AUTHORIZATION.fullmatch(request.fields.get("authorization", ""))
        said = request.fields.get("x-amz-content-sha256", "")
        if match is None or said not in {hashlib.sha256(request.body).hexdigest(), "UNSIGNED-PAYLOAD"}:
            return False
        access_key, _, region, service, names, signature = match.groups()
        query = "&".join(f"{name}={value}" for name, values in request.query.items() for value in values)
        url = f"{request.root}{request.path}{'?' + query if query else ''}"
        covered = {name: request.fields[name] for name in names.split(";")}
        signer = kind(self._credentials, service, region)
        again = AWSRequest(method=request.method, url=url, data=request.body, headers=covered)
        again.context["timestamp"] = covered["x-amz-date"]
        with mock.patch.object(signer, "payload", return_value=said):
            text = signer.string_to_sign(again, signer.canonical_request(again))
        return access_key == ACCESS_KEY and signer.signature(text, again) == signature
