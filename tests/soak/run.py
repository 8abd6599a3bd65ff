"""One soak: a gateway with two workers under every kind of load while it is reloaded, and samples of what it takes."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.soak.callers import Callers, Keys
from tests.soak.samples import Growth, Sample, judge, processes_of, sample
from tests.soak.upstreams import behave
from tests.support.gateway import Gateway, JsonObject, MadeKey, make_key, run_exeat, wait_until
from tests.support.origins import Origin
from tests.support.site import TOKEN, ask

WORKERS = 2
SAMPLE_S = 1.0
SAMPLES = 120  # at least, of a short run
RELOAD_S = 3.0
VARIANTS = 10
QUIET_S = 30.0  # after the load: until nothing is under way and no connection is open any more
SETTINGS = {
    "EXEAT_CONTROL_LISTEN": "127.0.0.1:0",
    "EXEAT_ADMIN_TOKEN": TOKEN,
    "EXEAT_LOG_LEVEL": "info",
    "EXEAT_UPSTREAM_KEEP_ALIVE_S": "5",
}


class Flow(NamedTuple):
    """What was under way at one moment, and how many calls had been answered."""

    at_s: float
    in_flight: int
    answered: int


class Outcome(NamedTuple):
    """What a soak has found. `problems` are sentences; without any it was as it has to be."""

    samples: Sequence[Sample]
    flow: Sequence[Flow]
    growth: Sequence[Growth]
    answers: Counter[tuple[str, int]]
    reloads: int
    problems: Sequence[str]


def soak(folder: Path, length_s: float, say: Callable[[str], None]) -> Outcome:
    """Run it so long in a folder; `say` is told how it goes, once a minute."""
    keys = make_key(), make_key()
    with Origin(behave) as first, Origin(behave) as second, Origin(behave) as bad:
        origins = (first, second, bad)
        with Gateway(document(origins, keys, 0), SETTINGS, workers=WORKERS, folder=folder) as gateway:
            with Callers(gateway.port, Keys(*(key.key for key in keys))) as callers:
                watch = Watch(gateway, callers, lambda number: document(origins, keys, number))
                watch.run(length_s, min(SAMPLE_S, length_s / SAMPLES), say)
                callers.end()
                problems = [*callers.failures, *watch.problems, *what_is_left(gateway), *what_was_logged(gateway)]
            reloads = len(gateway.events("in force")) - 1
        verified = run_exeat("audit", "verify", cwd=folder, timeout_s=600)
        if verified.returncode != 0:
            problems.append(f"the trail can't be verified: {verified.stdout}")
        if reloads < watch.reloads // 2:
            problems.append(f"of {watch.reloads} changes of the document, {reloads} are in force")
    growth = judge(watch.samples)
    problems += [f"{one.process} has grown: {one}" for one in growth if not one.is_flat]
    return Outcome(watch.samples, watch.flow, growth, callers.answers, reloads, problems)


class Watch:
    """Takes samples and changes the document, again and again."""

    def __init__(self, gateway: Gateway, callers: Callers, make: Callable[[int], JsonObject]) -> None:
        self.samples: list[Sample] = []
        self.flow: list[Flow] = []
        self.problems: list[str] = []
        self.reloads = 0
        self._gateway, self._callers, self._make = gateway, callers, make

    def run(self, length_s: float, sample_s: float, say: Callable[[str], None]) -> None:
        """Do so for this long."""
        wait_until(lambda: len(processes_of(self._gateway)) == WORKERS + 3, "all processes run")
        processes = processes_of(self._gateway)
        began = time.monotonic()
        said, every = 0, max(1, round(RELOAD_S / sample_s))
        for turn in range(1, round(length_s / sample_s) + 1):
            at_s = time.monotonic() - began
            try:
                self.samples += sample(processes, at_s)
            except FileNotFoundError as error:
                self.problems.append(f"a process has ended after {at_s:.0f} s: {error}")
                processes = processes_of(self._gateway)
            self.flow.append(Flow(at_s, in_flight(self._gateway), sum(self._callers.answers.values())))
            if turn % every == 0:
                self.reloads += 1
                self._gateway.write(self._make(self.reloads))
            if at_s // 60 > said:
                said = int(at_s // 60)
                say(self._line(said))
            time.sleep(max(0.0, began + turn * sample_s - time.monotonic()))

    def _line(self, minutes: int) -> str:
        last = {one.process: one for one in self.samples[-WORKERS - 3 :]}
        each = ", ".join(f"{name} {one.resident_bytes / 2**20:.1f} MiB/{one.descriptors}" for name, one in last.items())
        failed = len(self._callers.failures)
        return f"{minutes} min: {self.flow[-1].answered} calls, {failed} unexpected, {self.reloads} changes; {each}"


def in_flight(gateway: Gateway) -> int:
    """How many exchanges the workers have under way, by their reports."""
    return sum(worker["in_flight"] for worker in ask(gateway, "GET", "/status").data["workers"])


def what_is_left(gateway: Gateway) -> list[str]:
    """What is under way or open after everybody has gone."""

    def is_quiet() -> bool:
        workers = ask(gateway, "GET", "/status").data["workers"]
        names = ("in_flight", "connections", "upstream_connections")
        return all(worker[name] == 0 for worker in workers for name in names)

    try:
        wait_until(is_quiet, "nothing is under way, and no connection is open", QUIET_S)
    except AssertionError as error:
        return [f"{error}: {ask(gateway, 'GET', '/status').data['workers']}"]
    return []


def what_was_logged(gateway: Gateway) -> list[str]:
    """Faults that the gateway itself has logged, and changes that it didn't take."""
    events = gateway.events()
    return [
        f"log: {event}"
        for event in events
        if event.get("level") == "error" or str(event.get("message")).startswith(("bug", "reload refused"))
    ]


def document(origins: Sequence[Origin], keys: Sequence[MadeKey], number: int) -> JsonObject:
    """What the gateway serves by after so many changes: destinations, weights and endpoints come and go."""
    first, second, bad = origins
    variant = number % VARIANTS
    endpoints: list[object] = [{"url": first.url, "weight": 1 + variant}]
    if variant % 3:
        endpoints.append({"url": second.url, "weight": 2})
    api = first.entry()
    del api["url"]
    free, limited = keys
    return {
        "upstreams": {
            "api": {**api, "endpoints": endpoints, "health": {"path": "/fine", "every": "2s"}},
            "bad": bad.entry(timeout={"response": "1s"}, **({"circuit": "off"} if variant % 2 else {})),
        },
        "destinations": [f"variant-{variant}.example", f"number-{number}.example"],
        "consumers": {
            "free": {"keys": [{"sha256": free.sha256}], "grants": ["api", "bad"]},
            "limited": {
                "keys": [{"sha256": limited.sha256}],
                "grants": ["api"],
                "limits": [
                    {"rate": f"{20 + variant}/second"},
                    {"rate": "5/second", "per": "header:X-Tenant"},
                    {"quota": "10_000_000/year"},
                    {"concurrency": 50},
                ],
            },
        },
    }
