"""What the phases need of the process that they run in; worker.py is the one that does it."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from exeat.errors import GatewayError
from exeat.model.limits import Limits
from exeat.model.origin import Origin
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Destination, Endpoint, Network
from exeat.proxy.admission import Admission
from exeat.proxy.balancing import Balancing
from exeat.proxy.connections import Connections
from exeat.proxy.exchange import Caller, Exchange
from exeat.proxy.observing import Observing
from exeat.proxy.outbox import Outbox
from exeat.proxy.overload import Overload
from exeat.proxy.pool import Pool
from exeat.proxy.presenting import Presenting
from exeat.proxy.signed import Signers
from exeat.state.retry_budget import RetryBudgets
from exeat.wire.http1 import RequestHead


class Runtime(ABC):
    """One worker, as the phases see it. `clock` is monotonic seconds; `date` the value of a Date field for now.

    `leaving` says that it is about to drain, and no longer ready; `draining` that it accepts nothing more. `wall` is
    seconds since the epoch. `chance` gives random numbers in [0, 1).
    """

    clock: Callable[[], float]
    wall: Callable[[], float]
    chance: Callable[[], float]
    date: bytes
    leaving: bool
    draining: bool
    pool: Pool
    outbox: Outbox
    pseudonym: bytes
    snapshot: Snapshot
    trusted: tuple[Network, ...]
    connections: Connections
    limits: Limits
    admission: Admission
    overload: Overload
    balancing: Balancing
    presenting: Presenting
    signers: Signers
    budgets: RetryBudgets
    observing: Observing | None

    @abstractmethod
    async def own(self, exchange: Exchange, path: bytes) -> None:
        """Answer a request for one of Exeat's own paths."""

    @abstractmethod
    def exchange(self, head: RequestHead | None, caller: Caller) -> Exchange:
        """Begin an exchange."""

    @abstractmethod
    def serve(self, exchange: Exchange, finished: Callable[[], None]) -> None:
        """Run an exchange through the pipeline; `finished` is called at its end."""

    @abstractmethod
    def refuse(self, exchange: Exchange, error: GatewayError) -> None:
        """Answer and record a request that has no head that could be served."""

    @abstractmethod
    def intend(self, exchange: Exchange) -> None:
        """Put down that an exchange is about to be sent; GatewayError if no record of it could be kept."""

    @abstractmethod
    def record(self, exchange: Exchange) -> None:
        """Account for an exchange at its end."""

    @property
    @abstractmethod
    def keeps_records(self) -> bool:
        """Whether a new exchange may begin, as far as its record is concerned."""

    @abstractmethod
    def refusal(self, exchange: Exchange, error: GatewayError) -> GatewayError:
        """What a failure is answered with: where no record of it can be kept, it is that."""

    @abstractmethod
    def log_bug(self, exchange: Exchange, error: BaseException) -> None:
        """Log a fault of Exeat."""

    @abstractmethod
    def marks(self, identifier: str, origin: bytes) -> bytes:
        """The lines that every answer carries."""

    @abstractmethod
    def trusts(self, peer: str) -> bool:
        """Whether a peer is a proxy whose X-Forwarded-* fields are believed."""

    @abstractmethod
    def forwarded_for(self, head: RequestHead, peer: str) -> str:
        """The caller's address behind a trusted proxy."""

    @abstractmethod
    def endpoint(self, destination: Destination, origin: Origin) -> Endpoint:
        """The one endpoint of a destination at an origin."""

    @abstractmethod
    def is_pool_full(self, exchange: Exchange) -> bool:
        """Whether the bound on connections is what an exchange waits for."""
