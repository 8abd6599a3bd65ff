"""Several credentials that are shown at once; and which kinds there are, for all that lists kinds."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from exeat.config.credential_entries.body import Body
from exeat.config.credential_entries.hmac import Hmac
from exeat.config.credential_entries.static import Basic, Bearer, Cookie, Header, Query, Segment
from exeat.config.entries import Entry

CREDENTIAL_KINDS = (
    "bearer",
    "basic",
    "header",
    "query",
    "path",
    "cookie",
    "body",
    "hmac",
    "aws-sigv4",
    "oauth2-client-credentials",
    "oauth2-refresh-token",
    "jwt-bearer",
    "github-app",
    "google-service-account",
    "caller",
    "none",
    "pool",
)
# Of these, several may be shown at once.
STATIC_KINDS = ("bearer", "basic", "header", "query", "path", "cookie", "body", "hmac")


def _part(value: object) -> object:
    """One of several that are shown at once."""
    if not isinstance(value, dict):
        raise ValueError("write {kind: …, …}")  # noqa: TRY004
    return check_kind(value, STATIC_KINDS)


def check_kind(value: Mapping[str, object], kinds: tuple[str, ...]) -> object:
    """A credential that says of which kind it is; ValueError where that isn't one of `kinds`."""
    kind = value.get("kind")
    if kind is None:
        raise ValueError(f"has no 'kind'; it is one of {', '.join(kinds)}")
    if kind not in kinds:
        known = "can't stand here" if kind in CREDENTIAL_KINDS else "is of a kind that this version doesn't know"
        raise ValueError(f"{known}; it is one of {', '.join(kinds)}")
    return value


PartField = Annotated[
    Annotated[Bearer | Basic | Header | Query | Segment | Cookie | Body | Hmac, Field(discriminator="kind")],
    BeforeValidator(_part),
]


class Together(Entry):
    """Several static credentials that are shown at once, each in a place of its own."""

    kind: Literal["list"]
    parts: list[PartField] = Field(min_length=1)

    @model_validator(mode="after")
    def _have_places(self) -> Self:
        places = [place for part in self.parts for place in _places_of(part)]
        if len(set(places)) < len(places):
            raise ValueError("lists two credentials for the same place; each needs one of its own")
        if ("field", "cookie") in places and any(sort == "cookie" for sort, _ in places):
            raise ValueError(
                "lists a cookie and the whole field Cookie; write each cookie as a credential of that kind"
            )
        return self


def _places_of(
    part: Bearer | Basic | Header | Query | Segment | Cookie | Body | Hmac,
) -> list[tuple[str, str]]:
    match part:
        case Header(name=name):
            return [("field", name.lower())]
        case Query(name=name):
            return [("query", name)]
        case Cookie(name=name):
            return [("cookie", name)]
        case Segment():
            return [("path", "")]
        case Body():
            return [("body", "")]
        case Hmac():
            return [("signature", ""), *(("field", name.lower()) for name, _ in part.fields())]
        case _:
            return [("field", "authorization")]
