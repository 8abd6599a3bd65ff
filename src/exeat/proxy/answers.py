"""Answers that Exeat itself gives: failures, and small bodies made here."""

from exeat.errors import GatewayError
from exeat.policy.cors import allowed_origin, is_preflight, replace_fields
from exeat.policy.problem import fields_of, problem_of, render_problem
from exeat.policy.retry_signs import NOT_AGAIN, is_hopeless, repeats
from exeat.proxy.exchange import Answer, Exchange

REASONS = {
    200: b"OK", 204: b"No Content", 400: b"Bad Request", 401: b"Unauthorized", 402: b"Payment Required",
    403: b"Forbidden", 404: b"Not Found", 405: b"Method Not Allowed", 408: b"Request Timeout",
    413: b"Content Too Large", 414: b"URI Too Long", 429: b"Too Many Requests",
    431: b"Request Header Fields Too Large", 499: b"Client Closed Request", 500: b"Internal Server Error",
    502: b"Bad Gateway", 503: b"Service Unavailable", 504: b"Gateway Timeout", 508: b"Loop Detected",
}  # fmt: skip


def answer(exchange: Exchange, status: int, fields: list[bytes], body: bytes, date: bytes) -> None:
    """Send a whole answer made by the gateway; the body is left out where the request was HEAD."""
    head = exchange.head
    fields = [*fields, b"Date: " + date + b"\r\n"]
    if head is not None and b"origin" in head.known and not is_preflight(head):
        fields = replace_fields(fields, allowed_origin(head, exchange.snapshot.cors))
    length = None if status == 204 else len(body)  # noqa: PLR2004 - RFC 9110 §8.6
    content = b"" if head is not None and head.method == b"HEAD" else body
    given = Answer(status, REASONS[status], fields, length, chunked=False, origin=b"gateway")
    exchange.caller.begin(given, content, done=True)


def fail(exchange: Exchange, error: GatewayError, date: bytes) -> None:
    """Tell the caller about a failure: a problem if the head isn't sent yet, else an answer that visibly breaks off."""
    exchange.error = error.code
    exchange.closes = error.closes
    exchange.status = exchange.status or error.meaning.status
    if exchange.caller.has_begun:
        exchange.caller.abort(error.code)
        return
    exchange.status = error.meaning.status
    problem = problem_of(error, exchange.id, exchange.upstream, len(exchange.attempts))
    fields, head = fields_of(error), exchange.head
    if head is not None and is_hopeless(error.code, error.retry_after) and repeats(head):
        fields.append(NOT_AGAIN)
    answer(exchange, error.meaning.status, fields, render_problem(problem), date)
