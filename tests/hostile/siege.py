"""A gateway under attack beside a neighbour that only wants to work, and what has to be true of that."""

import os
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

from tests.hostile.elsewhere import Elsewhere
from tests.hostile.neighbour import Neighbour, Waits
from tests.hostile.process import Watched
from tests.support.gateway import Gateway, make_key, wait_until

Arguments = ParamSpec("Arguments")

# One time slice of the scheduler (CONFIG_HZ=250 gives 4 ms, 3 of them uninterrupted): what a process may wait for a
# processor where more want to run than there are. A gateway that stands still stands still for longer.
FLOOR_MS = 3.0
# What a worker may hold in memory, whatever a hundred hostile peers do: it begins with 30 MiB.
MEMORY_MIB = 64
ROUNDS = 3
ROUNDS_BEFORE = 2
RECOVERY_S = 10.0


class Siege:
    """One gateway with one worker, before and while it is attacked."""

    def __init__(
        self, gateway: Gateway, key: str, neighbour: Neighbour, attacker: Elsewhere, before: Waits | None
    ) -> None:
        self.gateway = gateway
        self.port = gateway.port
        self.key = key
        self._neighbour = neighbour
        self._attacker = attacker
        self._certificate = str(gateway.certificate) if gateway.url.startswith("https") else None
        self.memory_mib = MEMORY_MIB
        (pid,) = gateway.worker_pids()
        self._worker = Watched(pid)
        self._files = self._worker.files
        self.before = before or min((self._measure() for _ in range(ROUNDS_BEFORE)), key=lambda waits: waits.p99_ms)
        self.begin()

    def _measure(self) -> Waits:
        return self._neighbour.measure(self.port, self.key, self._certificate)

    def begin(self) -> None:
        """Forget the attack before."""
        self.seen: Counter[str] = Counter()
        self.during: Waits | None = None
        self.peak_mib = 0.0

    def figures(self) -> dict[str, object]:
        """What was measured."""
        return {
            "p99_before_ms": round(self.before.p99_ms, 2),
            "p99_during_ms": None if self.during is None else round(self.during.p99_ms, 2),
            "peak_mib": round(self.peak_mib, 1),
            "seen": ", ".join(f"{count} x {outcome}" for outcome, count in self.seen.items()),
        }

    def head(self, target: str, *lines: str, method: str = "GET") -> bytes:
        """The head of a request with the key."""
        first = (f"{method} {target} HTTP/1.1", "Host: gateway", f"Exeat-Key: {self.key}", *lines)
        return "".join(f"{line}\r\n" for line in (*first, "")).encode("latin-1")

    @contextmanager
    def under(
        self, attack: Callable[Arguments, Counter[str]], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Iterator[None]:
        """Attack for the length of a block. After it: memory stayed within its bound, no connection is left over."""
        self._worker.forget_peak()
        with self._attacker.doing(attack, *args, **kwargs) as result:
            yield
        self.seen = result.result()
        self.peak_mib = self._worker.peak_kib / 1024
        assert self.peak_mib < self.memory_mib
        self.expect_recovery()

    @property
    def busy_s(self) -> float:
        """The processor's time that the worker has used."""
        return self._worker.busy_s

    @contextmanager
    def out_of_files(self, spare: int) -> Iterator[None]:
        """The worker can open so many files more, and no others, for the length of a block."""
        limits = resource.prlimit(self._worker.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self._worker.pid, resource.RLIMIT_NOFILE, (self._worker.files + spare, limits[1]))
        yield
        resource.prlimit(self._worker.pid, resource.RLIMIT_NOFILE, limits)

    def go_on(self) -> None:
        """Let the attack enter its second part."""
        self._attacker.go_on()

    def expect_recovery(self) -> None:
        """The worker holds no connection any more, of callers or to upstreams."""
        wait_until(lambda: self._worker.files <= self._files, f"{self._files} open files again", RECOVERY_S)

    def expect_a_calm_neighbour(self) -> None:
        """The neighbour's 99th percentile is at most twice what it was; the machine is forgiven a bad moment."""
        bound = max(2 * self.before.p99_ms, self.before.p99_ms + FLOOR_MS)
        rounds = []
        for _ in range(ROUNDS):
            self.during = self._measure()
            rounds.append(self.during)
            if self.during.p99_ms <= bound:
                return
        raise AssertionError(f"before: {self.before}, bound {bound:.1f} ms, during: {rounds}")


class Ground:
    """Where gateways are attacked: on these processors, before these upstreams, with these settings."""

    def __init__(
        self,
        processors: set[int],
        attacker: Elsewhere,
        neighbour: Neighbour,
        upstreams: dict[str, object],
        settings: dict[str, str],
    ) -> None:
        self._processors = processors
        self._attacker = attacker
        self._upstreams = {"neighbour": neighbour.entry, **upstreams}
        self._neighbour = neighbour
        self._settings = settings
        self._before: dict[bool, Waits] = {}  # by whether callers connect over TLS

    @contextmanager
    def besieged(self, settings: dict[str, str] | None = None, *, tls: bool = False) -> Iterator[Siege]:
        """A gateway with one worker, for the length of a block."""
        key = make_key()
        document = {
            "upstreams": self._upstreams,
            "consumers": {"everybody": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        with Gateway(document, self._settings | (settings or {}), tls=tls) as gateway:
            for pid in gateway.worker_pids():
                os.sched_setaffinity(pid, self._processors)
            siege = Siege(gateway, key.key, self._neighbour, self._attacker, self._before.get(tls))
            self._before[tls] = siege.before
            yield siege
