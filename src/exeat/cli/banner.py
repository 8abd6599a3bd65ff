"""What `exeat serve` says once it serves: where it listens, what it knows, and what to do next."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from exeat import __version__
from exeat.cli.counts import count, render_counts
from exeat.config.listen import Listen
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Destination


@dataclass(frozen=True, slots=True)
class Served:
    """What a gateway serves, and where; `certificate` is the file that its listeners show, None for plaintext."""

    addresses: tuple[Listen, ...]
    snapshot: Snapshot
    file: Path | None
    certificate: Path | None
    is_self_signed: bool
    workers: int
    control: tuple[Listen, ...] = ()

    def url(self, address: Listen) -> str:
        """How a caller on this machine addresses a listener."""
        if address.path is not None:
            return str(address)
        host = "localhost" if address.host in {"", "0.0.0.0", "::"} else address.host  # noqa: S104 - compared
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://{Listen(host, address.port)}"

    def facts(self) -> dict[str, object]:
        """The same for machines."""
        return {
            "version": __version__,
            "urls": [self.url(address) for address in self.addresses],
            "control": [self.url(address) for address in self.control],
            "workers": self.workers,
            "revision": self.snapshot.revision,
            **count(self.snapshot),
            **({} if self.certificate is None else {"certificate": str(self.certificate)}),
        }


def render_banner(served: Served) -> str:
    """The text for people."""
    urls = [served.url(address) for address in served.addresses]
    workers = "" if served.workers == 1 else f" with {served.workers} workers"
    what = f"{render_counts(served.snapshot)} from {_sources(served)}; revision {served.snapshot.revision}"
    first = f"Exeat {__version__} serves{workers} at"
    control = [f"Administer it at {served.url(address)}/ (dashboard) and /api/v1" for address in served.control]
    return "\n".join([first, *(f"  {url}" for url in urls), what, *control, *_next(served)])


def _sources(served: Served) -> str:
    snapshot = served.snapshot
    sources = {
        *(upstream.source for upstream in snapshot.upstreams.values()),
        *(consumer.source for consumer in snapshot.consumers.values()),
        *(destination.source for destination in _each_destination(snapshot)),
    }
    in_environment = "environment" in sources
    named = [
        *([str(served.file.name)] if served.file else []),
        *(["the environment"] if in_environment else []),
        *(["the database"] if "database" in sources else []),
    ]
    return " and ".join(named) or "nowhere: there is no exeat.yaml here"


def _next(served: Served) -> Iterable[str]:
    """What to do next: the first step that is still missing."""
    snapshot = served.snapshot
    if not snapshot.upstreams and not _each_destination(snapshot):
        yield "Nothing can be called yet. Write exeat.yaml, then: exeat check; or look around with: exeat demo"
        return
    if not snapshot.keys:
        yield "No key yet. Make one with: exeat key create"
    call = _curl(served, served.addresses[0])
    if snapshot.upstreams:
        name = next(iter(snapshot.upstreams)).decode()
        yield f'Try   {call}/{name}/ -H "Exeat-Key: $KEY"'
    else:
        yield f'Try   {call}/-/whoami -H "Exeat-Key: $KEY"'
    yield f"Look  {served.url(served.addresses[0])}/-/" if served.addresses[0].path is None else f"Look  {call}/-/"


def _curl(served: Served, address: Listen) -> str:
    """A curl command up to the path."""
    if address.path is not None:
        return f"curl --unix-socket {address.path} http://localhost"
    trust = f"--cacert {served.certificate} " if served.is_self_signed else ""
    return f"curl {trust}{served.url(address)}"


def _each_destination(snapshot: Snapshot) -> list[Destination]:
    return [entry for found in (*snapshot.exact.values(), *snapshot.below.values()) for entry in found]
