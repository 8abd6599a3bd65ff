"""The notes service: create, read, change and delete, in pages with Link (RFC 8288)."""

import itertools
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from exeat.cli.sample.message import Answer, Refusal, Request, answer_json, not_found, parse_number

ROOT = ("v1", "notes")
MOST_NOTES = 500
MOST_TEXT = 2000
LARGEST_ID = 10**9
FIRST = (
    "Water the plants on Thursday",
    "The spare key is with the neighbours",
    "Ask Ines about the invoice of March",
    "Bread, olives, coffee",
    "Book the room for the workshop",
    "Café at noon: bring the drawings",
    "Renew the passport before June",
)


@dataclass(slots=True)
class Notes:
    """The notes in memory; the oldest goes when there are too many."""

    _notes: dict[int, dict[str, object]] = field(default_factory=dict)
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        for text in FIRST:
            self._add(text)

    def serve(self, request: Request) -> Answer:
        """Answer one request below `/v1/notes`."""
        if request.segments[:2] != ROOT:
            raise not_found()
        with self._lock:
            match request.method, request.segments[2:]:
                case "GET" | "HEAD", ():
                    return self._page(request)
                case "POST", ():
                    return self._create(request)
                case _, (text,):
                    return self._one(request, parse_number(text, 1, LARGEST_ID))
                case _:
                    raise not_found()

    def _add(self, text: str) -> dict[str, object]:
        number = next(self._ids)
        note: dict[str, object] = {"id": number, "text": text, "created": datetime.now(UTC).isoformat("T", "seconds")}
        self._notes[number] = note
        if len(self._notes) > MOST_NOTES:
            del self._notes[next(iter(self._notes))]
        return note

    def _page(self, request: Request) -> Answer:
        size = request.number("per_page", 3, 100)
        page = request.number("page", 1, 10_000)
        notes = list(self._notes.values())
        last = max(1, math.ceil(len(notes) / size))
        places = {"first": 1, "prev": page - 1, "next": page + 1, "last": last}
        address = f"{request.origin}/v1/notes?per_page={size}&page="
        links = [f'<{address}{place}>; rel="{name}"' for name, place in places.items() if 1 <= place <= last]
        return answer_json(notes[(page - 1) * size : page * size], link=", ".join(links), x_total_count=str(len(notes)))

    def _create(self, request: Request) -> Answer:
        note = self._add(_text(request))
        return answer_json(note, 201, location=f"{request.origin}/v1/notes/{note['id']}")

    def _one(self, request: Request, number: int) -> Answer:
        note = self._notes.get(number)
        if note is None:
            raise not_found(f"There is no note {number}.")
        match request.method:
            case "GET" | "HEAD":
                return answer_json(note)
            case "PUT" | "PATCH":
                note["text"] = _text(request)
                return answer_json(note)
            case "DELETE":
                del self._notes[number]
                return Answer(204)
            case _:
                allowed = {"Allow": "GET, HEAD, PUT, PATCH, DELETE"}
                raise Refusal(405, "A note is read, changed or deleted.", allowed)


def _text(request: Request) -> str:
    text = request.json().get("text")
    if not isinstance(text, str) or not 0 < len(text) <= MOST_TEXT:
        raise Refusal(422, f"'text' is text of 1 to {MOST_TEXT} characters.")
    return text
