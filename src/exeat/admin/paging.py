"""Pages of lists: how many, and from where on."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Query
from starlette.responses import JSONResponse

PAGE = 100
MOST = 1000


class Page(NamedTuple):
    """What part of a list is asked for: at most `limit`, those that come after `after`."""

    limit: int
    after: str | None


def _page(
    limit: Annotated[int, Query(ge=1, le=MOST, description="How many at most.")] = PAGE,
    after: Annotated[str | None, Query(max_length=300, description="`next` of the page before.")] = None,
) -> Page:
    return Page(limit, after)


Paged = Annotated[Page, Depends(_page)]


def answer_page(items: Sequence[dict[str, Any]], limit: int, cursor: str) -> JSONResponse:
    """A page of up to one item more than `limit`, which says that there are more; `cursor` is what names an item."""
    shown = items[:limit]
    return JSONResponse({"items": shown, "next": str(shown[-1][cursor]) if len(items) > limit else None})
