"""What the admin API is built on: everything that it doesn't have itself is a field of `Services`."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import Engine

from exeat.admin.passwords import Passwords
from exeat.admin.running import NOTHING, Running
from exeat.config.display import show
from exeat.config.problem import Problem
from exeat.config.sources import Source
from exeat.model.key import ALPHABET
from exeat.model.secret import Secret
from exeat.model.stored import Stored
from exeat.model.upstream import Network
from exeat.telemetry.metrics import Sample
from exeat.vault.seal import Sealer

Document = Mapping[str, object]
Members = Mapping[str, object] | None
SECTIONS = ("audit", "cors", "domains", "limits", "network", "webhooks")


class Checked(NamedTuple):
    """What a configuration would be: no problems means that it can be in force."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Outside(NamedTuple):
    """The part of the document that only file and environment can change, its secrets masked.

    `sources` says where each object is written, by kind (upstream, consumer, destination, section) and name.
    """

    document: Document = MappingProxyType({})
    sources: Mapping[tuple[str, str], str] = MappingProxyType({})


class Asked(NamedTuple):
    """A request to be explained: by whom, what, with which fields (`Name: value`), and from which address."""

    consumer: str
    method: str
    target: str
    headers: tuple[str, ...] = ()
    address: str | None = None
    resolve: bool = False


class QuestionError(Exception):
    """A question that makes no sense: `faults` says where in it (a JSON pointer) and why, and holds no key."""

    def __init__(self, *faults: tuple[str, str]) -> None:
        super().__init__("; ".join(text for _, text in faults))
        self.faults = faults


class Told(NamedTuple):
    """What became of a message to a webhook: the status of its answer, or why there is none."""

    delivered: bool
    status: int | None
    reason: str | None


def _cannot_explain(_asked: Asked) -> Mapping[str, object]:
    raise QuestionError(("", "this gateway explains nothing"))


def draw_symbols(count: int) -> str:
    """Random symbols of base62, from the system's source for secrets."""
    return "".join(secrets.choice(ALPHABET) for _ in range(count))


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes use.

    `check` compiles the database's part together with file and environment. `audit(actor, action, what, before,
    after)` puts down the record of a change and says whether it is safe; where it isn't, the change isn't made.
    `status` is what is known of a gateway that runs, as GET /status answers it; `started_at` in µs since 1970.
    `changed(revision)` is called after each commit of a change. `explain` says what would happen to a request, or
    raises QuestionError. `endpoints` are the URLs of an upstream's endpoints, None if there is no such upstream; it
    raises QuestionError where that can't be known. `test_webhook` sends a message to the webhook of a name, None if
    there is none. `clock` gives seconds since 1970, `steady` seconds that never go back; `report` gets what nobody
    expected. `samples` are those of all metrics, which are shown to whoever has the `metrics_token` (None: to anybody).
    `trusted` are the networks of proxies that are believed when they say who called them. `running` is the gateway
    itself.
    """

    engine: Engine
    sealer: Sealer
    check: Callable[[Stored], Checked]
    audit: Callable[[str, str, str, Members, Members], bool]
    clock: Callable[[], float]
    steady: Callable[[], float]
    status: Callable[[], Mapping[str, object]] = dict
    outside: Callable[[], Outside] = Outside
    explain: Callable[[Asked], Mapping[str, object]] = _cannot_explain
    endpoints: Callable[[str], tuple[str, ...] | None] = lambda _name: None
    test_webhook: Callable[[str], Told | None] = lambda _name: None
    changed: Callable[[int], None] = lambda _revision: None
    samples: Callable[[], Sequence[Sample]] = tuple
    metrics_token: Secret | None = None
    report: Callable[[Exception, str], None] = lambda _error, _request_id: None
    trusted: tuple[Network, ...] = ()
    passwords: Passwords = field(default_factory=Passwords)
    symbols: Callable[[int], str] = draw_symbols
    running: Running = NOTHING

    def now_us(self) -> int:
        """Microseconds since 1970."""
        return int(self.clock() * 1_000_000)


def describe_outside(source: Source) -> Outside:
    """File and environment, as `exeat.config.compile.outside` reads them, for `Services.outside`."""
    sources = {
        (kind, str(name)): source.places.find((section, name)).provenance
        for section, kind in (("upstreams", "upstream"), ("consumers", "consumer"))
        for name in _mapping(source.data.get(section))
    }
    for index, entry in enumerate(list_of(source.data.get("destinations"))):
        sources["destination", host_of(entry)] = source.places.find(("destinations", index)).provenance
    for name in SECTIONS:
        if name in source.data:
            sources["section", name] = source.places.find((name,)).provenance
    return Outside(show(source.data), sources)


def host_of(entry: object) -> str:
    """The host pattern of a destination, whichever way it is written."""
    return str(entry.get("host") if isinstance(entry, Mapping) else entry)


def list_of(value: object) -> list[object]:
    """A list, or an empty one in place of anything else."""
    return list(value) if isinstance(value, list | tuple) else []


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
