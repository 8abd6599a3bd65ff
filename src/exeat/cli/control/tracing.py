"""Sends spans to a collector, by OTLP over HTTP, in a thread of its own.

Rule 1: nobody waits for a collector: beyond a bound what was noted is dropped, oldest first, and that is logged.
Rule 2: a collector that is away costs the spans of that time, and one line of the log.
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import orjson
import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from exeat.cli.control.spans import resource_of, spans_of
from exeat.telemetry.logs import Log

WAITING_LIMIT_BYTES = 32 * 1024 * 1024
TOGETHER = 512  # spans in one request
TIMEOUT_S = 10.0
LAST_S = 3.0


class Reasons(logging.Handler):
    """Keeps what OpenTelemetry says last: why spans weren't taken, and what was wrong at the try before."""

    def __init__(self) -> None:
        super().__init__()
        self._said: deque[str] = deque(maxlen=2)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self._said.append(record.getMessage())

    def take(self) -> str:
        """What was said since it was asked last."""
        reasons = " ".join(reversed(self._said))
        self._said.clear()
        return reasons


class Tracing(threading.Thread):
    """The thread. `headers` are those of EXEAT_OTLP_HEADERS; `ca_file` replaces the system's trust store."""

    def __init__(self, url: str, headers: str | None, ca_file: str | None, instance: str, log: Log) -> None:
        super().__init__(name="tracing", daemon=True)
        session = requests.Session()
        session.trust_env = False  # of the environment: no proxy, no password
        self._exporter = OTLPSpanExporter(
            endpoint=url,
            headers=parse_headers(headers),
            certificate_file=ca_file,
            timeout=TIMEOUT_S,
            compression=Compression.Gzip,
            session=session,
        )
        self._reasons = Reasons()
        library = logging.getLogger("opentelemetry")
        library.addHandler(self._reasons)
        library.propagate = False
        self._resource = resource_of(instance)
        self._log = log
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        self._is_failing = False
        self._is_over = False
        self._come = threading.Condition()

    def take(self, payload: bytes) -> None:
        """What a worker has noted; from any thread."""
        with self._come:
            self._waiting.append(payload)
            self._waiting_bytes += len(payload)
            while self._waiting_bytes > WAITING_LIMIT_BYTES:
                self._waiting_bytes -= len(self._waiting[0])
                self._dropped += len(orjson.loads(self._waiting.popleft())["exchanges"])
            self._come.notify()

    def finish(self) -> None:
        """Send what is left, if that doesn't take long."""
        with self._come:
            self._is_over = True
            self._come.notify()
        self.join(LAST_S)
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # OpenTelemetry's

    def run(self) -> None:
        """Send what comes, until the end."""
        while (payload := self._next()) is not None:
            try:
                noted = orjson.loads(payload)
                self._say_dropped(noted["dropped"])
                self._send(noted["exchanges"])
            except Exception as error:  # noqa: BLE001 - the outermost boundary: what follows is still to be sent
                self._log.bug(error)

    def _next(self) -> bytes | None:
        with self._come:
            while not self._waiting:
                if self._is_over:
                    return None
                self._come.wait()
            payload = self._waiting.popleft()
            self._waiting_bytes -= len(payload)
            return payload

    def _send(self, exchanges: Sequence[Any]) -> None:
        spans: list[ReadableSpan] = []
        for noted in exchanges:
            spans += spans_of(noted, self._resource)
            if len(spans) >= TOGETHER:
                self._export(spans)
                spans = []
        if spans:
            self._export(spans)

    def _export(self, spans: Sequence[ReadableSpan]) -> None:
        failed = self._exporter.export(spans) is not SpanExportResult.SUCCESS
        if failed and not self._is_failing:
            self._log.warning("traces can't be sent", reason=self._reasons.take())
        elif self._is_failing and not failed:
            self._log.info("traces are sent again")
        self._is_failing = failed

    def _say_dropped(self, by_worker: int) -> None:
        with self._come:
            dropped, self._dropped = self._dropped + by_worker, 0
        if dropped:
            self._log.warning("traces were dropped: more came than were sent", exchanges=dropped)


def parse_headers(text: str | None) -> dict[str, str]:
    """Header fields from `name=value,name=value`."""
    pairs = [part.strip().partition("=") for part in (text or "").split(",") if part.strip()]
    return {name: value for name, _, value in pairs}
