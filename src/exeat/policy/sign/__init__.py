"""Signatures over the request itself, one file for each scheme."""

from exeat.model.signing import AwsSignature, HmacSignature
from exeat.policy.sign.aws import needs_body_aws, sign_aws
from exeat.policy.sign.hmac import sign_hmac
from exeat.wire.http1 import RequestHead
from exeat.wire.outgoing import Outgoing


def needs_body(head: RequestHead, signing: AwsSignature | HmacSignature) -> bool:
    """Whether the whole body has to be there before the head can be signed."""
    if not head.has_body:
        return False
    return needs_body_aws(head, signing) if isinstance(signing, AwsSignature) else signing.needs_body


def sign(outgoing: Outgoing, signing: AwsSignature | HmacSignature, now: float) -> Outgoing:
    """The request with its signature; `now` is seconds since the epoch."""
    if isinstance(signing, AwsSignature):
        return sign_aws(outgoing, signing, now)
    return sign_hmac(outgoing, signing, now)
