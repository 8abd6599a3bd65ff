"""Credentials that are made of the request itself: signatures, and fields of its body."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from exeat.model.secret import Secret


@dataclass(frozen=True, slots=True)
class AwsSignature:
    """Signature Version 4 of AWS. `region` and `service` are None where the host's name says them.

    `unsigned_payload` signs the head alone (`UNSIGNED-PAYLOAD`), which S3 allows over TLS.
    """

    access_key: str
    secret_key: Secret
    session_token: Secret | None = None
    region: str | None = None
    service: str | None = None
    unsigned_payload: bool = False


TimestampFormat = Literal["seconds", "milliseconds", "iso8601", "http"]


@dataclass(frozen=True, slots=True)
class HmacSignature:
    """An HMAC over a text made of the request; policy/sign/template.py lists the placeholders of a template.

    `fields` are the fields that carry the result, each a name and a template; one without a placeholder may be secret.
    `key` is the key's octets as latin-1 text, whatever its encoding was in the document.
    """

    key: Secret
    algorithm: Literal["sha1", "sha256", "sha512"]
    encoding: Literal["hex", "base64"]
    template: str
    fields: tuple[tuple[str, str], ...] = field(repr=False)
    timestamp: TimestampFormat = "seconds"

    @property
    def needs_body(self) -> bool:
        """Whether the whole body has to be there before the head can leave."""
        return any("{body" in text for text in (self.template, *(template for _, template in self.fields)))


class BodyField(NamedTuple):
    """A member of a JSON object, or a field of a form, that is set in the request's body."""

    name: str
    secret: Secret
    format: Literal["json", "form"]
