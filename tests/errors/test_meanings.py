"""Every failure has a meaning, and the meanings are those of the contract."""

import re

import pytest

from exeat.errors import MEANINGS, Code, GatewayError
from exeat.proxy.answers import REASONS

# The contract's table of statuses and codes, as far as there are such failures yet.
CONTRACT = {
    400: {"malformed-request", "malformed-target", "envelope-invalid"},
    401: {"key-missing", "key-malformed", "key-unknown", "key-expired", "key-revoked"},
    402: {"budget-exhausted"},
    403: {
        "grant-missing",
        "method-not-granted",
        "path-not-granted",
        "target-not-allowed",
        "port-not-allowed",
        "address-blocked",
        "plaintext-refused",
        "ip-not-allowed",
    },
    404: {"upstream-unknown"},
    405: {"method-not-allowed"},
    408: {"client-timeout"},
    413: {"body-too-large"},
    414: {"target-too-long"},
    429: {
        "rate-limited",
        "quota-exhausted",
        "too-many-concurrent",
        "queue-full",
        "queue-timeout",
        "upstream-cooling-down",
    },
    431: {"fields-too-large"},
    499: {"client-closed"},
    500: {"internal"},
    502: {
        "dns-failed",
        "connect-failed",
        "tls-failed",
        "upstream-closed",
        "upstream-malformed",
        "credential-unavailable",
        "retries-exhausted",
    },
    503: {"circuit-open", "draining", "overloaded", "state-unavailable", "audit-unavailable"},
    504: {"connect-timeout", "response-timeout", "idle-timeout", "deadline-exceeded"},
    508: {"loop-detected"},
}
# RFC 9209 §2.3: the words that Proxy-Status may hold.
PROXY_STATUS = {
    "dns_timeout",
    "dns_error",
    "destination_not_found",
    "destination_unavailable",
    "destination_ip_prohibited",
    "destination_ip_unroutable",
    "connection_refused",
    "connection_terminated",
    "connection_timeout",
    "connection_read_timeout",
    "connection_write_timeout",
    "connection_limit_reached",
    "tls_protocol_error",
    "tls_certificate_error",
    "tls_alert_received",
    "http_request_error",
    "http_request_denied",
    "http_response_incomplete",
    "http_protocol_error",
    "http_response_timeout",
    "http_upgrade_failed",
    "proxy_internal_response",
    "proxy_internal_error",
    "proxy_configuration_error",
    "proxy_loop_detected",
}


def test_statuses_are_those_of_the_contract() -> None:
    """Each code has the status that the contract gives it, and there is no other code."""
    assert {(str(code), MEANINGS[code].status) for code in Code} == {
        (code, status) for status, codes in CONTRACT.items() for code in codes
    }


def test_every_code_has_a_meaning() -> None:
    """The table is whole, in the order of its codes, and holds nothing else."""
    assert list(MEANINGS) == list(Code)


@pytest.mark.parametrize("code", list(Code))
def test_a_meaning_helps(code: Code) -> None:
    """A meaning has a title of one line, an explanation and a hint in sentences, and a word of RFC 9209."""
    meaning = MEANINGS[code]
    assert re.fullmatch(r"[A-Z][^\n]{5,70}[^.\n]", meaning.title)
    for text in (meaning.explanation, meaning.hint):
        assert re.fullmatch(r"[A-Z].*[.)]", text)
        assert "\n" not in text
    assert meaning.proxy_status in PROXY_STATUS
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)


@pytest.mark.parametrize("code", list(Code))
def test_a_status_has_its_reason_phrase(code: Code) -> None:
    """The gateway can write the status line of every failure."""
    assert REASONS[MEANINGS[code].status]


@pytest.mark.parametrize("code", list(Code))
def test_when_to_come_back(code: Code) -> None:
    """What is over soon says so: 429 and 503 carry Retry-After, in whole seconds."""
    meaning = MEANINGS[code]
    assert (meaning.retry_after is not None) is (meaning.status in {429, 503})
    assert meaning.retry_after is None or meaning.retry_after >= 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (Code.TLS_FAILED, ("tls.ca", "tls.certificate", "tls.key")),
        (Code.BODY_TOO_LARGE, ("less at once", "envelope")),
        (Code.MALFORMED_REQUEST, ("the detail",)),
    ],
)
def test_advice_for_every_cause(code: Code, words: tuple[str, ...]) -> None:
    """Where a code has several causes, its hint helps with each."""
    assert all(word in MEANINGS[code].hint for word in words)
    assert "not valid HTTP" not in MEANINGS[Code.MALFORMED_REQUEST].title


def test_an_error_knows_its_row() -> None:
    """An error carries its code and what it was told, and reads the rest from the table."""
    error = GatewayError(Code.DRAINING, "It stops.", hint="Wait.", untouched=True, closes=True)
    assert error.meaning is MEANINGS[Code.DRAINING]
    assert (error.detail, error.hint, error.untouched, error.closes) == ("It stops.", "Wait.", True, True)
    assert str(error) == "draining: It stops."
