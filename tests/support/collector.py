"""A collector of traces that keeps what it gets: OTLP over HTTP, as OpenTelemetry's own would take it."""

import gzip
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

Value = str | int | float | bool
KINDS = {Message.SPAN_KIND_SERVER: "server", Message.SPAN_KIND_CLIENT: "client"}


@dataclass(frozen=True)
class Span:
    """One span as it came: identifiers in hexadecimal, times in ns since the epoch."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    state: str
    began: int
    ended: int
    is_error: bool
    attributes: Mapping[str, Value]
    events: tuple[tuple[str, int], ...]
    resource: Mapping[str, Value]


@dataclass
class Collector:
    """What it has got: spans in order, and of each request the raw bytes and the fields."""

    port: int = 0
    status: int = 200
    spans: list[Span] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    fields: list[Mapping[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """What EXEAT_OTLP_URL is set to."""
        return f"http://127.0.0.1:{self.port}"

    def take(self, path: str, fields: Mapping[str, str], body: bytes) -> int:
        """One request; the status of its answer."""
        if path != "/v1/traces" or fields.get("content-type") != "application/x-protobuf":
            return 404
        if self.status != 200:
            return self.status
        raw = gzip.decompress(body) if fields.get("content-encoding") == "gzip" else body
        self.raw.append(raw)
        self.fields.append(fields)
        for of_resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
            resource = {one.key: value_of(one.value) for one in of_resource.resource.attributes}
            for of_scope in of_resource.scope_spans:
                self.spans += [span_of(message, resource) for message in of_scope.spans]
        return 200


def value_of(value: AnyValue) -> Value:
    """The value of an attribute."""
    kind = value.WhichOneof("value")
    assert kind in {"string_value", "int_value", "double_value", "bool_value"}
    found: Value = getattr(value, kind)
    return found


def span_of(message: Message, resource: Mapping[str, Value]) -> Span:
    """A span from its message."""
    return Span(
        name=message.name,
        kind=KINDS[message.kind],
        trace_id=message.trace_id.hex(),
        span_id=message.span_id.hex(),
        parent_id=message.parent_span_id.hex(),
        state=message.trace_state,
        began=message.start_time_unix_nano,
        ended=message.end_time_unix_nano,
        is_error=message.status.code == Status.STATUS_CODE_ERROR,
        attributes={one.key: value_of(one.value) for one in message.attributes},
        events=tuple((event.name, event.time_unix_nano) for event in message.events),
        resource=resource,
    )


@contextmanager
def collector(port: int = 0) -> Iterator[Collector]:
    """Run one for the length of a block."""
    got = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = got.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    got.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
