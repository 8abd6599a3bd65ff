"""Problems of the whole configuration as faults of one body: where in what was sent, rather than in the document."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from exeat.admin.refusal import Fault
from exeat.admin.services import Document, host_of, list_of
from exeat.config.problem import Problem

_PART = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")
SECTION_OF = {"upstream": "upstreams", "consumer": "consumers", "destination": "destinations"}
_KEY_FIELDS = {"expires": "expires_at"}  # which the document calls otherwise
Parts = tuple[str | int, ...]


class Focus(NamedTuple):
    """What a body is: an object of the document, or the whole of it (without a kind), its destinations in `order`."""

    kind: str = ""
    name: str = ""
    order: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """As records call it."""
        return f"{self.kind}/{self.name}"

    def within(self, place: Parts) -> Parts | None:
        """A place of the document as one of the body; None if it isn't in there."""
        match self.kind, place:
            case "", ("destinations", host, *rest):
                return ("destinations", self.order.index(str(host)), *rest) if host in self.order else None
            case "", _:
                return place
            case "section", (self.name, *rest):
                return tuple(rest)
            case "key", ("consumers", _, "keys", _, field, *rest):
                return (_KEY_FIELDS.get(str(field), field), *rest)
            case kind, (section, self.name, *rest) if section == SECTION_OF.get(kind):
                return tuple(rest)
            case _:
                return None


def faults_of(
    problems: Iterable[Problem], focus: Focus, stored: Document, outside: Document, *, elsewhere: bool = True
) -> list[Fault]:
    """Problems as faults of a body; those `elsewhere` have an empty pointer, and their path says where."""
    hosts = [host_of(entry) for part in (outside, stored) for entry in list_of(part.get("destinations"))]
    found = []
    for problem in problems:
        place = _named(parse_path(problem.path), hosts)
        within = focus.within(place)
        pointer = "" if within is None else render_pointer(within)
        if elsewhere or within is not None:
            found.append(Fault(pointer, problem.message, render_place(place), str(problem.place)))
    return found


def _named(place: Parts, hosts: list[str]) -> Parts:
    """A place with a destination's host in place of its number: nobody knows the numbers of two lists made one."""
    match place:
        case ("destinations", int() as index, *rest) if index < len(hosts):
            return ("destinations", hosts[index], *rest)
        case _:
            return place


def parse_path(path: str) -> Parts:
    """`upstreams.github.hosts[0]` into its parts."""
    return tuple(int(number) if number else name for number, name in _PART.findall(path))


def render_pointer(place: Parts) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)


def render_place(place: Parts) -> str:
    """A place as `exeat check` prints it, a destination by its host."""
    match place:
        case ("destinations", str() as host, *rest):
            head, place = f"destinations[{host}]", tuple(rest)
        case _:
            head = ""
    text = head + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")
