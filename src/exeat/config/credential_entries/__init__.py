"""What Exeat shows an upstream, as the document writes it: one class for each kind, a file for each family."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from exeat.config.credential_entries.aws import AwsSigv4
from exeat.config.credential_entries.body import Body
from exeat.config.credential_entries.hmac import Hmac
from exeat.config.credential_entries.of_preset import OfPreset, require_kinds
from exeat.config.credential_entries.pool import Pool, PoolMember
from exeat.config.credential_entries.static import (
    Basic,
    Bearer,
    Caller,
    Cookie,
    Header,
    Nothing,
    Query,
    Segment,
)
from exeat.config.credential_entries.together import (
    CREDENTIAL_KINDS,
    STATIC_KINDS,
    PartField,
    Together,
    check_kind,
)
from exeat.config.credential_entries.tokens import (
    AnyToken,
    ClientCredentials,
    GithubApp,
    GoogleServiceAccount,
    JwtBearer,
    RefreshToken,
)


def _credential(value: object) -> object:
    """`caller` and `none` stand for themselves, a list for all that is in it; every other kind is a mapping.

    `{pool: […]}` is short for `{kind: pool, members: […]}`.
    """
    if value in ("caller", "none"):
        return {"kind": value}
    if isinstance(value, list):
        if not value:
            raise ValueError("is an empty list; list what is shown, or write 'none'")
        return {"kind": "list", "parts": value}
    if not isinstance(value, dict):
        raise ValueError("write {kind: …, …}, a list of such, or 'caller' or 'none' alone")  # noqa: TRY004
    if "pool" in value and "kind" not in value:
        return {"kind": "pool", **value}
    return check_kind(value, CREDENTIAL_KINDS)


Single = Bearer | Basic | Header | Query | Segment | Cookie | Body | Hmac | AwsSigv4 | AnyToken | Caller | Nothing
One = Single | Together | Pool
CredentialField = Annotated[
    Annotated[One, Field(discriminator="kind")],
    BeforeValidator(
        _credential, json_schema_input_type=Single | Pool | OfPreset | list[PartField] | Literal["caller", "none"]
    ),
]

__all__ = [
    "CREDENTIAL_KINDS", "STATIC_KINDS", "AnyToken", "AwsSigv4", "Basic", "Bearer", "Body", "Caller",
    "ClientCredentials", "Cookie", "CredentialField", "GithubApp", "GoogleServiceAccount", "Header", "Hmac",
    "JwtBearer", "Nothing", "One", "Pool", "PoolMember", "Query", "RefreshToken", "Segment", "Single",
    "Together", "check_kind", "require_kinds",
]  # fmt: skip
