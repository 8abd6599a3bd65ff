"""AWS on loopback: moto in a process of its own, which verifies every signature, and clients by boto3."""

import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from tests.support.certificates import Authority
from tests.support.gateway import environment

ROOT = Path(__file__).parents[2]
REGION = "eu-west-1"
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class Account(NamedTuple):
    """Who may call: an access key's id, its secret, and the token of a session."""

    access_key: str
    secret_key: str
    session_token: str | None = None


class Cloud(NamedTuple):
    """Where it is, and who may call it for long and for a session."""

    url: str
    account: Account
    session: Account


def client(service: str, url: str, account: Account, ca: Path, **options: Any) -> Any:
    """A client of a service, as its documentation shows it, with everything said here and nothing found elsewhere."""
    return boto3.session.Session().client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=account.access_key,
        aws_secret_access_key=account.secret_key,
        aws_session_token=account.session_token,
        verify=str(ca),
        config=Config(**{"retries": {"total_max_attempts": 1}, **options}),
    )


@contextmanager
def cloud(authority: Authority, folder: Path) -> Iterator[Cloud]:
    """Run it for the length of a block; from then on it refuses whatever isn't signed right."""
    certificate, key = folder / "moto.pem", folder / "moto.key"
    authority.write_pair(certificate, key)
    with (folder / "moto.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.moto_server", str(certificate), str(key)],
            cwd=ROOT,
            env=environment({}),
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        with process.stdout as said:
            url = f"https://127.0.0.1:{int(said.readline())}"
        yield _furnish(url, authority)
    finally:
        process.terminate()
        process.wait(10)


def _furnish(url: str, authority: Authority) -> Cloud:
    """Make a user and a role that may do anything, then have signatures verified."""
    first = Account("testing", "testing")
    iam = client("iam", url, first, authority.file)
    iam.create_user(UserName="exeat")
    iam.put_user_policy(UserName="exeat", PolicyName="all", PolicyDocument=json.dumps(ANYTHING))
    made = iam.create_access_key(UserName="exeat")["AccessKey"]
    role = iam.create_role(RoleName="visitor", AssumeRolePolicyDocument=json.dumps(ANYTHING))["Role"]
    iam.put_role_policy(RoleName="visitor", PolicyName="all", PolicyDocument=json.dumps(ANYTHING))
    assumed = client("sts", url, first, authority.file).assume_role(RoleArn=role["Arn"], RoleSessionName="visit")
    session = assumed["Credentials"]
    plain = {"Content-Type": "text/plain"}
    request = urllib.request.Request(f"{url}/moto-api/reset-auth", data=b"0", headers=plain)  # noqa: S310
    context: ssl.SSLContext = authority.client_context()
    with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310
        assert answer.status == 200
    return Cloud(
        url,
        Account(made["AccessKeyId"], made["SecretAccessKey"]),
        Account(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]),
    )
