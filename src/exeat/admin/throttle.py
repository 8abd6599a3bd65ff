"""Slows down who guesses passwords: each failure of an address makes it wait, twice as long each time.

Rule 1: an address without failures is never made to wait, so that nobody locks another one out.
Rule 2: an account that many addresses fail at gives each of them fewer free attempts.
Rule 3: an attempt counts as a failure while it is being checked, so that many at once are no way around.
Rule 4: what is remembered is bounded; the oldest is forgotten first.
"""

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE = 5
FREE_UNDER_ATTACK = 1
ATTACK = 20  # failures at one account
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 900.0
FORGET_S = 3600.0
KEPT = 10_000


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0
    waited: int = 0


class Throttle:
    """Failed log-ins by address and by account. `clock` is in seconds; safe for threads."""

    def __init__(self, clock: Callable[[], float], kept: int = KEPT) -> None:
        self._clock = clock
        self._kept = kept
        self._lock = threading.Lock()
        self._addresses: OrderedDict[str, _Failures] = OrderedDict()
        self._accounts: OrderedDict[str, _Failures] = OrderedDict()

    def enter(self, address: str, account: str) -> float:
        """Begin an attempt: 0, and it counts as failed until `succeed`; or how many seconds it has to wait."""
        with self._lock:
            of_address = self._find(self._addresses, network_of(address))
            of_account = self._find(self._accounts, account)
            free = FREE_UNDER_ATTACK if of_account.count >= ATTACK else FREE
            if of_address.count >= free:
                delay = min(FIRST_DELAY_S * 2.0 ** min(of_address.count - free, 20), LONGEST_DELAY_S)
                wait = of_address.last + delay - self._clock()
                if wait > 0:
                    of_address.waited += 1
                    return wait
            for failures in (of_address, of_account):
                failures.count += 1
                failures.last = self._clock()
            return 0.0

    def succeed(self, address: str, account: str) -> None:
        """The attempt was right: its address begins anew. The account's count stays: others may be guessing."""
        with self._lock:
            self._addresses.pop(network_of(address), None)
            of_account = self._accounts.get(account)
            if of_account is not None:
                of_account.count = max(0, of_account.count - 1)

    def take_waited(self, address: str) -> int:
        """How many attempts of an address had to wait since this was last asked, for the record of the next one."""
        with self._lock:
            of_address = self._addresses.get(network_of(address))
            if of_address is None:
                return 0
            waited, of_address.waited = of_address.waited, 0
            return waited

    def _find(self, known: OrderedDict[str, _Failures], name: str) -> _Failures:
        found = known.get(name)
        if found is None or self._clock() - found.last > FORGET_S:
            found = known[name] = _Failures()
        known.move_to_end(name)
        while len(known) > self._kept:
            known.popitem(last=False)
        return found

    def __len__(self) -> int:
        return max(len(self._addresses), len(self._accounts))


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the /64, which one subscriber has whole."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
