"""Sibling hosts of an upstream, and links in JSON bodies, as people write them."""

import re
from collections.abc import Iterable
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from exeat.config import fields as f
from exeat.config import grammar
from exeat.config.entries import Entry
from exeat.config.problem import quote
from exeat.model.json_path import JsonPath, parse_json_path
from exeat.model.links import Links, SignedLinks
from exeat.model.origin import Target

MOST_SIBLINGS: Final = 100
MOST_LINKS: Final = 100
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
Member = str | JsonPath
_NAME = re.compile(r'[^\x00-\x1f\x7f\[\]"\\]{1,100}')


def _host(text: str) -> Target:
    """A sibling: `host`, `host:port`, or a URL without a path."""
    target = grammar.parse_upstream_url(text if "//" in text else f"https://{text}")
    if target.path:
        raise ValueError(f"{quote(text)} has a path; write the host alone: {quote(target.origin.authority)}")
    return target


class Sibling(Entry):
    """Another host of the same API. The host alone stands for `{host: …}`."""

    host: Annotated[Target, PlainValidator(f.from_text(_host)), f.text_schema("uploads.example.com")] = Field(
        description="Its host, with a port if need be; `https`, unless it is written as a URL."
    )
    credential: f.FlagField = Field(
        default=True,
        description="Whether the upstream's credential is shown there, too; with `false` nothing is, no client"
        " certificate either.",
    )


def _sibling(value: object) -> object:
    return {"host": value} if isinstance(value, str) else value


def _siblings(value: object) -> object:
    if value == "off":
        return []
    if not isinstance(value, list):
        raise ValueError("must be a list, as in [uploads.example.com]")  # noqa: TRY004
    if not value:
        raise ValueError("is an empty list; list something, or remove the line")
    if len(value) > MOST_SIBLINGS:
        raise ValueError(f"lists more than {MOST_SIBLINGS} siblings")
    return value


SiblingField = Annotated[Sibling, BeforeValidator(_sibling, json_schema_input_type=Sibling | f.TextField)]
SiblingsField = Annotated[
    list[SiblingField], BeforeValidator(_siblings, json_schema_input_type=list[SiblingField] | Literal["off"])
]


def _member(item: object) -> Member:
    """The name of a member, or a JSON path; a path to a name at any depth is that name."""
    if not isinstance(item, str) or not item:
        raise ValueError(f"{quote(item)} isn't text; quote it")
    if item.startswith("$"):
        path = parse_json_path(item)
        if len(path.steps) == 1 and path.steps[0].deep and path.steps[0].name is not None:
            return path.steps[0].name
        return path
    if not _NAME.fullmatch(item):
        raise ValueError(f"{quote(item)} isn't the name of a member; write next, or a JSON path as $.paging.next")
    return item


def _method(text: str) -> bytes:
    """The method of a link: one that clients call such URLs by."""
    method = grammar.parse_method(text)
    if text not in METHODS:
        raise ValueError(f"{quote(text)} isn't a method that URLs are called by; write {', '.join(METHODS)}")
    return method


MemberField = Annotated[Member, PlainValidator(_member), f.text_schema("upload_url")]


class Link(Entry):
    """Members of JSON answers that hold URLs. What `field` says stands alone where nothing else is said."""

    field: MemberField = Field(description="A name, wherever it is, or a JSON path as in `$.paging.next.link`.")
    signed: f.DurationField | None = Field(
        default=None,
        description="How long the URL may be called without a key, as in `15m`, in the name of the key that got it.",
    )
    method: Annotated[bytes, PlainValidator(f.from_text(_method)), WithJsonSchema({"enum": list(METHODS)})] = Field(
        default=b"POST", description="The one method that such a URL may be called by."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.signed is None and "method" in self.model_fields_set:
            raise ValueError("has 'method' without 'signed'; say how long the URL may be called, as in signed: 15m")
        if self.signed is not None and self.signed < 1:
            raise ValueError("is signed for less than 1s, which nobody could use in time")
        return self

    @property
    def way(self) -> tuple[bytes, float] | None:
        """How it is signed: for which method and how long (s); None where it isn't."""
        return None if self.signed is None else (self.method, self.signed)


def _link(value: object) -> object:
    return value if isinstance(value, dict) else {"field": value}


def _links(value: object) -> object:
    if value == "off":
        return []
    if not isinstance(value, list) or not value or len(value) > MOST_LINKS:
        raise ValueError(f"must be a list of 1 to {MOST_LINKS} names or JSON paths, as in [next, $.paging.next]")
    return value


def _in_one_way(links: list[Link]) -> list[Link]:
    ways: dict[Member, tuple[bytes, float] | None] = {}
    for link in links:
        if ways.setdefault(link.field, link.way) != link.way:
            raise ValueError(f"lists {quote(_written(link.field))} twice, and signed in different ways")
    return links


LinkField = Annotated[Link, BeforeValidator(_link, json_schema_input_type=Link | f.TextField)]
LinksField = Annotated[
    list[LinkField],
    BeforeValidator(_links, json_schema_input_type=list[LinkField] | Literal["off"]),
    AfterValidator(_in_one_way),
]


def compile_links(links: list[Link]) -> Links | None:
    """What is listed, by how it is rewritten; None for nothing."""
    if not links:
        return None
    ways = dict.fromkeys(link.way for link in links)
    return Links(
        *_apart(link for link in links if link.way is None),
        tuple(SignedLinks(*_apart(link for link in links if link.way == way), *way) for way in ways if way is not None),
    )


def _written(member: Member) -> str:
    return member if isinstance(member, str) else member.text


def _apart(links: Iterable[Link]) -> tuple[tuple[str, ...], tuple[JsonPath, ...]]:
    """Names and paths apart, each of them once."""
    members = list(dict.fromkeys(link.field for link in links))
    names = tuple(member for member in members if isinstance(member, str))
    return names, tuple(member for member in members if not isinstance(member, str))
