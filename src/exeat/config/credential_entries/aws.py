"""Signature Version 4 of AWS, as the document writes it."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, PlainValidator

from exeat.config import fields as f
from exeat.config.entries import Entry
from exeat.model.origin import Target
from exeat.policy.sign.aws_hosts import find_scope

_ACCESS_KEY = re.compile(r"[!-+\-.0-~]+")  # visible ASCII without the ',' and '/' that end it
_WORD = re.compile(r"[A-Za-z0-9-]+")


def _access_key(text: str) -> str:
    if not _ACCESS_KEY.fullmatch(text):
        raise ValueError("isn't an access key's id, which looks like AKIAIOSFODNN7EXAMPLE")
    return text


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise ValueError("must be letters, digits and '-', as in eu-west-1 or s3")
    return text


AccessKeyField = Annotated[str, PlainValidator(f.from_text(_access_key)), f.text_schema("AKIAIOSFODNN7EXAMPLE")]
RegionField = Annotated[str, PlainValidator(f.from_text(_word)), f.text_schema("eu-west-1")]
ServiceField = Annotated[str, PlainValidator(f.from_text(_word)), f.text_schema("s3")]


class AwsSigv4(Entry):
    """A signature by AWS Signature Version 4; what the caller signed is verified, and signed anew."""

    kind: Literal["aws-sigv4"] = Field(description="The kind of the credential.")
    access_key: AccessKeyField = Field(description="The access key's id.")
    secret_key: f.TokenField = Field(description="The secret access key; it never leaves.")
    session_token: f.TokenField | None = Field(
        default=None, description="The session's token, where the access key is a temporary one."
    )
    region: RegionField | None = Field(
        default=None, description="The region, where the host's name doesn't say it; every host of AWS does."
    )
    service: ServiceField | None = Field(
        default=None, description="The service's signing name, such as `s3`, where the host's name doesn't say it."
    )
    unsigned_payload: f.FlagField = Field(
        default=False,
        description="Whether bodies aren't signed: they then stream, however large. S3 allows that over https.",
    )

    def fault(self, targets: Iterable[Target]) -> str | None:
        """What is missing to sign for all of an upstream's endpoints."""
        for target in targets:
            found = find_scope(target.origin.host)
            lacks = [
                name
                for name, said in (("region", self.region or found.region), ("service", self.service or found.service))
                if said is None
            ]
            if lacks:
                return f"needs {' and '.join(lacks)}: the name '{target.origin.host}' doesn't say it"
            if self.unsigned_payload and (fault := _unsigned_fault(target, self.service or found.service or "")):
                return fault
        return None


def _unsigned_fault(target: Target, service: str) -> str | None:
    """Why bodies have to be signed there: S3 alone takes them as they are, and no service does in plaintext.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, at the payload.
    """
    if not service.startswith("s3"):  # s3express, s3-outposts and their like are S3 as well
        return f"has 'unsigned_payload', which S3 alone takes, and not {service}; remove it"
    if target.origin.scheme == "http":
        return "has 'unsigned_payload', with which anybody on the way could change a body of http://; use https://"
    return None
