"""Active checks: a request of Exeat's own to each endpoint whose upstream asks for that, to see whether it is well.

Rule 1: checks go through the one dialler, so what calls may not reach checks may not either. They carry no credential.
Rule 2: they are no exchanges: nothing is recorded, no limit is spent.
Rule 3: one process of an instance checks; the others hear of it as of circuits.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exeat.errors import GatewayError
from exeat.model.circuit import HealthCheck
from exeat.model.decision import Decision
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Endpoint, Timeouts
from exeat.policy.retry import FAILED_CODES
from exeat.proxy.balancing import Balancing
from exeat.proxy.dial import Dialler
from exeat.proxy.drive import Wait
from exeat.telemetry.logs import Log
from exeat.wire.http1 import ResponseHead

REQUEST: Final = (
    b"GET %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: exeat health check\r\nAccept: */*\r\nConnection: close\r\n\r\n"
)
REST_CHECKS: Final = 3  # a bad check stands for the time of so many, should no other one follow


@dataclass(slots=True)
class Check:
    """The checks of one endpoint, and what came of them; `is_well` is None until that is known."""

    endpoint: Endpoint
    rules: HealthCheck
    task: asyncio.Task[None]
    good: int = 0
    bad: int = 0
    is_well: bool | None = None


class HealthChecks:
    """All checks of one process. `chance` gives numbers in [0, 1), which spread the checks over the time."""

    def __init__(self, dialler: Dialler, balancing: Balancing, log: Log, chance: Callable[[], float]) -> None:
        self._dialler = dialler
        self._balancing = balancing
        self._log = log
        self._chance = chance
        self._checks: dict[str, Check] = {}

    def follow(self, snapshot: Snapshot) -> None:
        """Check what this snapshot says, and nothing else; a check that is the same goes on."""
        wanted = {
            endpoint.id: (endpoint, upstream.health)
            for upstream in snapshot.upstreams.values()
            if upstream.health is not None
            for endpoint in upstream.endpoints
        }
        for name, check in list(self._checks.items()):
            if name not in wanted or not _is_same(check, *wanted[name]):
                check.task.cancel()
                del self._checks[name]
                self._balancing.check_passed(name)  # who isn't checked any more doesn't rest for that
        for name, (endpoint, rules) in wanted.items():
            if name not in self._checks:
                task = asyncio.get_running_loop().create_task(self._go_on(name))
                self._checks[name] = Check(endpoint, rules, task)

    def close(self) -> None:
        """Check no more."""
        for check in self._checks.values():
            check.task.cancel()
        self._checks.clear()

    async def _go_on(self, name: str) -> None:
        """Check an endpoint again and again, first at some moment within its time."""
        loop = asyncio.get_running_loop()
        check = self._checks[name]
        every_s = check.rules.every_s
        at = loop.time() + every_s * self._chance()
        while True:
            await asyncio.sleep(at - loop.time())
            try:
                await ask(check.endpoint, check.rules, self._dialler)
            except GatewayError as error:
                if error.code in FAILED_CODES:
                    self._failed(check, str(error.code))
            except NotWell as error:
                self._failed(check, str(error))
            except Exception as error:  # noqa: BLE001 - a boundary: a bug mustn't end the checks for ever
                self._log.bug(error, endpoint=name)
            else:
                self._passed(check)
            at = max(at + every_s, loop.time())

    def _failed(self, check: Check, reason: str) -> None:
        check.good = 0
        check.bad += 1
        if check.bad < check.rules.unhealthy:
            return
        name, reason = check.endpoint.id, f"health check: {reason}"
        if check.is_well is not False:
            check.is_well = False
            self._log.warning("endpoint isn't well", endpoint=name, reason=reason)
        self._balancing.check_failed(name, check.rules.every_s * REST_CHECKS, reason)

    def _passed(self, check: Check) -> None:
        check.bad = 0
        check.good += 1
        if check.good < check.rules.healthy:
            return
        if check.is_well is False:
            self._log.info("endpoint is well again", endpoint=check.endpoint.id)
        check.is_well = True
        self._balancing.check_passed(check.endpoint.id)


class NotWell(Exception):  # noqa: N818 - what a check finds isn't a fault
    """An endpoint answered otherwise than it should."""


async def ask(endpoint: Endpoint, rules: HealthCheck, dialler: Dialler) -> None:
    """Check an endpoint once, on a connection of its own; GatewayError and NotWell say why it isn't well.

    The head of the answer is all that counts: the body isn't read.
    """
    limit_s = rules.timeout_s
    try:
        async with asyncio.timeout(limit_s):
            each = Timeouts(dns_s=limit_s, connect_s=limit_s, tls_s=limit_s)
            connection = await dialler.dial(endpoint.route, each, reported=_ignore)
            try:
                request = REQUEST % (rules.path, endpoint.host)
                head = await _result(connection.send(request, b"GET", None, chunked=False, has_body=False))
            finally:
                connection.close()
    except TimeoutError:
        raise NotWell(f"no answer within {limit_s:g} s") from None
    if not any(first <= head.status <= last for first, last in rules.statuses):
        raise NotWell(f"status {head.status}")


async def _result(wait: Wait[ResponseHead]) -> ResponseHead:
    """What a wait brings, for code that runs as a task."""
    if not wait.is_done:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        wait.resume = lambda: None if done.done() else done.set_result(None)
        await done
    return await wait


def _is_same(check: Check, endpoint: Endpoint, rules: HealthCheck) -> bool:
    return check.rules == rules and check.endpoint.route == endpoint.route


def _ignore(decision: Decision) -> None:
    """An address that only report mode lets pass is in the records of the calls."""
