"""One gateway in front of upstreams that fail, each in its own way, all at once; and what was seen when it ended.

Every upstream stands in the document four times: as it is, with one retry, with one retry and two endpoints, and with a
circuit that one failure opens.
"""

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.faults.table import QUICK_S, Fault
from tests.support.access import attempts_of
from tests.support.gateway import Gateway, JsonObject, make_key, wait_until
from tests.support.markers import MARKERS
from tests.support.raw_caller import Answer, RawCaller
from tests.support.recorded import database_of, recorded_in

BUDGET = 1_000_000


OFF: JsonObject = {"retries": "off", "circuit": "off"}
ONE_RETRY: JsonObject = {"retries": {"limit": 1, "backoff": "10ms"}}
ONE_FAILURE: JsonObject = {"circuit": {"failures": 1, "rest": "60s"}}
CALM, RETRIED, ELSEWHERE, JUDGED = "calm", "retried", "elsewhere", "judged"
QUIET_S = 30.0
DRAIN_S = 14.0
TOKEN = MARKERS.make("token for a gateway whose upstreams fail")
# Makes one call on a new connection, given the target and the line with the key; nothing where the caller went. What
# follows the last slash of the target reaches the upstream, and is another one for each upstream of the document.
Act = Callable[[RawCaller, str, str], Answer | None]


def ask(caller: RawCaller, target: str, line: str) -> Answer:
    """Call as most callers do."""
    return caller.call("GET", target, line)


class Way(NamedTuple):
    """How a fault is brought about: by the upstream that the document has, and by how it is called."""

    entry: JsonObject
    act: Act = ask


class Call(NamedTuple):
    """One call: what was heard, the record of it, and how long it took until both were there."""

    answer: Answer | None
    took_s: float
    record: JsonObject

    @property
    def code(self) -> str | None:
        """The code that the caller was told in place of an answer."""
        return None if self.answer is None else self.answer.field("exeat-error")

    @property
    def problem(self) -> JsonObject:
        """The problem that it was told."""
        assert self.answer is not None
        found: JsonObject = json.loads(self.answer.body)
        return found

    @property
    def attempts(self) -> list[JsonObject]:
        """The attempts of the record."""
        return attempts_of(self.record)


class Trial(NamedTuple):
    """What came of a fault: twice as it is, with a retry, with another endpoint, and after a circuit has judged it."""

    first: Call
    second: Call
    retried: Call
    elsewhere: Call
    after: Call


Begun = tuple[Future[list[Call]], ...]


class Left(NamedTuple):
    """What is left when everything is over."""

    worker: JsonObject  # what it says of itself
    more_files: list[str]  # that it has open, and had not at the beginning
    drained_s: float
    spent: int
    lines: list[JsonObject]
    kept: Counter[str]  # how many records the database has of an exchange, by its id
    bugs: list[JsonObject]

    @property
    def cost(self) -> int:
        """What all records say together."""
        costs = (line["cost"] for line in self.lines)
        return sum(int(float(cost["amount"])) for cost in costs if isinstance(cost, dict))


class Seen(NamedTuple):
    """What was seen of a family of faults."""

    trials: dict[str, Trial]
    left: Left


class Lines:
    """The access lines of a gateway by upstream, each read once, for very many who wait for theirs."""

    def __init__(self, gateway: Gateway) -> None:
        self._file = (gateway.folder / "stdout.log").open("rb")
        self._lock = threading.Lock()
        self._rest = b""
        self._by_upstream: defaultdict[object, list[JsonObject]] = defaultdict(list)

    def of(self, upstream: str) -> list[JsonObject]:
        """Those of one upstream so far."""
        with self._lock:
            *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
            for line in map(json.loads, whole):
                self._by_upstream[line["upstream"]].append(line)
            return list(self._by_upstream[upstream])

    def close(self) -> None:
        """Read no more."""
        self._file.close()


