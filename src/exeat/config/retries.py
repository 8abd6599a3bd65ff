"""Entries of retries into what the data plane uses, and what can't hold together with other entries."""

from collections.abc import Iterator

from exeat.config import document as doc
from exeat.config.credential_entries import Header
from exeat.config.retry_entries import Retries as RetriesEntry
from exeat.model.retries import Retries

PAUSES = ("backoff", "backoff_limit", "retry_after_limit")


def compile_retries(entry: RetriesEntry) -> Retries:
    """When a call is tried again."""
    return Retries(
        limit=entry.limit,
        statuses=entry.statuses,
        backoff_s=entry.backoff,
        backoff_limit_s=entry.backoff_limit,
        retry_after_limit_s=entry.retry_after_limit,
        budget=entry.budget,
        body_bytes=entry.body,
        idempotency_key=None if entry.idempotency_key is None else entry.idempotency_key.encode(),
    )


def retry_faults(entry: doc.Upstream) -> Iterator[tuple[str, str]]:
    """What is written of retries that another entry of the upstream makes void: the field, and what to do."""
    retries, total = entry.retries, entry.timeout.total
    for name in PAUSES:
        if name in retries.model_fields_set and total is not None and getattr(retries, name) >= total:
            seconds = getattr(retries, name)
            yield name, f"is {seconds:g} s, and timeout.total ends every call after {total:g} s; shorten one of them"
    key, credential = retries.idempotency_key, entry.credential
    if key is not None and isinstance(credential, Header) and credential.name.lower() == key.lower():
        yield "idempotency_key", "is the field of the credential; name the one in which the upstream reads the key"
    if key is not None and key.lower() in {"authorization", "x-api-key", "cookie"}:
        yield "idempotency_key", "is a field for secrets; name the one in which the upstream reads the key"
