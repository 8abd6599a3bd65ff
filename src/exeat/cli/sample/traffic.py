"""The demonstration's own calls: two a second, most of them fine, some refused, slow or failing."""

import http.client
import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from exeat.cli.sample.address import Connect

PAUSE_S = 0.5
END_S = 2.0


@dataclass(frozen=True, slots=True)
class Call:
    """One call through the gateway."""

    method: str
    path: str
    body: object = None
    fields: Mapping[str, str] = field(default_factory=dict)


CHAT = {"model": "sample-1", "stream": True, "messages": [{"role": "user", "content": "Still there?"}]}
ORDER = {"product": 2, "quantity": 1}
BATCH = [{"upstream": "weather", "path": "/current", "query": {"city": city}} for city in ("Oslo", "Lima")]
CALLS = (
    Call("GET", "/notes?per_page=2"),
    Call("GET", "/weather/current?city=Oslo"),
    Call("GET", "/shop/products"),
    Call("POST", "/model/v1/chat/completions", CHAT),
    Call("GET", "/notes/3"),
    Call("POST", "/notes", {"text": "A note by the demo itself"}),
    Call("GET", "/weather/forecast?city=Lisbon&days=5"),
    Call("GET", "/files/bytes/200000"),
    Call("POST", "/shop/orders", ORDER),  # refused: its grant is for GET
    Call("GET", "/shop/products/2"),
    Call("GET", "/current?city=Kyoto", fields={"Host": "weather.gateway.internal"}),
    Call("POST", "/-/call", BATCH),
    Call("GET", "/files/slow/1"),
    Call("GET", "/notes/999999"),  # the upstream's own 404
    Call("GET", "/https://example.com/"),  # refused: not listed
    Call("GET", "/files/status/503"),
    Call("GET", "/files/lines/5?delay_ms=50"),
    Call("GET", "/payroll/salaries"),  # refused: no such upstream
    Call("GET", "/files/cut"),  # ends in the middle
    Call("PUT", "/notes/4", {"text": "Bread, olives, coffee, figs"}),
)


@contextmanager
def traffic(connect: Connect, key: str) -> Iterator[Callable[[], None]]:
    """Gives a function that starts the calls; they end with the block."""
    ended = threading.Event()
    thread = threading.Thread(target=_call_on, args=(connect, key, ended), daemon=True)
    try:
        yield thread.start
    finally:
        ended.set()
        if thread.is_alive():
            thread.join(END_S)


def _call_on(connect: Connect, key: str, ended: threading.Event) -> None:
    """One call after the other until the end; a failure is part of the show."""
    connection: http.client.HTTPConnection | None = None
    for call in itertools.cycle(CALLS):
        if ended.wait(PAUSE_S):
            break
        try:
            connection = connection or connect()
            _send(connection, call, key)
        except (OSError, http.client.HTTPException):
            if connection is not None:
                connection.close()
            connection = None
    if connection is not None:
        connection.close()


def _send(connection: http.client.HTTPConnection, call: Call, key: str) -> None:
    fields = {"Exeat-Key": key, **call.fields}
    body = None
    if call.body is not None:
        fields["Content-Type"] = "application/json"
        body = json.dumps(call.body).encode()
    connection.request(call.method, call.path, body, fields)
    response = connection.getresponse()
    while response.read(65536):
        pass