class Stand:
    """A running gateway, and the key that may call everything."""

    def __init__(self, gateway: Gateway, key: str) -> None:
        self.gateway = gateway
        self.line = f"Exeat-Key: {key}"
        self.lines = Lines(gateway)

    def call(self, upstream: str, act: Act) -> Call:
        """Make a call, and wait for its record."""
        before = len(self.lines.of(upstream))
        with RawCaller(self.gateway.port) as caller:
            began = time.monotonic()
            answer = act(caller, f"/{upstream}/{upstream}", self.line)
            identifier = None if answer is None else answer.field("exeat-request-id")
            found: list[JsonObject] = []

            def is_there() -> bool:
                lines = self.lines.of(upstream)[before:]
                found[:] = lines if identifier is None else [line for line in lines if line["id"] == identifier]
                return bool(found)

            wait_until(is_there, f"the record of a call of {upstream}")
            return Call(answer, time.monotonic() - began, found[-1])

    def calls(self, upstream: str, act: Act, count: int) -> list[Call]:
        """Several calls, one after the other."""
        return [self.call(upstream, act) for _ in range(count)]

    def begin(self, pool: ThreadPoolExecutor, name: str, act: Act) -> Begun:
        """Begin to bring a fault about in the four ways in which it is looked at."""
        return (
            pool.submit(self.calls, name, act, 2),
            pool.submit(self.calls, f"{name}-{RETRIED}", act, 1),
            pool.submit(self.calls, f"{name}-{ELSEWHERE}", act, 1),
            pool.submit(self.calls, f"{name}-{JUDGED}", act, 2),
        )

    def worker(self) -> JsonObject:
        """What the worker says of itself; it does so once a second."""
        urls = self.gateway.serving["control"]
        assert isinstance(urls, list)
        response = httpx.get(f"{urls[0]}/api/v1/status", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)
        (found,) = response.json()["workers"]
        assert isinstance(found, dict)
        return found

    def wait_until_quiet(self, files: Counter[str]) -> Counter[str]:
        """Wait for as long as something is under way, or more files are open than these; which are left then.

        A question to name servers that has been given up comes to its end by itself, and has a socket now and then
        until it does; what is leaked never goes.
        """
        left: list[Counter[str]] = []

        def has_no_more() -> bool:
            left.append(self.files() - files)
            return not left[-1]

        with suppress(AssertionError):  # what isn't so is said by the test that looks at it
            wait_until(has_no_more, "every connection is closed", QUIET_S)
            wait_until(lambda: not self.worker()["upstream_connections"], "the worker says so", QUIET_S)
        return left[-1]

    def files(self) -> Counter[str]:
        """What the worker has open, connections among it, by kind or path."""
        (pid,) = self.gateway.worker_pids()
        found: Counter[str] = Counter()
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                found[str(file.readlink()).partition(":[")[0]] += 1
        return found

    def spent(self) -> int:
        """What was spent of the budget, by the gateway's own word."""
        with RawCaller(self.gateway.port) as caller:
            told = json.loads(caller.call("GET", "/-/whoami", self.line).body)
        (budget,) = told["limits"]
        return BUDGET - int(float(budget["remaining"]))


def trial_of(begun: Begun) -> Trial:
    """What came of a fault, when that is known."""
    (first, second), (retried,), (elsewhere,), (_, after) = (calls.result() for calls in begun)
    return Trial(first, second, retried, elsewhere, after)


def twice(entry: JsonObject) -> JsonObject:
    """An upstream with two endpoints at the same place."""
    more = dict(entry)
    url = str(more.pop("url"))
    return {**more, "endpoints": [url, f"{url}/other"]}


def document_of(faults: Sequence[Fault], ways: Mapping[str, Way], sha256: str) -> JsonObject:
    """The document: every upstream in its four forms, one call of each at a time."""
    upstreams: JsonObject = {CALM: ways[CALM].entry}
    for fault in faults:
        entry = {
            "timeout": {fault.phase: f"{QUICK_S:g}s"} if fault.phase else {},
            "limits": [{"concurrency": 1}],
            **OFF,
            **ways[fault.name].entry,
        }
        upstreams[fault.name] = entry
        upstreams[f"{fault.name}-{RETRIED}"] = entry | ONE_RETRY
        upstreams[f"{fault.name}-{ELSEWHERE}"] = twice(entry) | ONE_RETRY
        upstreams[f"{fault.name}-{JUDGED}"] = entry | ONE_FAILURE
    web = {
        "keys": [{"sha256": sha256}],
        "grants": ["*"],
        "limits": [{"budget": f"{BUDGET} USD/year", "price": "1 USD"}],
    }
    return {"upstreams": upstreams, "consumers": {"web": web}}


def observe(
    faults: Sequence[Fault], ways: Mapping[str, Way], origins: ExitStack, folder: Path, launcher: Sequence[str] = ()
) -> Seen:
    """Bring all faults of a family about at once; `origins` keeps their upstreams, which end with it on the way.

    One of the ways is called CALM: nothing is wrong there, and what is open after a call of it was always open.
    """
    key = make_key()
    env = {"EXEAT_CONTROL_LISTEN": "127.0.0.1:0", "EXEAT_ADMIN_TOKEN": TOKEN, "EXEAT_DRAIN_S": f"{DRAIN_S:g}"}
    document = document_of(faults, ways, key.sha256)
    with Gateway(document, env, folder=folder, launcher=launcher) as gateway:
        stand = Stand(gateway, key.key)
        stand.call(CALM, ask)
        files = stand.files() - Counter({"socket": 1})  # the connection to the calm upstream
        with ThreadPoolExecutor(4 * len(faults)) as pool:
            begun = {fault.name: stand.begin(pool, fault.name, ways[fault.name].act) for fault in faults}
            trials = {name: trial_of(calls) for name, calls in begun.items()}
        origins.close()
        more_files = stand.wait_until_quiet(files)
        worker, spent = stand.worker(), stand.spent()
        began = time.monotonic()
        gateway.stop()
        drained_s = time.monotonic() - began
        stand.lines.close()
        lines = gateway.access_lines()
        records = map(json.loads, recorded_in(database_of(folder)))
        kept = Counter(record["id"] for record in records if record["kind"] == "exchange")
        bugs = [event for event in gateway.events() if event["level"] == "error"]
    return Seen(trials, Left(worker, sorted(more_files.elements()), drained_s, spent, lines, kept, bugs))
