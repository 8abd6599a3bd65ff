"""Several credentials of which each call shows one, as the document writes them."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from exeat.config import fields as f
from exeat.config.credential_entries.aws import AwsSigv4
from exeat.config.credential_entries.body import Body
from exeat.config.credential_entries.hmac import Hmac
from exeat.config.credential_entries.static import Basic, Bearer, Cookie, Header, Query, Segment
from exeat.config.credential_entries.together import CREDENTIAL_KINDS, PartField, Together, check_kind
from exeat.config.credential_entries.tokens import AnyToken
from exeat.config.endpoint_grammar import MOST_WEIGHT, whole
from exeat.config.entries import Entry

MOST_MEMBERS = 100
# What shows nothing of Exeat's own has no place in a pool, nor has a pool.
MEMBER_KINDS = tuple(kind for kind in CREDENTIAL_KINDS if kind not in {"caller", "none", "pool"})
OWN_FIELDS = ("weight", "label")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


def _label(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError("a label begins with a letter or digit, and has only those, '.', '_' and '-', at most 32")
    return text


def _member(value: object) -> object:
    """A credential, its weight and its label, which stand beside each other; a list is shown as a whole."""
    if isinstance(value, list):
        return {"credential": {"kind": "list", "parts": value}}
    if not isinstance(value, dict):
        raise ValueError("write {kind: …, …}, or a list of such that are shown together")  # noqa: TRY004
    own = {name: value[name] for name in OWN_FIELDS if name in value}
    shown = {name: item for name, item in value.items() if name not in OWN_FIELDS}
    return {**own, "credential": check_kind(shown, MEMBER_KINDS)}


def _describe(schema: dict[str, Any]) -> None:
    """The schema of what is written: the fields of the credential's kind stand beside its weight."""
    own = schema["properties"]
    kind = {"enum": list(MEMBER_KINDS), "description": "The kind of the credential, with the fields of that kind."}
    schema["properties"] = {"kind": kind, **{name: own[name] for name in OWN_FIELDS}}
    del schema["required"]  # of an upstream with a preset, the kind is the preset's
    schema["additionalProperties"] = True


LabelField = Annotated[str, PlainValidator(f.from_text(_label)), f.text_schema("team-a", f"^{_LABEL.pattern}$")]
WeightField = Annotated[
    int,
    PlainValidator(whole(1, MOST_WEIGHT)),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": MOST_WEIGHT}, {"type": "string"}]}),
]


class PoolMember(Entry):
    """One credential of a pool: the fields of its kind, and these. A list of credentials is one that shows them all."""

    model_config = ConfigDict(json_schema_extra=_describe)

    credential: Annotated[
        Bearer | Basic | Header | Query | Segment | Cookie | Body | Hmac | AwsSigv4 | AnyToken | Together,
        Field(discriminator="kind"),
    ]
    weight: WeightField = Field(
        default=1, description="How many calls show it, compared to the others of the pool, from 1 to 1000."
    )
    label: LabelField | None = Field(
        default=None, description="What it is called in records and in the status; its place in the pool, without."
    )


def _members(value: object) -> object:
    if isinstance(value, list) and not value:
        raise ValueError("is an empty list; list the credentials of which each call shows one")
    if isinstance(value, list) and len(value) > MOST_MEMBERS:
        raise ValueError(f"lists more than {MOST_MEMBERS} credentials")
    return value


MemberField = Annotated[PoolMember, BeforeValidator(_member, json_schema_input_type=PoolMember | list[PartField])]
Members = Annotated[list[MemberField], Field(min_length=1, max_length=MOST_MEMBERS), BeforeValidator(_members)]


class Pool(Entry):
    """Several credentials of which each call shows one, by their weights; one that is refused or has no calls rests.

    `{pool: […]}` is short for `{kind: pool, members: […]}`.
    """

    kind: Literal["pool"] = Field(default="pool", description="The kind of the credential.")
    members: Members = Field(default=[], description="The credentials.")
    pool: Members = Field(default=[], description="The same, where 'kind' isn't written.")

    @model_validator(mode="after")
    def _has_members_once(self) -> Self:
        if bool(self.members) == bool(self.pool):
            raise ValueError("has both 'members' and 'pool'; write one" if self.members else "has no 'members'")
        labels = [label for label, _ in self.labelled()]
        if len(set(labels)) < len(labels):
            raise ValueError("has two credentials of one label (without one, it is the place in the list)")
        shown = [member.credential for _, member in self.labelled()]
        if any(one in shown[:place] for place, one in enumerate(shown)):
            raise ValueError("lists a credential twice; write it once, with the weight of both")
        return self

    def labelled(self) -> list[tuple[str, PoolMember]]:
        """The credentials with what they are called."""
        members = self.members or self.pool
        return [(member.label or str(place), member) for place, member in enumerate(members, 1)]
