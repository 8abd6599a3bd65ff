"""The entry `retries` of an upstream: what it means, and what is wrong with it."""

import pytest

from exeat.model.retries import DEFAULT, Retries
from tests.config.conftest import Desk

ONE = "upstreams: {a: {url: 'https://a.com', %s}}\n"
ALL = (
    "retries: {limit: 4, statuses: [429, 503], backoff: 50ms, backoff_limit: 1s, retry_after_limit: 2m, budget: 10,"
    " body: 1KiB, idempotency_key: X-Token}"
)


def compiled(desk: Desk, entry: str) -> Retries:
    return desk.load(ONE % entry).snapshot.upstreams[b"a"].retries


@pytest.mark.parametrize(
    ("entry", "retries"),
    [
        ("via: false", DEFAULT),
        ("retries: {}", DEFAULT),
        ("retries: 5", Retries(limit=5)),
        ("retries: '5'", Retries(limit=5)),
        ("retries: 0", Retries(limit=0)),
        ("retries: off", Retries(limit=0)),
        (ALL, Retries(4, frozenset({429, 503}), 0.05, 1.0, 120.0, 10, 1024, b"X-Token")),
        ("retries: {statuses: off}", Retries(statuses=frozenset())),
        ("retries: {idempotency_key: true}", Retries(idempotency_key=b"Idempotency-Key")),
        ("retries: {idempotency_key: off}", DEFAULT),
        ("retries: {retry_after_limit: 20s}, timeout: {total: off}", Retries(retry_after_limit_s=20.0)),
        ("timeout: {total: 2s}", DEFAULT),
    ],
)
def test_what_is_written(desk: Desk, entry: str, retries: Retries) -> None:
    """Each form of the entry, and what it leaves out."""
    assert compiled(desk, entry) == retries


@pytest.mark.parametrize(
    ("entry", "path", "text"),
    [
        ("retries: 11", "retries", "write a number from 0 to 10, off, or a mapping"),
        ("retries: true", "retries", "write a number from 0 to 10, off, or a mapping"),
        ("retries: [502]", "retries", "write a number from 0 to 10, off, or a mapping"),
        ("retries: {limit: 11}", "retries.limit", "write a whole number from 0 to 10"),
        ("retries: {limits: 1}", "retries.limits", "did you mean 'limit'?"),
        ("retries: {statuses: []}", "retries.statuses", "must be a list, as in [502, 503, 504], or off"),
        ("retries: {statuses: [200]}", "retries.statuses", "'200' is no status of an error"),
        ("retries: {backoff: 0}", "retries.backoff", "write a duration"),
        ("retries: {backoff: 10s}", "retries", "backoff 10s is longer than backoff_limit 5s; write a longer"),
        ("retries: {backoff: 2s, backoff_limit: 1s}", "retries", "backoff 2s is longer than backoff_limit 1s; shorten"),
        ("retries: {limit: 0, budget: 5}", "retries", "has 'budget', and limit 0"),
        ("retries: {budget: 0}", "retries.budget", "write a whole number from 1 to 100"),
        ("retries: {body: 2MiB}", "retries.body", "write a size up to 1MiB"),
        ("retries: {idempotency_key: 'X Y'}", "retries.idempotency_key", "isn't a field name"),
        ("retries: {idempotency_key: Content-Length}", "retries.idempotency_key", "belongs to the connection"),
        ("retries: {idempotency_key: Cookie}", "retries.idempotency_key", "is a field for secrets"),
        ("retries: {idempotency_key: 5}", "retries.idempotency_key", "write true, off, or the name of the field"),
        (
            "credential: {kind: header, name: X-Token, secret: s}, retries: {idempotency_key: x-token}",
            "retries.idempotency_key",
            "is the field of the credential",
        ),
        (
            "timeout: {total: 5s}, retries: {retry_after_limit: 5s}",
            "retries.retry_after_limit",
            "is 5 s, and timeout.total ends every call after 5 s",
        ),
    ],
)
def test_what_is_wrong(desk: Desk, entry: str, path: str, text: str) -> None:
    """What can't be meant, or can't hold together, is refused with what to write."""
    (line,) = desk.problems(ONE % entry)
    assert f"upstreams.a.{path}: " in line
    assert text in line
