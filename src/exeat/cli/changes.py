"""What is different between two loaded documents, in one line: `upstreams +billing ~github; consumers -web`."""

from collections.abc import Mapping
from dataclasses import replace

from exeat.config.compile import Loaded
from exeat.model.upstream import Upstream

SHOWN = 8
WHOLE = ("cors", "domains", "network", "audit", "limits", "webhooks")


def describe_changes(before: Loaded, after: Loaded) -> str:
    """Names that came (`+`), went (`-`) or mean something else now (`~`), by section of the document."""
    parts = [
        _describe_upstreams(before, after),
        _describe("destinations", _listed(before, "destinations"), _listed(after, "destinations")),
        _describe("consumers", _named(before, "consumers"), _named(after, "consumers")),
        *(_describe_whole(name, before, after) for name in WHOLE),
        _describe("endpoints", _by_hand(before), _by_hand(after)),
    ]
    return "; ".join(part for part in parts if part) or "only values that references stand for"


def _describe(section: str, before: Mapping[str, object], after: Mapping[str, object]) -> str:
    marks = [
        *(f"+{name}" for name in after if name not in before),
        *(f"-{name}" for name in before if name not in after),
        *(f"~{name}" for name, value in after.items() if name in before and before[name] != value),
    ]
    if not marks:
        return ""
    more = f" and {len(marks) - SHOWN} more" if len(marks) > SHOWN else ""
    return f"{section} {' '.join(marks[:SHOWN])}{more}"


def _describe_whole(section: str, before: Loaded, after: Loaded) -> str:
    return f"~{section}" if before.document.get(section) != after.document.get(section) else ""


def _describe_upstreams(before: Loaded, after: Loaded) -> str:
    if before.snapshot.upstreams is after.snapshot.upstreams:  # a thousand of them take a while
        return ""
    return _describe("upstreams", _upstreams(before), _upstreams(after))


def _upstreams(loaded: Loaded) -> Mapping[str, Upstream]:
    """Compiled, so that another secret or TLS file counts; where they are written doesn't."""
    return {upstream.name: replace(upstream, source="") for upstream in loaded.snapshot.upstreams.values()}


def _by_hand(loaded: Loaded) -> Mapping[str, object]:
    """What operators said of endpoints; that nothing holds any more is what a change of it leaves."""
    return {said.id: (said.state, said.until, said.reset) for said in loaded.snapshot.by_hand}


def _named(loaded: Loaded, section: str) -> Mapping[str, object]:
    found = loaded.document.get(section)
    return found if isinstance(found, Mapping) else {}


def _listed(loaded: Loaded, section: str) -> Mapping[str, object]:
    found = loaded.document.get(section)
    entries = found if isinstance(found, list) else []
    return {str(entry.get("host") if isinstance(entry, Mapping) else entry): entry for entry in entries}
