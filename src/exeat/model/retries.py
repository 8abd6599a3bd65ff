"""How often, and after which pauses, an upstream is tried again."""

from dataclasses import dataclass
from typing import Final

STATUSES: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retries:
    """The rules of one upstream; `limit` is how many attempts may follow the first one, 0 none.

    `statuses` are those of answers that are worth another attempt. `budget` is the percentage of the upstream's calls
    of late that may be retries. `body_bytes` is how much of a request's body is kept to be sent again.
    `idempotency_key` is the name of the field by which the upstream recognises a call that it has seen before.
    """

    limit: int = 2
    statuses: frozenset[int] = STATUSES
    backoff_s: float = 0.1
    backoff_limit_s: float = 5.0
    retry_after_limit_s: float = 10.0
    budget: int = 20
    body_bytes: int = 64 * 1024
    idempotency_key: bytes | None = None


DEFAULT: Final = Retries()
