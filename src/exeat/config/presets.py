"""Presets: what well-known APIs have in common for all who call them, each a file of `exeat/presets`.

Rule 1: a preset holds facts and no choices, and each fact has the page that says so; what no page was seen to say is
listed under `unconfirmed`.
Rule 2: `{name}` in a preset stands for a parameter, within `credential` for a secret too.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from exeat.config.entries import Entry
from exeat.config.reading import read_text

FOLDER = "presets"
SUFFIX = ".yaml"
PLACEHOLDER = re.compile(r"\{([a-z][a-z_]*)\}")
FACTS = ("url", "siblings", "credential", "idempotency_key", "limits", "verify")


class Parameter(Entry):
    """What an upstream has to say for itself: what that is, as an example, and what it is if nothing is said."""

    what: str = Field(alias="is", min_length=1)
    example: str = Field(min_length=1)
    default: str | None = Field(default=None, min_length=1)


class Verification(Entry):
    """A call that costs nothing and shows whether the secret is accepted; its path is below the preset's URL.

    `expect` are members of the JSON that is answered, for APIs that answer 200 whatever comes of it.
    """

    method: Literal["GET", "POST"] = "GET"
    path: str = Field(pattern=r"^/[!-~]*$")
    headers: dict[str, str] = Field(default_factory=dict)
    body: dict[str, Any] | None = Field(default=None, alias="json")
    expect: dict[str, Any] = Field(default_factory=dict)


class SignedLink(Entry):
    """A member of JSON whose URL the API's clients call without a secret."""

    field: str = Field(min_length=1)
    signed: str = Field(min_length=1)


class Preset(Entry):
    """A well-known API.

    `credential` is as a document has it, or several that are shown at once. `secrets` are the names of what is written
    under `credential` in its place. `limits` are the names of the fields that say what is still allowed. `notes` are
    what one has to know beyond that, as Markdown.
    """

    title: str = Field(min_length=1)
    url: str = Field(pattern=r"^https://[^/]+")
    siblings: tuple[str, ...] = ()
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    credential: dict[str, Any] | list[dict[str, Any]]
    secrets: dict[str, str] = Field(min_length=1)
    idempotency_key: Literal[True] | str | None = None
    links: tuple[str | SignedLink, ...] = ()
    limits: tuple[str, ...] = ()
    verify: Verification | None = None
    notes: str | None = Field(default=None, min_length=1)
    unconfirmed: tuple[Literal["url", "siblings", "credential", "idempotency_key", "limits", "verify"], ...] = ()
    sources: dict[str, str]

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        said = {fact for fact in FACTS if fact == "limits" or getattr(self, fact)}
        if said != set(self.sources):
            raise ValueError(f"has facts without a source, or sources without a fact: {said ^ set(self.sources)}")
        if not set(self.unconfirmed) <= said:
            raise ValueError("lists what isn't confirmed and isn't said either")
        if not all(source.startswith("https://") for source in self.sources.values()):
            raise ValueError("has a source that isn't a page")
        plain = {*placeholders(self.url), *placeholders(self.siblings)}
        plain |= set() if self.verify is None else set(placeholders(self.verify.path))
        known = {*self.parameters, *self.secrets}
        used = {*plain, *placeholders(self.credential)}
        if used != known or not plain <= set(self.parameters) or len(known) < len(self.parameters) + len(self.secrets):
            raise ValueError(f"uses {sorted(used)}, and has {sorted(known)}")
        return self


def links_of(preset: Preset) -> list[str | dict[str, str]]:
    """A preset's links as a document has them."""
    return [link if isinstance(link, str) else link.model_dump() for link in preset.links]


class UnknownPresetError(LookupError):
    """There is no preset of this name."""


def preset_names() -> tuple[str, ...]:
    """The names of all presets, sorted."""
    found = (entry.name for entry in files("exeat").joinpath(FOLDER).iterdir())
    return tuple(sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX)))


@cache
def read_preset(name: str) -> Preset:
    """One preset; UnknownPresetError if there is none of this name."""
    if name not in preset_names():
        raise UnknownPresetError(name)
    text = files("exeat").joinpath(FOLDER, name + SUFFIX).read_text("utf-8")
    reading = read_text(text, name + SUFFIX)
    if reading.problems:
        raise ValueError(str(reading.problems[0]))
    return Preset.model_validate(reading.data)


def placeholders(value: object) -> Iterator[str]:
    """The names that stand in braces, wherever in a value."""
    if isinstance(value, str):
        yield from PLACEHOLDER.findall(value)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from placeholders(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from placeholders(inner)


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """A value with what its placeholders stand for; one that is all of a text is replaced as it is."""
    if isinstance(value, str):
        alone = PLACEHOLDER.fullmatch(value)
        if alone is not None and alone[1] in values:
            return values[alone[1]]
        return PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), value)
    if isinstance(value, Mapping):
        return {name: fill(inner, values) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [fill(inner, values) for inner in value]
    return value
