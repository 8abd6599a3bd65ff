"""Data that every reader reads alike: nothing twice, nothing infinite, no half characters, not too deep."""

import json
import math
from collections.abc import Iterator

import orjson

from exeat.admin.codes import Code
from exeat.admin.pointers import Parts, render_pointer
from exeat.admin.refusal import Fault, Refusal

DEPTH_LIMIT = 32  # as in a document


def check_json(body: bytes) -> None:
    """Refuse a body that two readers could read in two ways, or nobody can."""
    try:
        value = orjson.loads(body)
        json.loads(body, object_pairs_hook=_refuse_doubles)
    except (ValueError, RecursionError) as error:
        reason = str(error).partition(": ")[0] if isinstance(error, ValueError) else "it is nested too deeply"
        raise Refusal(Code.MALFORMED_REQUEST, f"The body isn't JSON that can be read in one way: {reason}.") from None
    level = [value]
    for _ in range(DEPTH_LIMIT):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            break
    else:
        raise Refusal(Code.MALFORMED_REQUEST, f"The body is more than {DEPTH_LIMIT} levels deep.")
    for fault in unfit_in(value):
        raise Refusal(Code.MALFORMED_REQUEST, f"The body can't be read: {fault.pointer} {fault.message}.")


def unfit_in(value: object, place: Parts = ()) -> Iterator[Fault]:
    """What JSON can't have, though a reader of JSON or YAML may give it."""
    match value:
        case dict():
            for name, inner in value.items():
                if not _is_unicode(str(name)):
                    yield Fault(render_pointer(place), "has a name with half a character (a lone surrogate)")
                else:
                    yield from unfit_in(inner, (*place, str(name)))
        case list():
            for index, inner in enumerate(value):
                yield from unfit_in(inner, (*place, index))
        case float() if not math.isfinite(value):
            yield Fault(render_pointer(place), "is no number that can be kept")
        case str() if not _is_unicode(value):
            yield Fault(render_pointer(place), "has half a character (a lone surrogate)")
        case _:
            pass


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _refuse_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name is written twice in one object")
    return dict(pairs)
