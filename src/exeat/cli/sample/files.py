"""The files service: bodies of any size and speed, redirects, any status, a connection cut in the middle."""

import hashlib
import time
from collections.abc import Iterator

from exeat.cli.sample.message import Answer, Request, answer_json, not_found, parse_number

PIECE = bytes(range(256)) * 256
MOST_BYTES = 2 * 1024**3
MOST_LINES = 1000
LONGEST_S = 30
MOST_REDIRECTS = 20


def serve(request: Request) -> Answer:
    """Answer one request; each path says what it does."""
    match request.segments:
        case ():
            return _index(request)
        case ("bytes", text):
            return _bytes(parse_number(text, 0, MOST_BYTES))
        case ("lines", text):
            delay_s = request.number("delay_ms", 20, 1000) / 1000
            return Answer(200, _lines(parse_number(text, 1, MOST_LINES), delay_s), (("Content-Type", "text/plain"),))
        case ("slow", text):
            time.sleep(parse_number(text, 0, LONGEST_S))
            return answer_json({"waited_s": int(text)})
        case ("redirect", text):
            return _redirect(request, parse_number(text, 0, MOST_REDIRECTS))
        case ("status", text):
            return _status(parse_number(text, 200, 599))
        case ("cut",):
            return Answer(200, _cut(), (("Content-Type", "application/octet-stream"),), length=10**6)
        case ("digest",):
            return answer_json({"bytes": len(request.body), "sha256": hashlib.sha256(request.body).hexdigest()})
        case _:
            raise not_found()


def _index(request: Request) -> Answer:
    paths = ["/bytes/1000000", "/lines/20", "/slow/1", "/redirect/2", "/status/429", "/cut", "/digest", "/echo"]
    return answer_json({"paths": paths}, link=f'<{request.origin}/bytes/1000>; rel="item"')


def _bytes(length: int) -> Answer:
    return Answer(200, _pieces(length), (("Content-Type", "application/octet-stream"),), length=length)


def _pieces(length: int) -> Iterator[bytes]:
    while length > 0:
        yield PIECE[:length]
        length -= len(PIECE)


def _lines(count: int, delay_s: float) -> Iterator[bytes]:
    for number in range(1, count + 1):
        yield b"line %d of %d\n" % (number, count)
        time.sleep(delay_s)


def _cut() -> Iterator[bytes]:
    yield PIECE[:1000]
    raise ConnectionResetError("cut, as the path says")


def _redirect(request: Request, left: int) -> Answer:
    where = f"{request.origin}/redirect/{left - 1}" if left else f"{request.origin}/echo"
    return Answer(302, b"", (("Location", where),))


def _status(status: int) -> Answer:
    if status in {204, 304}:
        return Answer(status)
    if status in {429, 503}:
        return answer_json({"status": status}, status, retry_after="1")
    return answer_json({"status": status}, status)
