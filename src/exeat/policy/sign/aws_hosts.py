"""What the name of a host of AWS says: which service it is, and in which region.

https://docs.aws.amazon.com/general/latest/gr/rande.html; how services sign is in the models of botocore.
"""

import re
from typing import Final, NamedTuple

_SUFFIXES: Final = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws", ".on.aws")
_REGION: Final = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,2}-[0-9]{1,2}")
_OLD_S3: Final = re.compile(r"s3-(" + _REGION.pattern + ")")
_EXPRESS: Final = re.compile(r"s3express-[a-z0-9-]+")
_GLOBAL: Final = "us-east-1"  # where a name has no region, it is that of the whole of AWS

# The name by which a service signs, where that isn't the one in its host: by the last labels of its name.
_SIGNS_AS: Final = {
    "account-access-runtime": "account-access",
    "agent-registry-control": "agent-registry",
    "agreement-marketplace": "aws-marketplace",
    "appconfigdata": "appconfig",
    "appstream2": "appstream",
    "bedrock-agent": "bedrock",
    "bedrock-agent-runtime": "bedrock",
    "bedrock-agentcore-control": "bedrock-agentcore",
    "bedrock-data-automation": "bedrock",
    "bedrock-data-automation-runtime": "bedrock",
    "bedrock-runtime": "bedrock",
    "cassandra-streams": "cassandra",
    "cloudhsmv2": "cloudhsm",
    "cloudsearchdomain": "cloudsearch",
    "cloudwatch-omni": "cloudwatch",
    "contact-lens": "connect",
    "data-ats.iot": "iotdata",
    "data-signer": "signer",
    "data.iot": "iotdata",
    "data.jobs.iot": "iot-jobs-data",
    "deployment-marketplace": "aws-marketplace",
    "discovery-marketplace": "aws-marketplace",
    "email": "ses",
    "eventsv2": "events",
    "forecastquery": "forecast",
    "iam-toolbox": "iam",
    "identity-chime": "chime",
    "ivsrealtime": "ivs",
    "lambda-url": "lambda",
    "mail-manager": "ses",
    "marketplace": "aws-marketplace",
    "media-pipelines-chime": "chime",
    "meetings-chime": "chime",
    "memory-db": "memorydb",
    "messaging-chime": "chime",
    "migrationhub-config": "mgh",
    "models-v2-lex": "lex",
    "oidc": "sso-oauth",
    "participant.connect": "execute-api",
    "partnercentral-prm": "partnercentral",
    "personalize-events": "personalize",
    "personalize-runtime": "personalize",
    "pinpoint": "mobiletargeting",
    "portal.sso": "awsssoportal",
    "queue": "sqs",
    "reporting-marketplace": "aws-marketplace",
    "runtime-v2-lex": "lex",
    "s3-accelerate": "s3",
    "s3-accesspoint": "s3",
    "s3-control": "s3",
    "servicecatalog-appregistry": "servicecatalog",
    "sms-voice.pinpoint": "sms-voice",
    "tunneling.iot": "IoTSecuredTunneling",
    "voice-chime": "chime",
}


class Found(NamedTuple):
    """What a host's name says; None where it says nothing."""

    region: str | None
    service: str | None


def find_scope(host: str) -> Found:
    """Region and service of a host, with or without a port."""
    name = host.partition(":")[0].lower()
    suffix = next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), None)
    if suffix is None:
        return Found(None, None)
    labels = [label for label in name.removesuffix(suffix).split(".") if label != "dualstack"]
    if labels[-1] == "vpce":  # an interface endpoint: vpce-….sqs.us-east-1.vpce.amazonaws.com
        del labels[-1]
    if not labels:
        return Found(None, None)
    last = labels[-1]
    if _REGION.fullmatch(last):
        return Found(last, _service(labels[:-1]))
    if match := _OLD_S3.fullmatch(last):
        return Found(match[1], "s3")
    if len(labels) > 1 and _REGION.fullmatch(labels[-2]):  # search-….us-east-1.es.amazonaws.com
        return Found(labels[-2], _service(labels[-1:]))
    has_region = suffix != ".amazonaws.com" or last == "s3-accelerate"  # and it isn't in the name
    return Found(None if has_region else _GLOBAL, _service(labels))


def _service(labels: list[str]) -> str | None:
    """The service that the end of a name says."""
    if not labels:
        return None
    ends = [".".join(labels[-count:]).removesuffix("-fips") for count in (3, 2, 1)]
    known = next((_SIGNS_AS[end] for end in ends if end in _SIGNS_AS), None)
    if known is not None:
        return known
    return "s3express" if _EXPRESS.fullmatch(ends[-1]) else ends[-1]
