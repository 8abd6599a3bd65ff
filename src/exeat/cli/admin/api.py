"""The admin API as commands use it: a request, its answer as data, and every failure as one exception.

Rule 1: what the API refuses leaves as it said it; a secret that was sent is in no message.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

import httpx
import orjson

PREFIX = "/api/v1"
PAGE = 1000
JSON = "application/json"
YAML = "application/yaml"
PROBLEM_JSON = "application/problem+json"


class Answer(NamedTuple):
    """What a request brought: data (None where there is none), and the version of what it shows."""

    body: Any
    tag: str | None = None


class Problem(NamedTuple):
    """One thing that is wrong with what was sent; `pointer` is its place in that, `path` its place in the document."""

    pointer: str
    message: str
    path: str = ""
    source: str = ""

    def __str__(self) -> str:
        within = self.pointer.removeprefix("/").replace("/", ".")
        where = (self.path or within,) if within else (self.source, self.path)
        return ": ".join(part for part in (*where, self.message) if part)


class ApiError(Exception):
    """The API has answered that it doesn't do what was asked; nothing was changed."""

    def __init__(self, status: int, code: str, detail: str, hint: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.hint = hint
        self.problems = tuple(problems)


class ApiAwayError(Exception):
    """There is no answer, or none of the admin API; the sentence says where it was asked."""


class Transport(Protocol):
    """Sends requests to one API: over the network, or within this process."""

    @property
    def where(self) -> str:
        """What messages call it."""

    def send(
        self, method: str, path: str, *, params: Mapping[str, str], headers: Mapping[str, str], content: bytes
    ) -> httpx.Response:
        """The answer; ApiAwayError if there is none."""


@dataclass(frozen=True, slots=True)
class Api:
    """The admin API of one gateway. Paths begin below /api/v1; parameters that are None are left out."""

    transport: Transport

    def get(self, path: str, **parameters: str | None) -> Answer:
        """Read something."""
        return self._ask("GET", path, parameters)

    def post(self, path: str, data: object = None, **parameters: str | None) -> Answer:
        """Make something, or have something done."""
        return self._ask("POST", path, parameters, data)

    def post_text(self, path: str, text: str, tag: str | None = None, **parameters: str | None) -> Answer:
        """Send a document as it is written, to what has this version if one is said."""
        based_on = {"If-Match": tag} if tag else {}
        return self._ask("POST", path, parameters, content=text.encode(), media_type=YAML, based_on=based_on)

    def put(self, path: str, data: object, tag: str | None, **parameters: str | None) -> Answer:
        """Put something in the place of what has this version; None: where nothing is."""
        return self._ask("PUT", path, parameters, data, based_on=_based_on(tag))

    def patch(self, path: str, data: object, tag: str | None, **parameters: str | None) -> Answer:
        """Change members of what has this version."""
        based_on = {"If-Match": tag} if tag else {}
        return self._ask("PATCH", path, parameters, data, based_on=based_on)

    def delete(self, path: str, tag: str | None, **parameters: str | None) -> Answer:
        """Remove what has this version."""
        based_on = {"If-Match": tag} if tag else {}
        return self._ask("DELETE", path, parameters, based_on=based_on)

    def items(self, path: str, **parameters: str | None) -> Iterator[dict[str, Any]]:
        """All of a list, page after page."""
        after: str | None = None
        while True:
            page = self.get(path, limit=str(PAGE), after=after, **parameters).body
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

    def _ask(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str | None],
        data: object = None,
        *,
        content: bytes = b"",
        media_type: str = JSON,
        based_on: Mapping[str, str] | None = None,
    ) -> Answer:
        content = content or (b"" if data is None else orjson.dumps(data))
        headers = {"Accept": JSON, **(based_on or {})}
        if content:
            headers["Content-Type"] = media_type
        params = {name: value for name, value in parameters.items() if value is not None}
        response = self.transport.send(method, PREFIX + path, params=params, headers=headers, content=content)
        return _read(response, self.transport.where)


def path_of(*parts: str) -> str:
    """A path of names, whatever characters they have."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _based_on(tag: str | None) -> dict[str, str]:
    return {"If-None-Match": "*"} if tag is None else {"If-Match": tag}


def _read(response: httpx.Response, where: str) -> Answer:
    kind = response.headers.get("content-type", "").partition(";")[0]
    if response.is_success and kind == YAML:
        return Answer(response.text, response.headers.get("etag"))
    try:
        body = orjson.loads(response.content) if response.content else None
    except orjson.JSONDecodeError:
        body, kind = None, "text"
    if response.is_success and (not response.content or kind == JSON):
        return Answer(body, response.headers.get("etag"))
    if kind != PROBLEM_JSON or not isinstance(body, dict):
        raise ApiAwayError(f"{where} answers {response.status_code}, but not as the admin API of Exeat does")
    raise ApiError(
        response.status_code,
        str(body.get("code", "")),
        str(body.get("detail", "")),
        str(body.get("hint", "")),
        problems_in(body.get("problems")),
    )


def problems_in(found: object) -> list[Problem]:
    """Problems, or warnings, as an answer lists them."""
    return [
        Problem(*(str(entry.get(name, "")) for name in Problem._fields))
        for entry in (found if isinstance(found, list) else [])
    ]
