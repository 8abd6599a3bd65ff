"""h11 as a second opinion: what it makes of a request's head, of an answer's head, and of a chunked body."""

from dataclasses import dataclass

import h11

REQUEST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Ended:
    """A chunked body that came to its end: `rest` is what follows it."""

    content: bytes
    trailers: list[tuple[bytes, bytes]]
    rest: bytes


def request_by_h11(head: bytes) -> h11.Request | None:
    """The request whose head this is; None if h11 refuses it."""
    oracle = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    oracle.receive_data(head + b"\r\n\r\n")
    try:
        event = oracle.next_event()
    except h11.RemoteProtocolError:
        return None
    return event if isinstance(event, h11.Request) else None


def answer_by_h11(head: bytes, method: bytes = b"GET") -> h11.Response | h11.InformationalResponse | None:
    """The answer (to a request of a method) whose head this is; None if h11 refuses it."""
    oracle = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    oracle.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    oracle.send(h11.EndOfMessage())
    oracle.receive_data(head + b"\r\n\r\n")
    try:
        event = oracle.next_event()
    except h11.RemoteProtocolError:
        return None
    return event if isinstance(event, h11.Response | h11.InformationalResponse) else None


def chunked_by_h11(raw: bytes) -> Ended | bytes | None:
    """The chunked body at the beginning of these bytes; its content so far if it has no end; None if h11 refuses it."""
    oracle = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    oracle.receive_data(REQUEST + raw)
    oracle.next_event()
    content = b""
    while True:
        try:
            event = oracle.next_event()
        except h11.RemoteProtocolError:
            return None
        if isinstance(event, h11.Data):
            content += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            trailers = [(bytes(name), bytes(value)) for name, value in event.headers.raw_items()]
            return Ended(content, trailers, oracle.trailing_data[0])
        else:
            return content


def body_by_h11(method: bytes, head: bytes, body: bytes) -> tuple[bytes, bool, bytes] | None:
    """The body of an answer after which the connection ends: content, whether it is whole, and what follows it."""
    oracle = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    oracle.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    oracle.send(h11.EndOfMessage())
    oracle.receive_data(head + b"\r\n\r\n" + body)
    oracle.receive_data(b"")
    content = b""
    while True:
        try:
            event = oracle.next_event()
        except h11.RemoteProtocolError:
            return content, False, b""
        if isinstance(event, h11.Data):
            content += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return content, True, oracle.trailing_data[0]
        elif not isinstance(event, h11.Response):
            return None
